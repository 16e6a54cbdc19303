"""What must be true before new people are shown: the same expectations that the checks report.

They are looked at in the transaction that would publish, so that no way of launching an asset gets
round them. What does not meet them is kept as a held run, and who stands stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline import __version__
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.quality.candidate import candidate
from memoria_pipeline.quality.expectations import (
    Expectation,
    Failure,
    Limits,
    Observed,
    declared,
    failures,
    of_grouping,
    reason,
)
from memoria_pipeline.settings import settings
from memoria_pipeline.store import canaries, held, observed
from memoria_pipeline.store.canaries import Canary
from memoria_pipeline.vision import canary
from memoria_pipeline.vision.detector import Detector

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


@dataclass(frozen=True, slots=True)
class Gate:
    """What a grouping has to meet. seen: what is known beside the database (the canary).

    since: when the photos to analyse were looked up. despite: publish whatever is not met.
    """

    expectations: tuple[Expectation, ...] = of_grouping(declared())
    seen: Observed = field(default_factory=dict)
    since: datetime | None = None
    despite: bool = False

    def failed(
        self, conn: sa.Connection, event_id: UUID, kind: str, measures: Mapping[str, Any]
    ) -> list[Failure]:
        """What a grouping with these measures does not meet, with what the event holds now."""
        photos = observed.of_photos(conn, event_id, self.since)
        return failures({**photos, **self.seen, **candidate(kind, measures)}, self.expectations)

    def still(
        self,
        conn: sa.Connection,
        event_id: UUID,
        kind: str,
        fingerprint: str,
        parameters: Mapping[str, Any],
    ) -> str | None:
        """Why the same would be held back as it was before; None where something changed."""
        back = held.tried(conn, event_id, kind, fingerprint, parameters)
        if back is None or self.despite:
            return None
        failed = self.failed(conn, event_id, kind, back.measures)
        return reason(failed) if failed else None


def gate(
    context: Context,
    store: Store,
    detector: Detector,
    model: str,
    *,
    churn_limit: float,
    despite: bool = False,
) -> Gate:
    """The gate of the settings, with what the pack makes of the photo whose faces are known."""
    return Gate(
        of_grouping(declared(replace(limits(), churn=churn_limit))),
        seen(store, detector, model),
        since(context),
        despite,
    )


def limits() -> Limits:
    """What is set."""
    return Limits(**settings().limits)


def seen(store: Store, detector: Detector, model: str) -> dict[str, float | None]:
    """What the pack makes of the known photo; a good look counts for an hour, for every run."""
    if not model:  # nothing was analysed yet
        return {"canary_wrong": None}
    how = f"{__version__} {detector.device} {detector.threshold} {detector.det_size}"
    with store.transaction() as conn:
        known = canaries.fresh(conn, model, how)
    if known is None:
        look = canary.look(detector, model)
        known = Canary(look.missed, look.surplus)
        with store.transaction() as conn:
            canaries.save(conn, model, how, known)
    return {"canary_wrong": known.wrong}


def since(context: Context) -> datetime | None:
    """When this run looked up the photos to analyse, else when it began; None where nobody knows.

    Photos go on coming while a run works: those are the next one's, and nothing is wrong.
    """
    stats = context.instance.get_run_step_stats(context.run.run_id, ["faces_and_embeddings"])
    record = context.instance.get_run_record_by_id(context.run.run_id)
    times = [each.start_time for each in stats] + [record.start_time if record else None]
    known = next((one for one in times if one), None)
    return datetime.fromtimestamp(known, UTC) if known else None
