"""A listing of an event's storage becomes its photos: what is new, changed, known or missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import analysis
from memoria_pipeline.store.photos import UNREADABLE, FoundPhoto


@dataclass(frozen=True, slots=True)
class Registered:
    """What a listing brought: numbers of photos."""

    new: int
    changed: int
    known: int
    missing: int


def register(
    conn: sa.Connection, event_id: UUID, found: Sequence[FoundPhoto], *, allow_empty: bool = False
) -> Registered:
    """Make the event's photos those of a complete listing.

    A file that changed, or is back, is pending again and keeps its faces until it is analysed; so
    is one that had gone when it was to be read. One that is not listed is marked missing, and its
    faces go at once: untouched ones are deleted, those a human touched are lost. Exact copies of a
    photo that is not analysed (any more) are pending. Raises DatabaseError for an empty
    listing of an event that has photos, unless `allow_empty`: more likely its storage is away.
    """
    keys = [photo.storage_key for photo in found]
    listing = {
        "event": event_id,
        "keys": keys,
        "sizes": [photo.byte_size for photo in found],
        "etags": [photo.etag for photo in found],
    }
    conn.execute(_LOCK, {"event": event_id})
    if not found and not allow_empty:
        _refuse_if_known(conn, event_id)
    changed = conn.execute(_CHANGED, listing).rowcount
    conn.execute(_BACK, {**listing, "unreadable": UNREADABLE})
    new = conn.execute(_NEW, listing).rowcount
    missing = list(conn.scalars(_MISSING, listing))
    conn.execute(_FREE_COPIES, {"event": event_id})
    if missing:
        analysis.replace(conn, [(media_id, event_id, ()) for media_id in missing], "")
    return Registered(new, changed, len(set(keys)) - new - changed, len(missing))


def _refuse_if_known(conn: sa.Connection, event_id: UUID) -> None:
    known = conn.execute(_KNOWN, {"event": event_id}).scalar_one()
    if known:
        raise DatabaseError(
            f"Event {event_id}: its storage shows no photo at all, but {known} are known. Is the "
            "folder mounted, the address right? Nothing was changed. To let go of an album that "
            "really was emptied, archive the event."
        )


# The whole event: neither a saver, a grouping nor an erasure may come between the statements.
_LOCK = sa.text("select 1 from memoria.events where id = :event for no key update")
_KNOWN = sa.text(
    "select count(*) from memoria.media where event_id = :event"
    " and status not in ('missing', 'selfie')"
)
_CHANGED = sa.text(
    "update memoria.media m set status = 'pending', duplicate_of = null, byte_size = f.byte_size,"
    " etag = f.etag, attempts = 0, error_code = null, error = null"
    " from unnest(cast(:keys as text[]), cast(:sizes as bigint[]), cast(:etags as text[]))"
    " as f (storage_key, byte_size, etag)"
    " where m.event_id = :event and m.storage_key = f.storage_key"
    " and (m.etag is distinct from f.etag or m.status = 'missing')"
)
# Storage that went away in the middle of a run. A link to nowhere is listed too: nothing is back.
_BACK = sa.text(
    "update memoria.media m set status = 'pending', attempts = 0, error_code = null, error = null"
    " from unnest(cast(:keys as text[]), cast(:sizes as bigint[]), cast(:etags as text[]))"
    " as f (storage_key, byte_size, etag)"
    " where m.event_id = :event and m.storage_key = f.storage_key"
    " and m.status = 'failed' and m.error_code = 'missing' and f.etag <> :unreadable"
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
    " where m.event_id = :event and m.status not in ('missing', 'selfie')"
    " and not exists (select from unnest(cast(:keys as text[])) as f (storage_key)"
    " where f.storage_key = m.storage_key) returning m.id"
)
_FREE_COPIES = sa.text(
    "update memoria.media m set status = 'pending', duplicate_of = null from memoria.media o"
    " where m.event_id = :event and o.event_id = :event and o.id = m.duplicate_of"
    " and (o.status <> 'analysed' or o.sha256 is distinct from m.sha256)"
)
