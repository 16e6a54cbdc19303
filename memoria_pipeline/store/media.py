"""Photos of an event: which there are, what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store import analysis
from memoria_pipeline.store.photos import FoundPhoto
from memoria_pipeline.vision.model import Face


@dataclass(frozen=True, slots=True)
class Registered:
    """What a listing brought: numbers of photos."""

    new: int
    changed: int
    known: int
    missing: int


@dataclass(frozen=True, slots=True)
class PendingPhoto:
    """A photo to analyse, and how often that was tried."""

    id: UUID
    storage_key: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Analysed:
    """What came of one photo. sha256 in hex; width and height in upright pixels."""

    media_id: UUID
    sha256: str
    width: int
    height: int
    seconds: float
    faces: Sequence[Face]


@dataclass(frozen=True, slots=True)
class MediaSummary:
    """An event's photos, counted; those without_faces are some of the analysed ones.

    failed: (storage key, reason code, message), by key.
    """

    total: int
    analysed: int
    without_faces: int
    failed: list[tuple[str, str, str]]
    duplicates: int
    missing: int
    pending: int


def register(conn: sa.Connection, event_id: UUID, found: Sequence[FoundPhoto]) -> Registered:
    """Make the event's photos those of a complete listing.

    A file that changed, or is back, is pending again and keeps its faces until it is analysed; one
    that is gone is marked missing, and its exact copies are pending.
    """
    keys = [photo.storage_key for photo in found]
    listing = {
        "event": event_id,
        "keys": keys,
        "sizes": [photo.byte_size for photo in found],
        "etags": [photo.etag for photo in found],
    }
    changed = conn.execute(_CHANGED, listing).scalars().all()
    new = conn.execute(_NEW, listing).rowcount
    missing = conn.execute(_MISSING, listing).scalars().all()
    conn.execute(_FREE_COPIES, {"event": event_id, "ids": [*changed, *missing]})
    known = len(set(keys)) - new - len(changed)
    return Registered(new, len(changed), known, len(missing))


_CHANGED = sa.text(
    "update memoria.media m set status = 'pending', duplicate_of = null, byte_size = f.byte_size,"
    " etag = f.etag, attempts = 0, error_code = null, error = null"
    " from unnest(cast(:keys as text[]), cast(:sizes as bigint[]), cast(:etags as text[]))"
    " as f (storage_key, byte_size, etag)"
    " where m.event_id = :event and m.storage_key = f.storage_key"
    " and (m.etag is distinct from f.etag or m.status = 'missing') returning m.id"
)
_NEW = sa.text(
    "insert into memoria.media (event_id, storage_key, byte_size, etag)"
    " select :event, f.storage_key, f.byte_size, f.etag"
    " from unnest(cast(:keys as text[]), cast(:sizes as bigint[]), cast(:etags as text[]))"
    " as f (storage_key, byte_size, etag)"
    " on conflict (event_id, storage_key) do nothing"
)
_MISSING = sa.text(
    "update memoria.media m set status = 'missing', duplicate_of = null"
    " where m.event_id = :event and m.status <> 'missing'"
    " and not exists (select from unnest(cast(:keys as text[])) as f (storage_key)"
    " where f.storage_key = m.storage_key) returning m.id"
)
_FREE_COPIES = sa.text(
    "update memoria.media set status = 'pending', duplicate_of = null"
    " where event_id = :event and duplicate_of = any (cast(:ids as uuid[]))"
)


def pending(
    conn: sa.Connection, event_id: UUID, model: str, *, max_attempts: int = 3
) -> list[PendingPhoto]:
    """The photos that the pack `model` has to look at, by key.

    They are new or changed, could not be read for a reason that may pass (fewer than
    `max_attempts` times), or were analysed by another pack.
    """
    rows = conn.execute(
        sa.text(
            "select id, storage_key, attempts from memoria.media where event_id = :event and ("
            " status = 'pending'"
            " or (status = 'failed' and error_code in ('unreadable', 'crashed')"
            "     and attempts < :max_attempts)"
            " or (status = 'analysed' and face_model <> :model)"
            ") order by storage_key"
        ),
        {"event": event_id, "model": model, "max_attempts": max_attempts},
    )
    return [PendingPhoto(*row) for row in rows]


def known_hashes(conn: sa.Connection, event_id: UUID, model: str) -> dict[str, UUID]:
    """sha256 in hex → the photo that has these bytes and was analysed by the pack `model`."""
    rows = conn.execute(
        sa.text(
            "select distinct on (sha256) sha256, id from memoria.media where event_id = :event"
            " and status = 'analysed' and face_model = :model order by sha256, storage_key"
        ),
        {"event": event_id, "model": model},
    )
    return {row.sha256: row.id for row in rows}


def save_analysis(conn: sa.Connection, results: Sequence[Analysed], model: str) -> None:
    """The faces of some photos together with their status, found by the pack `model`.

    A face whose box was known keeps its id, its person and its history. Photos that no longer
    exist are left out: whatever erased them while they were being analysed stays right.
    """
    rows = conn.execute(_LOCK, {"ids": [result.media_id for result in results]})
    events: dict[UUID, UUID] = {row.id: row.event_id for row in rows}
    alive = [result for result in results if result.media_id in events]
    analysis.replace(conn, [(r.media_id, events[r.media_id], r.faces) for r in alive], model)
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


# Always in the same order, so that two savers never wait for one another in a circle.
_LOCK = sa.text(
    "select id, event_id from memoria.media where id = any (cast(:ids as uuid[]))"
    " order by id for update"
)
_ANALYSED = sa.text(
    "update memoria.media m set status = 'analysed', sha256 = r.sha256, width = r.width,"
    " height = r.height, seconds = r.seconds, faces_found = r.faces, face_model = :model,"
    " analysed_at = now(), attempts = attempts + 1, error_code = null, error = null,"
    " duplicate_of = null"
    " from unnest(cast(:ids as uuid[]), cast(:sha256s as text[]), cast(:widths as integer[]),"
    " cast(:heights as integer[]), cast(:seconds as real[]), cast(:counts as integer[]))"
    " as r (id, sha256, width, height, seconds, faces)"
    " where m.id = r.id"
)


def save_failure(conn: sa.Connection, media_id: UUID, reason: str, message: str) -> None:
    """A photo that could not be analysed: PhotoError's reason and message."""
    conn.execute(
        sa.text(
            "update memoria.media set status = 'failed', error_code = :reason, error = :message,"
            " attempts = attempts + 1, duplicate_of = null where id = :id"
        ),
        {"id": media_id, "reason": reason, "message": message.replace("\0", "")},
    )


