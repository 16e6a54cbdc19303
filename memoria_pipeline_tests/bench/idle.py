"""What all sensors cost while nothing happens: CPU per minute, less that with all of them off.

10,000 events, each with a folder that is there, photos that are analysed, a partition of faces in
the database and one in Dagster; when a folder was last looked at is spread as it is after a while.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.watch import folder_signature
from memoria_pipeline_tests.bench.backfill import start_sensors, stop_sensors
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.stack import Role, Stack, running

EVENTS = int(os.environ.get("MEMORIA_BENCH_EVENTS", "10000"))
PHOTOS = 3
SECONDS = 60.0
SETTLE = 30.0
"""Seconds before a measurement: what a tick left to do is done."""

PARTS: tuple[Role, ...] = ("daemon", "code server", "PostgreSQL")
_CHUNK = 250  # partitions made in one transaction: each takes locks


def rows(events: int = EVENTS) -> Iterator[Row]:
    """Two minutes, the first with all sensors off."""
    with running() as stack:
        names = stop_sensors(stack)
        started = time.monotonic()
        settle(stack, events)
        made = time.monotonic() - started
        off = _minute(stack)
        start_sensors(stack, names)
        on = _minute(stack)
        asked = stack.rows("dagster", "select count(*) from runs")[0][0]
    what = f"idle, {events:,} events, {len(names)} sensors"
    yield f"{what}: making them took", "no figure", f"{made:.0f} s", True
    yield f"{what}: runs asked for", "0", str(asked), asked == 0
    each = f"{on - off:.2f} CPU-s (on {on:.2f}, off {off:.2f})"
    yield f"{what}: CPU per minute", "< 2 s", each, on - off < 2


def _minute(stack: Stack) -> float:
    """CPU seconds per minute of all that sensors work in."""
    time.sleep(SETTLE)
    before, started = stack.cpu(*PARTS), time.monotonic()
    time.sleep(SECONDS)
    return (stack.cpu(*PARTS) - before) * 60 / (time.monotonic() - started)


def settle(stack: Stack, events: int) -> None:
    """So many events with all their work done."""
    for first in range(0, events, _CHUNK):
        roots = [_folder(stack.home / "albums" / str(i)) for i in range(first, first + _CHUNK)]
        with stack.memoria.begin() as conn:
            values = {"roots": roots, "model": stack.model}
            made = {row.photo_root: row.id for row in conn.execute(_EVENTS, values)}
            conn.execute(_MEDIA, [_photo(made[root], root, i) for root in roots for i in _NUMBERS])
            looked = [{"id": made[root], "signature": folder_signature(root)[0]} for root in roots]
            conn.execute(_WATCHED, looked)
        with stack.dagster.begin() as conn:
            conn.execute(_PARTITIONS, [{"key": str(event)} for event in made.values()])
    for engine in (stack.memoria, stack.dagster):
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
            conn.execute(sa.text("vacuum analyze"))  # not while the minute is measured
            conn.execute(sa.text("checkpoint"))


_NUMBERS = range(PHOTOS)


def _folder(root: Path) -> str:
    root.mkdir(parents=True)
    for number in _NUMBERS:
        (root / f"{number}.jpg").write_bytes(b"photo")
    return str(root)


def _photo(event: UUID, root: str, number: int) -> dict[str, object]:
    path = Path(root) / f"{number}.jpg"
    about = path.stat()
    etag = f"{about.st_mtime_ns:x}-{about.st_size:x}"
    return {"event": event, "key": path.name, "size": about.st_size, "etag": etag}


_EVENTS = sa.text(
    "insert into memoria.events (name, photo_root, face_model, face_recognition_enabled)"
    " select 'idle', r, :model, true from unnest(cast(:roots as text[])) as r"
    " returning id, photo_root"
)
# As photos are that were analysed long ago: nothing of them has arrived.
_MEDIA = sa.text(
    "insert into memoria.media (event_id, storage_key, byte_size, etag, status, sha256, width,"
    " height, faces_found, face_model, analysed_at, attempts, arrived, arrived_at)"
    " select :event, :key, :size, :etag, 'analysed', repeat('0', 64), 3, 2, 0, face_model, now(),"
    " 1, null, null from memoria.events where id = :event"
)
_WATCHED = sa.text(
    "update memoria.watched set signature = :signature, looked_at = now(),"
    " changed_at = now() - interval '1 day', next_look_at = now() + random() * interval '5 min'"
    " where event_id = :id"
)
_PARTITIONS = sa.text(
    "insert into dynamic_partitions (partitions_def_name, partition) values ('events', :key)"
)


if __name__ == "__main__":
    sys.exit(show("Idle", rows()))
