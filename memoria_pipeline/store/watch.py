"""Looks for photos where they come from: folders and buckets. What changed is registered.

A place that cannot be read is not an empty one: its row says why, nothing else changes, and the
others go on.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.store import inside, media, watched
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.store.watched import Look, Watched
from memoria_pipeline.vision.photo import EXTENSIONS
from memoria_pipeline.work.uploads import next_look

Transaction = Callable[[], AbstractContextManager[sa.Connection]]

_ENDINGS = tuple(EXTENSIONS)
_MOST = 200  # places a tick: with 100,000 of them a tick costs what it does with 1,000
_LONGEST = 10.0  # seconds a tick; Dagster gives a sensor 60
_EARLY = 50  # places a tick whose turn is minutes off: a handful of events is looked at each time
_SPARE = 0.05  # seconds a tick for them
_QUICK = 0.02  # seconds: what takes longer has to wait for its turn
# Events whose place this process looks at now. A look that hangs, at a server that is gone, must
# not hang each of the ticks after its own as well.
_looking: set[UUID] = set()


@dataclass(frozen=True, slots=True)
class Looks:
    """What came of a tick's looks: places changed, and places that could not be read."""

    changed: int = 0
    problems: int = 0


def look(transaction: Transaction, *, told: bool = False) -> Looks:
    """Look at the places that are due, and register what changed, each in its own transaction.

    told: a queue says what changes in buckets.
    """
    with transaction() as conn:
        due, early = watched.due(conn, _MOST), watched.early(conn, _EARLY)
    changed, looks = _round(transaction, due, _LONGEST, told=told)
    more, quick = _round(transaction, early, _SPARE, told=told)
    looks += quick
    if looks:
        with transaction() as conn:
            watched.save_looks(conn, looks)
    return Looks(changed + more, sum(each.problem is not None for each in looks))


def _round(
    transaction: Transaction, places: Iterable[Watched], seconds: float, *, told: bool
) -> tuple[int, list[Look]]:
    """Look at places while there is time: how many changed, and what came of the others."""
    changed, looks, until = 0, [], time.monotonic() + seconds
    for place in places:
        if time.monotonic() > until:
            break
        if place.event_id in _looking:
            continue
        started = time.perf_counter()
        new, problem = _look_at(transaction, place)
        if new:
            changed += 1
            continue
        took = time.perf_counter() - started
        bucket = "://" in place.root
        pause = timedelta(seconds=took)
        again = next_look(place.now, place.changed_at, pause, told=told and bucket)
        looks.append(Look(place.event_id, again, problem, took < _QUICK and not bucket))
    return changed, looks


def _look_at(transaction: Transaction, place: Watched) -> tuple[bool, str | None]:
    """Whether the place changed; or why it could not be read. No place stops the others."""
    _looking.add(place.event_id)
    try:
        return _register(transaction, place), None
    except MemoriaError as error:
        return False, str(error)
    except Exception as error:  # its words may repeat a name
        return False, (
            f"It cannot be looked at ({type(error).__name__}); see what is odd about its folders, "
            "such as a thousand of them in one another."
        )
    finally:
        _looking.discard(place.event_id)


def _register(transaction: Transaction, place: Watched) -> bool:
    """Register the photos of a place where they changed; whether they did. Raises MemoriaError."""
    if "://" in place.root:
        found = list(Photos(place.root).list(EXTENSIONS))
        lines = (f"{photo.storage_key}\0{photo.byte_size}\0{photo.etag}" for photo in found)
        signature, newest = digest(lines), 0.0
        if signature == place.signature:
            return False
    else:
        # Before the listing: what changes in between has another signature at the next look.
        signature, newest = folder_signature(place.root)
        if signature and signature == place.signature:
            return False
        found = list(Photos(place.root).list(EXTENSIONS))
    with transaction() as conn:
        media.register(conn, place.event_id, found)
        newest = max([newest, *(photo.changed for photo in found)])
        watched.save_change(conn, place.event_id, signature, newest)
    return True


def folder_signature(root: str) -> tuple[str, float]:
    """A text that changes when a photo below the folder does, and when something last did.

    About 4 µs a photo: a listing takes five times as long. "" where the folder cannot be read. The
    time is that of the inode, which no copy that keeps a file's own time can set back.
    """
    lines: list[str] = []
    try:
        newest = _scan(root, lines, set(), root)
    except OSError:
        return "", 0.0
    return digest(lines), newest


def _scan(folder: str, lines: list[str], seen: set[tuple[int, int]], root: str) -> float:
    about = os.stat(folder)  # noqa: PTH116  (a Path per file costs more than the look)
    identity = (about.st_dev, about.st_ino)
    if identity in seen:  # a link may lead back up
        return 0.0
    seen.add(identity)
    newest = about.st_mtime
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if entry.name.startswith("."):
                continue
            if entry.is_symlink() and inside.leads_out(entry.path, root):
                continue
            if is_folder(entry):
                newest = max(newest, _scan(entry.path, lines, seen, root))
            elif entry.name.lower().endswith(_ENDINGS):
                newest = max(newest, _file(entry, lines))
    return newest


def is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether it is one, or a link to one; a link to itself is nothing, and no reason to stop."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _file(entry: "os.DirEntry[str]", lines: list[str]) -> float:
    try:
        about = entry.stat()
    except OSError:  # a link to nowhere
        lines.append(entry.path)
        return 0.0
    lines.append(f"{entry.path}\0{about.st_size}\0{about.st_mtime_ns}")
    return about.st_ctime


def digest(lines: Iterable[str]) -> str:
    """A short text that changes with the lines."""
    joined = "\n".join(lines).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(joined, digest_size=16).hexdigest()
