"""The assets `faces` and `embeddings`: one step, so that each photo is decoded once."""

import time
from collections.abc import Iterator
from uuid import UUID

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs import matching
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import PhotoStorage, Store
from memoria_pipeline.defs.retries import retried
from memoria_pipeline.defs.saving import Saving
from memoria_pipeline.logs import discreet
from memoria_pipeline.settings import settings
from memoria_pipeline.store import events as event_store
from memoria_pipeline.store import media as media_store
from memoria_pipeline.store.events import Event
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.pace import Pace, batched


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            "faces",
            deps=["media"],
            group_name="event",
            kinds={"onnx", "postgres"},
            description="Box, landmarks and quality of every face that was found.",
        ),
        dg.AssetSpec(
            "embeddings",
            deps=["media"],
            group_name="event",
            kinds={"onnx", "postgres"},
            description="One vector of unit length per face; it exists in faces.embedding only.",
        ),
    ],
    partitions_def=events,
    pool="detector",
)
@discreet
@retried
def faces_and_embeddings(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    photos: dg.ResourceParam[PhotoStorage],
    detector: dg.ResourceParam[Detector],
) -> Iterator[dg.MaterializeResult[None]]:
    """Analyse the photos that are new, changed or worth another try; commit some at a time."""
    started = time.perf_counter()
    saving = _begun(store, UUID(context.partition_key), detector)
    event, read = saving.event, photos.reader(saving.event.photo_root)
    found = detector.analyse(event.face_model, saving.todo, read, known=saving.known)
    pace = Pace(len(saving.todo))
    for batch in batched(found):
        saving.save(batch)
        if told := pace.after(len(batch)):
            context.log.info(told)
    with store.transaction() as conn:
        matching.afterwards(conn, event)
    made = saving.done | saving.sieve.told() | _speed(pace.done, time.perf_counter() - started)
    yield dg.MaterializeResult(asset_key="faces", metadata={"model": event.face_model, **made})
    yield dg.MaterializeResult(asset_key="embeddings", metadata={"new": made["faces found"]})


def _begun(store: Store, event_id: UUID, detector: Detector) -> Saving:
    """What there is to do, as one moment sees it."""
    with store.transaction() as conn:
        event = _event(conn, event_id, detector)
        tries = settings().photo_attempts
        pending = media_store.pending(conn, event.id, event.face_model, max_attempts=tries)
        todo = {photo.storage_key: photo for photo in pending}
        known = media_store.known_hashes(conn, event.id, event.face_model)
        return Saving(store, event, todo, known, matching.sieve(conn, event, detector.thresholds))


def _event(conn: sa.Connection, event_id: UUID, detector: Detector) -> Event:
    """The event, with the pack it keeps; one whose faces may not or cannot be used is refused."""
    event_store.keep_model(conn, event_id, detector.pack)
    event = event_store.require_consent(conn, event_id)
    detector.thresholds(event.face_model)  # a pack that cannot group is refused before the work
    return event


def _speed(photos: int, seconds: float) -> dict[str, float]:
    return {"seconds": round(seconds, 2), "photos per second": round(photos / seconds, 2)}
