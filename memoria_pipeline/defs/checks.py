"""Asset checks, each named as the sentence that should be true."""

from collections.abc import Callable
from uuid import UUID

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.settings import settings
from memoria_pipeline.store import checks, runs

Count = Callable[[sa.Connection, UUID], int]


def _none(asset: str, name: str, count: Count, about: str) -> dg.AssetChecksDefinition:
    """A check that `count` finds nothing in the partition's event."""

    @dg.asset_check(asset=asset, name=name, description=about, blocking=True, partitions_def=events)
    def check(
        context: dg.AssetCheckExecutionContext, store: dg.ResourceParam[Store]
    ) -> dg.AssetCheckResult:
        with store.transaction() as conn:
            found = count(conn, UUID(context.partition_key))
        return dg.AssetCheckResult(passed=found == 0, metadata={"observed": found, "allowed": 0})

    return check


every_photo_is_accounted_for = _none(
    "faces",
    "every_photo_is_accounted_for",
    checks.photos_unaccounted_for,
    "After a run every photo is analysed, or has a reason why not.",
)
every_found_face_is_stored = _none(
    "faces",
    "every_found_face_is_stored",
    checks.faces_miscounted,
    "A photo has as many faces as its analysis found.",
)
every_embedding_has_unit_length = _none(
    "embeddings",
    "every_embedding_has_unit_length",
    checks.embeddings_off_length,
    "Every face has one vector of length 1, ready for cosine.",
)
no_person_holds_two_faces_of_one_photo = _none(
    "clusters",
    "no_person_holds_two_faces_of_one_photo",
    checks.impure_persons,
    "Two faces in one photo are two people.",
)
every_face_is_what_a_human_decided = _none(
    "clusters",
    "every_face_is_what_a_human_decided",
    checks.faces_not_as_decided,
    "No automatic run changed what a human decided.",
)


@dg.asset_check(asset="clusters", blocking=False, partitions_def=events)
def the_last_grouping_is_sound(
    context: dg.AssetCheckExecutionContext, store: dg.ResourceParam[Store]
) -> dg.AssetCheckResult:
    """No decision is violated, nobody is twice in a photo, and old faces kept their mates."""
    with store.transaction() as conn:
        run = runs.last_run(conn, UUID(context.partition_key))
    measures = run.measures if run else {}
    limit = settings().churn_limit
    # An approved proposal may move as many as the organiser has seen.
    churn = measures.get("churn", 0) if run and run.kind == "incremental" else 0
    sound = not measures.get("violations") and not measures.get("impure") and churn <= limit
    return dg.AssetCheckResult(
        passed=sound,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"allowed churn": limit, **measures},
    )
