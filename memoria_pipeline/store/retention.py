"""Events whose faces have to go by a date: which they are, what of them is left, and archiving."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.privacy.retention import Lasting, due
from memoria_pipeline.store import erasure


def over(conn: sa.Connection, now: datetime, default: int | None) -> list[UUID]:
    """Active events past their date, the oldest first. default: days where an event says none."""
    rows = conn.execute(_LASTING, {"default": default})
    return [row.id for row in rows if due(Lasting(*tuple(row)[1:]), now, default)]


_COLUMNS = "select e.id, e.status, e.retention_days, e.ends_at, e.created_at from memoria.events e"
_LASTING = sa.text(
    _COLUMNS + " where e.status = 'active'"
    " and coalesce(e.retention_days, cast(:default as integer)) is not null"
    " order by e.created_at, e.id"
)
_ONE = sa.text(_COLUMNS + " where e.id = :event")


def archive(conn: sa.Connection, event_id: UUID) -> UUID:
    """The event is archived, because its time is over: vectors, landmarks and boxes are gone, tags
    and counts stay. The erasure's id; its receipt follows."""
    erasure.wait_briefly(conn)  # the next hour comes soon
    request = erasure.request(conn, "archive", event_id, source="schedule", reason="retention")
    erasure.erase_rows(conn, request)
    return request


def past_date(conn: sa.Connection, event_id: UUID, now: datetime, default: int | None) -> int:
    """How many of the event's faces are there at a time by which they had to be gone."""
    row = conn.execute(_ONE, {"event": event_id}).one()
    if row.status == "active" and not due(Lasting(*tuple(row)[1:]), now, default):
        return 0
    return int(conn.scalar(_FACES, {"event": event_id}) or 0)


_FACES = sa.text(
    "select (select count(*) from memoria.faces where event_id = :event)"
    " + (select count(*) from memoria.faces_beside where event_id = :event)"
)


def forgetting(conn: sa.Connection) -> list[UUID]:
    """Active events that keep only faces of who agreed."""
    return list(conn.scalars(_FORGETTING))


_FORGETTING = sa.text(
    "select id from memoria.events where status = 'active'"
    " and analysis_mode = 'match_and_forget' order by id"
)
