"""The asset `clusters`: an event's faces, grouped into people who stay who they are."""

from typing import Literal
from uuid import UUID

import dagster as dg

from memoria_pipeline.defs import grouping, holding, plots
from memoria_pipeline.defs.grouping import How
from memoria_pipeline.defs.holding import Context, Gate
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.defs.retries import retried
from memoria_pipeline.logs import discreet
from memoria_pipeline.people.cluster import Method
from memoria_pipeline.people.density import Density
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.settings import settings
from memoria_pipeline.store import events as event_store
from memoria_pipeline.vision.detector import Detector


class GroupingConfig(dg.Config):
    """How to group; the defaults are those of the settings.

    min_cluster_size, min_samples and epsilon are for `hdbscan`. force: group everything afresh,
    which is published at once where it changes hardly anything, and else waits for approval. start:
    "when enough" leaves an event alone that was never grouped and has fewer than 10 faces, or
    photos to analyse. despite_quality: publish what its expectations would hold back, knowingly:
    the run says so.
    """

    method: Method = settings().cluster_method
    min_cluster_size: int = settings().min_cluster_size
    min_samples: int = settings().min_samples
    epsilon: float = settings().cluster_epsilon
    churn_limit: float = settings().churn_limit
    force: bool = False
    start: Literal["always", "when enough"] = "always"
    despite_quality: bool = False

    def gate(self, context: Context, store: Store, detector: Detector, model: str) -> Gate:
        """What has to be met before anybody sees the result."""
        limit, despite = self.churn_limit, self.despite_quality
        return holding.gate(context, store, detector, model, churn_limit=limit, despite=despite)

    def how(self, detector: Detector, model: str, gate: Gate) -> How:
        """This, with the calibrated numbers of the pack."""
        return How(
            Thresholds.of(detector.thresholds(model)),
            self.churn_limit,
            self.method,
            Density(self.min_cluster_size, self.min_samples, self.epsilon),
            gate,
        )


@dg.asset(
    deps=["faces", "embeddings"],
    partitions_def=events,
    group_name="event",
    kinds={"postgres"},
)
@discreet
@retried
def clusters(
    context: dg.AssetExecutionContext,
    config: GroupingConfig,
    store: dg.ResourceParam[Store],
    detector: dg.ResourceParam[Detector],
) -> dg.MaterializeResult[None]:
    """People: groups of faces, never two of one photo. Whom a human decided on stays as decided."""
    with store.transaction() as conn:
        event = event_store.require_consent(conn, UUID(context.partition_key))
        waits = grouping.needless(conn, event, when_enough=config.start == "when enough")
    if waits is not None:
        return dg.MaterializeResult(metadata=waits)
    gate = config.gate(context, store, detector, event.face_model)
    with store.transaction() as conn:
        event = event_store.lock(conn, event.id)
        event_store.require_consent(conn, event.id)
        how = config.how(detector, event.face_model, gate)
        told = grouping.update(conn, event, how, force=config.force)
    shown = plots.of_people(store, event) if grouping.pictured(told) else {}
    return dg.MaterializeResult(metadata={**told, **shown})
