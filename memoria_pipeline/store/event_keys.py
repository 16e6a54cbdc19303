"""The key of an event, for what is written outside the database; it dies with the event."""

from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import ExportError
from memoria_pipeline.privacy import sealed


def ensure(conn: sa.Connection, event_id: UUID, master: str) -> bytes:
    """The event's key, made where there is none yet.

    Raises ExportError where there is no such event any more, or another master key wrapped it.
    """
    values = {
        "event": event_id,
        "wrapped": sealed.wrap(master, event_id, sealed.new_key()),
        "master": sealed.fingerprint(master),
    }
    conn.execute(_NEW, values)
    return get(conn, event_id, master)


def get(conn: sa.Connection, event_id: UUID, master: str) -> bytes:
    """The event's key. Raises ExportError where it is gone, or another master key wrapped it."""
    wrapped = conn.scalar(_WRAPPED, {"event": event_id})
    if wrapped is None:
        raise ExportError(
            f"There is no key of event {event_id} here: the event was erased, or it is another"
            " database's. What was sealed with it opens no more."
        )
    return sealed.unwrap(master, event_id, bytes(wrapped))


def rewrap(conn: sa.Connection, old: str, new: str) -> int:
    """Wrap every key by another master key; how many. Raises ExportError where `old` is wrong."""
    rows = conn.execute(_ALL, {"master": sealed.fingerprint(old)}).all()
    for row in rows:
        event = UUID(str(row.event_id))
        key = sealed.unwrap(old, event, bytes(row.wrapped))
        values = {"event": event, "wrapped": sealed.wrap(new, event, key)}
        conn.execute(_REWRAP, {**values, "master": sealed.fingerprint(new)})
    return len(rows)


_NEW = sa.text(
    "insert into memoria.event_keys (event_id, wrapped, master)"
    " select id, :wrapped, :master from memoria.events where id = :event and status <> 'deleted'"
    " on conflict (event_id) do nothing"
)
_WRAPPED = sa.text("select wrapped from memoria.event_keys where event_id = :event")
_ALL = sa.text("select event_id, wrapped from memoria.event_keys where master = :master for update")
_REWRAP = sa.text(
    "update memoria.event_keys set wrapped = :wrapped, master = :master where event_id = :event"
)
