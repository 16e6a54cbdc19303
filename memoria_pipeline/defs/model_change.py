"""The assets `faces_beside` and `clusters_beside`: an event moves to another model pack.

The old pack goes on serving until all is ready; then one transaction swaps. Every face keeps its
id, and every decision stays.
"""

from uuid import UUID

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs import grouping
from memoria_pipeline.defs.clusters import GroupingConfig
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import PhotoStorage, Store
from memoria_pipeline.defs.retries import retried
from memoria_pipeline.defs.saving import analysed
from memoria_pipeline.logs import discreet
from memoria_pipeline.store import beside
from memoria_pipeline.store import events as event_store
from memoria_pipeline.store.media import PendingPhoto
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.detector import Detector


class NewPack(dg.Config):
    """The pack to move to, as MEMORIA_FACE_MODEL names it."""

    face_model: str


@dg.asset(
    deps=["media"],
    partitions_def=events,
    group_name="model_change",
    kinds={"onnx", "postgres"},
    pool="detector",
)
@discreet
@retried
def faces_beside(
    context: dg.AssetExecutionContext,
    config: NewPack,
    store: dg.ResourceParam[Store],
    photos: dg.ResourceParam[PhotoStorage],
    detector: dg.ResourceParam[Detector],
) -> dg.MaterializeResult[None]:
    """What another pack finds in the event's photos, beside what is in use; resumable."""
    other = detector.other(config.face_model)
    other.thresholds(other.pack)  # a pack that cannot group is refused before the work
    with store.transaction() as conn:
        event = event_store.require_consent(conn, UUID(context.partition_key))
        if event.face_model == other.pack:
            return dg.MaterializeResult(metadata={"run": "none: the event has this pack"})
        beside.start(conn, event.id, other.pack)
        todo = {p.storage_key: p for p in beside.pending(conn, event.id, other.pack)}
    done = {"photos analysed": 0, "photos unreadable": 0, "faces found": 0}
    read = photos.reader(event.photo_root)
    for outcome in other.analyse(other.pack, todo, read, skip_duplicates=False):
        with store.transaction() as conn:
            done[_save(conn, todo[outcome.key], outcome, other.pack)] += 1
        done["faces found"] += len(outcome.faces)
    return dg.MaterializeResult(metadata={"model": other.pack, **done})


def _save(conn: sa.Connection, photo: PendingPhoto, outcome: Outcome, model: str) -> str:
    """Save what became of one photo; returns what to count it as."""
    if outcome.error is not None:
        beside.save_failure(conn, photo.id, *outcome.error, model, etag=photo.etag)
        return "photos unreadable"
    beside.save(conn, [analysed(photo, outcome)], model)
    return "photos analysed"


@dg.asset(
    deps=["faces_beside"],
    partitions_def=events,
    group_name="model_change",
    kinds={"postgres"},
)
@discreet
@retried
def clusters_beside(
    context: dg.AssetExecutionContext,
    config: GroupingConfig,
    store: dg.ResourceParam[Store],
    detector: dg.ResourceParam[Detector],
) -> dg.MaterializeResult[None]:
    """The people by the new pack, with every decision kept; waits where too much would change."""
    with store.transaction() as conn:
        event = event_store.require_consent(conn, UUID(context.partition_key))
        model = beside.going(conn, event.id) or event.face_model
    gate = config.gate(context, store, detector, model)
    with store.transaction() as conn:
        event = event_store.lock(conn, event.id)
        event_store.require_consent(conn, event.id)
        told = grouping.move(conn, event, config.how(detector, model, gate))
    return dg.MaterializeResult(metadata=told)
