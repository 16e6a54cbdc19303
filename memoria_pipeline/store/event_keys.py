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


def rotate(conn: sa.Connection, old: str, new: str) -> tuple[int, int]:
    """Wrap by the new master key what the old one wrapped; how many, and how many neither did.

    What was sealed with the events' keys opens as before.
    """
    there = {"master": sealed.fingerprint(old)}
    rows = conn.execute(_UNDER, there).all()
    for row in rows:
        key = sealed.unwrap(old, row.event_id, bytes(row.wrapped))
        values = {"event": row.event_id, "wrapped": sealed.wrap(new, row.event_id, key)}
        conn.execute(_REWRAPPED, values | {"master": sealed.fingerprint(new)})
    return len(rows), conn.execute(_OTHERS, {"master": sealed.fingerprint(new)}).scalar_one()


_NEW = sa.text(
    "insert into memoria.event_keys (event_id, wrapped, master)"
    " select id, :wrapped, :master from memoria.events where id = :event and status <> 'deleted'"
    " on conflict (event_id) do nothing"
)
_WRAPPED = sa.text("select wrapped from memoria.event_keys where event_id = :event")
_UNDER = sa.text(
    "select event_id, wrapped from memoria.event_keys where master = :master"
    " order by event_id for update"
)
_REWRAPPED = sa.text(
    "update memoria.event_keys set wrapped = :wrapped, master = :master where event_id = :event"
)
_OTHERS = sa.text("select count(*) from memoria.event_keys where master <> :master")
