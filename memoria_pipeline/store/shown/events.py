"""The events that a caller belongs to, and in which role."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

Role = Literal["organiser", "photographer", "member", "guest"]
Mode = Literal["full", "match_and_forget"]


@dataclass(frozen=True, slots=True)
class EventShown:
    """An event without where its photos are. role: the caller's in it.

    analysis_mode: match_and_forget stores only faces of members who agreed.
    """

    id: UUID
    name: str
    code: str | None
    status: str
    face_recognition_enabled: bool
    starts_at: datetime | None
    ends_at: datetime | None
    retention_days: int | None
    face_model: str | None
    created_at: datetime
    role: Role
    analysis_mode: Mode = "full"


def mine(conn: sa.Connection) -> list[EventShown]:
    """The caller's events that are not deleted, the newest first."""
    return [EventShown(*row) for row in conn.execute(_MINE)]


def one(conn: sa.Connection, event_id: UUID) -> EventShown | None:
    """One event; None where it is not there, or not for the caller."""
    row = conn.execute(_ONE, {"event": event_id}).first()
    return None if row is None else EventShown(*row)


_COLUMNS = (
    "select e.id, e.name, e.code, e.status, e.face_recognition_enabled, e.starts_at, e.ends_at,"
    " e.retention_days, e.face_model, e.created_at, m.role, e.analysis_mode"
    " from memoria.events e"
    " join memoria.event_members m on m.event_id = e.id"
    " and m.user_id = (select memoria.current_user_id()) where e.status <> 'deleted'"
)
_MINE = sa.text(_COLUMNS + " order by e.created_at desc, e.id")
_ONE = sa.text(_COLUMNS + " and e.id = :event")
