"""The fence: what was read before an erasure is not written after it.

Whoever computes from faces in one transaction and writes in another notes the event's epoch with
what it reads. Whoever does both while it holds the event's row needs nothing of this.
"""

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import Overtaken


def epoch(conn: sa.Connection, event_id: UUID) -> int:
    """The event's epoch, to be read before anything else; -1 where there is no such event."""
    found: int | None = conn.scalar(_EPOCH, {"event": event_id})
    return -1 if found is None else found


_EPOCH = sa.text("select epoch from memoria.events where id = :event")


def hold(conn: sa.Connection, event_id: UUID, noted: int) -> None:
    """Let no erasure of the event come before this transaction ends.

    First in the writing transaction. Raises Overtaken where one came since `noted`.
    """
    now = conn.scalar(_HOLD, {"event": event_id})
    if now != noted:
        raise Overtaken(
            f"Event {event_id}: somebody was erased from it meanwhile, so nothing of what was"
            " computed before is kept. It is computed anew."
        )


_HOLD = sa.text("select epoch from memoria.events where id = :event for share")


def hold_photos(conn: sa.Connection, noted: Mapping[UUID, int | None]) -> None:
    """As `hold`, for photos with the epochs that they were taken up in, their events being held.

    Only where the event keeps no tombstones: elsewhere those say which faces to leave out, and
    nobody's work is lost. Raises Overtaken.
    """
    known = {photo: number for photo, number in noted.items() if number is not None}
    values = {"photos": list(known), "noted": list(known.values())}
    event = conn.scalar(_MOVED, values) if known else None
    if event is not None:
        raise Overtaken(
            f"Event {event}: somebody was erased from it while its photos were looked at. They are"
            " looked at again."
        )


_MOVED = sa.text(
    "select m.event_id from unnest(cast(:photos as uuid[]), cast(:noted as bigint[]))"
    " as r (id, epoch) join memoria.media m on m.id = r.id"
    " join memoria.events e on e.id = m.event_id"
    " where not e.keep_tombstones and e.epoch <> r.epoch limit 1"
)
