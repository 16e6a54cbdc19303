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


_NEW = sa.text(
    "insert into memoria.event_keys (event_id, wrapped, master)"
    " select id, :wrapped, :master from memoria.events where id = :event and status <> 'deleted'"
    " on conflict (event_id) do nothing"
)
_WRAPPED = sa.text("select wrapped from memoria.event_keys where event_id = :event")