def save_duplicate(conn: sa.Connection, media_id: UUID, sha256: str, of: UUID) -> None:
    """A photo with the very bytes of another one of its event: its people are counted there."""
    event_id = conn.scalar(
        sa.text(
            "update memoria.media set status = 'duplicate', duplicate_of = :of, sha256 = :sha256,"
            " error_code = null, error = null, attempts = attempts + 1, faces_found = null"
            " where id = :id returning event_id"
        ),
        {"id": media_id, "of": of, "sha256": sha256},
    )
    if event_id is not None:
        analysis.let_go(conn, media_id, event_id)


def summary(conn: sa.Connection, event_id: UUID) -> MediaSummary:
    """What there is and what became of it."""
    counts = conn.execute(
        sa.text(
            "select status, count(*), count(*) filter (where faces_found = 0)"
            " from memoria.media where event_id = :event group by status"
        ),
        {"event": event_id},
    ).all()
    by_status = {row[0]: row[1] for row in counts}
    return MediaSummary(
        total=sum(by_status.values()),
        analysed=by_status.get("analysed", 0),
        without_faces=sum(row[2] for row in counts if row[0] == "analysed"),
        failed=_failed(conn, event_id),
        duplicates=by_status.get("duplicate", 0),
        missing=by_status.get("missing", 0),
        pending=by_status.get("pending", 0),
    )


def _failed(conn: sa.Connection, event_id: UUID) -> list[tuple[str, str, str]]:
    rows = conn.execute(
        sa.text(
            "select storage_key, error_code, coalesce(error, '') from memoria.media"
            " where event_id = :event and status = 'failed' order by storage_key"
        ),
        {"event": event_id},
    )
    return [(row[0], row[1], row[2]) for row in rows]
