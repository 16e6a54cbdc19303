"""The assets `faces` and `embeddings`: one step, so that each photo is decoded once."""

import time
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs import matching
from memoria_pipeline.defs.matching import Whose
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import PhotoStorage, Store
from memoria_pipeline.defs.retries import retried
from memoria_pipeline.logs import discreet
from memoria_pipeline.settings import settings
from memoria_pipeline.store import events as event_store
from memoria_pipeline.store import media as media_store
from memoria_pipeline.store.events import Event
from memoria_pipeline.store.media import Analysed, PendingPhoto
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.detector import Detector


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
    """Analyse the photos that are new, changed or worth another try; commit photo by photo."""
    started = time.perf_counter()
    with store.transaction() as conn:
        event = _event(conn, UUID(context.partition_key), detector)
        tries = settings().photo_attempts
        pending = media_store.pending(conn, event.id, event.face_model, max_attempts=tries)
        todo = {photo.storage_key: photo for photo in pending}
        known = media_store.known_hashes(conn, event.id, event.face_model)
        sieve = matching.sieve(conn, event, detector.thresholds)
    done = dict.fromkeys(_COUNTED, 0)
    read = photos.reader(event.photo_root)
    for whole in detector.analyse(event.face_model, todo, read, known=known):
        outcome, whose = sieve.through(whole)
        with store.transaction() as conn:
            photo = todo[outcome.key]
            done[_save(conn, photo, outcome, event, known, sieve.threshold, whose)] += 1
        done["faces found"] += len(outcome.faces)
    with store.transaction() as conn:
        matching.afterwards(conn, event)
    speed = _speed(len(todo), time.perf_counter() - started)
    yield dg.MaterializeResult(
        asset_key="faces", metadata={"model": event.face_model, **done, **sieve.told(), **speed}
    )
    yield dg.MaterializeResult(asset_key="embeddings", metadata={"new": done["faces found"]})


_COUNTED = ("photos analysed", "faces found", "photos unreadable", "exact duplicates")


def _event(conn: sa.Connection, event_id: UUID, detector: Detector) -> Event:
    """The event, with the pack it keeps; one whose faces may not or cannot be used is refused."""
    event_store.keep_model(conn, event_id, detector.pack)
    event = event_store.require_consent(conn, event_id)
    detector.thresholds(event.face_model)  # a pack that cannot group is refused before the work
    return event


def _save(
    conn: sa.Connection,
    photo: PendingPhoto,
    outcome: Outcome,
    event: Event,
    known: dict[str, UUID],
    alike: float,
    whose: Whose,
) -> str:
    """Save what became of one photo; returns what to count it as. `known` learns its bytes.

    The etag goes along: where the file changed while it was analysed, it stays pending.
    """
    if outcome.error is not None:
        media_store.save_failure(conn, photo.id, *outcome.error, etag=photo.etag)
        return "photos unreadable"
    if outcome.duplicate:
        of = known[outcome.sha256]
        media_store.save_duplicate(conn, photo.id, outcome.sha256, of, etag=photo.etag)
        return "exact duplicates"
    made = analysed(photo, outcome)
    if event.forgets:
        theirs = matching.persons(conn, event.id, whose)
        made = replace(made, faces=tuple(theirs), whose=theirs)
    media_store.save_analysis(conn, [made], event.face_model, alike=alike)
    known[outcome.sha256] = photo.id
    return "photos analysed"


def analysed(photo: PendingPhoto, outcome: Outcome) -> Analysed:
    """What came of the photo, with its etag and its event's epoch as it was handed out."""
    return Analysed(
        photo.id,
        outcome.sha256,
        outcome.width,
        outcome.height,
        outcome.seconds,
        outcome.faces,
        etag=photo.etag,
        epoch=photo.epoch,
    )


def _speed(photos: int, seconds: float) -> dict[str, float]:
    return {"seconds": round(seconds, 2), "photos per second": round(photos / seconds, 2)}
