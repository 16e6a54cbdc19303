"""Photos of an event: which there are, what became of each.

Locks are taken in one order, here, in a grouping (persons.py) and in an erasure (0019_erasure):
the event's row, media by id, face_persons by id, faces. Whoever saves shares the event's row,
whoever registers, groups, purges or archives has it alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store import analysis, fence, tombstones
from memoria_pipeline.store.listing import Registered as Registered
from memoria_pipeline.store.listing import register as register
from memoria_pipeline.store.media_summary import MediaSummary as MediaSummary
from memoria_pipeline.store.media_summary import summary as summary
from memoria_pipeline.vision.model import Face


@dataclass(frozen=True, slots=True)
class PendingPhoto:
    """A photo to analyse, how often that was tried, and which state of its file is meant.

    epoch: of the event when it was taken up.
    """

    id: UUID
    storage_key: str
    attempts: int
    etag: str | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Analysed:
    """What came of one photo. sha256 in hex; width and height in upright pixels.

    etag: the one it was pending with; where the photo has another by now, nothing is saved.
    whose: the persons of faces, where they were compared before anything is stored. epoch: as it
    was pending.
    """

    media_id: UUID
    sha256: str
    width: int
    height: int
    seconds: float
    faces: Sequence[Face]
    etag: str | None = None
    whose: Mapping[Face, UUID] = field(default_factory=dict)
    epoch: int | None = None


def pending(
    conn: sa.Connection, event_id: UUID, model: str, *, max_attempts: int = 3
) -> list[PendingPhoto]:
    """The photos that the pack `model` has to look at, by key.

    They are new or changed, could not be read for a reason that may pass (fewer than
    `max_attempts` times), or were analysed by another pack.
    """
    rows = conn.execute(
        sa.text(
            "select id, storage_key, attempts, etag,"
            " (select epoch from memoria.events where id = :event) from memoria.media"
            " where event_id = :event and (status = 'pending'"
            " or (status = 'failed' and error_code in ('unreadable', 'crashed')"
            "     and attempts < :max_attempts)"
            " or (status = 'analysed' and face_model <> :model and faces_erased_at is null)"
            ") order by storage_key"
        ),
        {"event": event_id, "model": model, "max_attempts": max_attempts},
    )
    return [PendingPhoto(*row) for row in rows]


def known_hashes(conn: sa.Connection, event_id: UUID, model: str) -> dict[str, UUID]:
    """sha256 in hex → the photo of these bytes that the pack `model` analysed; no erased one."""
    rows = conn.execute(
        sa.text(
            "select distinct on (sha256) sha256, id from memoria.media where event_id = :event"
            " and status = 'analysed' and face_model = :model and faces_erased_at is null"
            " order by sha256, storage_key"
        ),
        {"event": event_id, "model": model},
    )
    return {row.sha256: row.id for row in rows}


def save_analysis(
    conn: sa.Connection, results: Sequence[Analysed], model: str, *, alike: float | None = None
) -> set[UUID]:
    """The faces of some photos together with their status, found by the pack `model`.

    Returns the photos that are analysed now.

    A face whose box was known keeps its id, its person and its history. Photos that are gone or
    whose file changed meanwhile are left out; copies of erased ones are erased, and faces of whom
    was erased from a photo are not kept. alike: the cosine from which on two faces are one person;
    where a file has other bytes now, a box without that is somebody else's. None: boxes alone.
    Raises Overtaken where an erasure came since the epoch and only that keeps it right.
    """
    events = locked(conn, {result.media_id: result.etag for result in results})
    alive = [result for result in results if result.media_id in events]
    changed = _changed(conn, alive)
    erased = tombstones.spread(conn, {result.media_id: result.sha256 for result in alive})
    alive = allowed(conn, [one for one in alive if one.media_id not in erased], events)
    # First, because an event that is being made takes its locks on the tables in this order.
    conn.execute(
        _ANALYSED,
        {
            "ids": [result.media_id for result in alive],
            "sha256s": [result.sha256 for result in alive],
            "widths": [result.width for result in alive],
            "heights": [result.height for result in alive],
            "seconds": [result.seconds for result in alive],
            "counts": [len(result.faces) for result in alive],
            "model": model,
        },
    )
    faces = [(r.media_id, events[r.media_id], r.faces) for r in alive]
    likeness = None if alike is None else analysis.Alike(model, alike, changed)
    whose = {face: person for result in alive for face, person in result.whose.items()}
    analysis.replace(conn, faces, model, likeness, whose)
    return {result.media_id for result in alive}


def allowed(
    conn: sa.Connection, results: Sequence[Analysed], events: Mapping[UUID, UUID]
) -> list[Analysed]:
    """What may be kept of photos whose events are held: all but the faces of whom was erased."""
    fence.hold_photos(conn, {one.media_id: one.epoch for one in results})
    photos = [(one.media_id, events[one.media_id], one.sha256, one.faces) for one in results]
    faces = tombstones.left(conn, photos)
    tombstones.seen(conn)
    return [replace(one, faces=faces[one.media_id]) for one in results]


def _changed(conn: sa.Connection, results: Sequence[Analysed]) -> set[UUID]:
    """Those photos whose bytes are others than those that were analysed last."""
    now = {result.media_id: result.sha256 for result in results}
    rows = conn.execute(_BYTES, {"ids": list(now)})
    return {row.id for row in rows if row.sha256 != now[row.id]}


_BYTES = sa.text(
    "select id, sha256 from memoria.media where id = any (cast(:ids as uuid[]))"
    " and sha256 is not null"
)


def locked(conn: sa.Connection, photos: Mapping[UUID, str | None]) -> dict[UUID, UUID]:
    """Lock photos, each with the etag it must have or None; those that do → their event."""
    which = {"ids": list(photos), "etags": list(photos.values())}
    conn.execute(_SHARE, which)
    return {row.id: row.event_id for row in conn.execute(_LOCK, which)}


_SHARE = sa.text(
    "select 1 from memoria.events where id in (select event_id from memoria.media"
    " where id = any (cast(:ids as uuid[]))) order by id for share"
)
_LOCK = sa.text(
    "select m.id, m.event_id from memoria.media m"
    " join unnest(cast(:ids as uuid[]), cast(:etags as text[])) as r (id, etag) on r.id = m.id"
    " where m.status <> 'missing' and m.faces_erased_at is null"
    " and m.etag is not distinct from coalesce(r.etag, m.etag)"
    " order by m.id for update of m"
)
_ANALYSED = sa.text(
    "update memoria.media m set status = 'analysed', sha256 = r.sha256, width = r.width,"
    " height = r.height, seconds = r.seconds, faces_found = r.faces, face_model = :model,"
    " analysed_at = now(), attempts = attempts + 1, error_code = null, error = null,"
    " duplicate_of = null"
    " from unnest(cast(:ids as uuid[]), cast(:sha256s as text[]), cast(:widths as integer[]),"
    " cast(:heights as integer[]), cast(:seconds as real[]), cast(:counts as integer[]))"
    " as r (id, sha256, width, height, seconds, faces) where m.id = r.id"
)

TRANSIENT = frozenset({"missing", "unreadable", "crashed"})
"""Reasons that say nothing about the photo itself: it keeps the faces it has."""


def save_failure(
    conn: sa.Connection, media_id: UUID, reason: str, message: str, *, etag: str | None = None
) -> bool:
    """A photo that could not be analysed: PhotoError's reason and message. Whether it was kept.

    Unless the reason is transient, the faces of what the file was before go. `etag`: as in
    Analysed.
    """
    event_id = locked(conn, {media_id: etag}).get(media_id)
    if event_id is None:
        return False
    values = {"id": media_id, "reason": reason, "message": message.replace("\0", "")}
    conn.execute(_FAILED, {**values, "keeps": reason in TRANSIENT})
    if reason not in TRANSIENT:
        analysis.let_go(conn, media_id, event_id)
    return True


_FAILED = sa.text(
    "update memoria.media set status = 'failed', error_code = :reason, error = :message,"
    " attempts = attempts + 1, duplicate_of = null,"
    " faces_found = case when :keeps then faces_found end where id = :id"
)


def save_duplicate(
    conn: sa.Connection, media_id: UUID, sha256: str, of: UUID, *, etag: str | None = None
) -> bool:
    """A photo with the very bytes of another one of its event: its people are counted there.

    Returns whether it is one now. Where the other one is not analysed with these bytes any more,
    the photo stays pending: its people would be counted nowhere. `etag`: as in Analysed.
    """
    event_id = locked(conn, {media_id: etag, of: None}).get(media_id)
    values = {"id": media_id, "of": of, "sha256": sha256}
    if event_id is None or not conn.execute(_DUPLICATE, values).rowcount:
        return False
    analysis.let_go(conn, media_id, event_id)
    return True


_DUPLICATE = sa.text(
    "update memoria.media m set status = 'duplicate', duplicate_of = :of, sha256 = :sha256,"
    " error_code = null, error = null, attempts = m.attempts + 1, faces_found = null"
    " from memoria.media o where m.id = :id and o.id = :of and o.event_id = m.event_id"
    " and o.status = 'analysed' and o.sha256 = :sha256"
)
