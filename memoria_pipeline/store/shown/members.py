"""Who belongs to an event, as far as a caller may see it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.shown.events import Role


@dataclass(frozen=True, slots=True)
class MemberShown:
    """A member. person_id: the person of the event that the member is linked to, if any."""

    user_id: UUID
    event_id: UUID
    role: Role
    display_name: str | None
    email: str | None
    created_at: datetime
    person_id: UUID | None


def search(
    conn: sa.Connection,
    event_id: UUID,
    q: str = "",
    *,
    limit: int = 50,
    unassigned: bool = False,
) -> list[MemberShown]:
    """Members by name; q: a part of the name or address. unassigned: those without a person."""
    escaped = q.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    values = {"event": event_id, "like": f"%{escaped}%", "limit": limit, "free": unassigned}
    return [MemberShown(*row) for row in conn.execute(_SEARCH, values)]


def one(conn: sa.Connection, event_id: UUID, user: UUID) -> MemberShown | None:
    """One member; None where there is none, or not for the caller."""
    row = conn.execute(_ONE, {"event": event_id, "user": user}).first()
    return None if row is None else MemberShown(*row)


_COLUMNS: Any = (
    "select m.user_id, m.event_id, m.role, m.display_name, m.email, m.created_at, p.id"
    " from memoria.event_members m left join lateral (select p.id from memoria.face_persons p"
    " where p.event_id = :event and p.linked_user_id = m.user_id and p.status = 'linked'"
    " order by p.id limit 1) p on true where m.event_id = :event"
)
_SEARCH = sa.text(
    _COLUMNS
    + " and (coalesce(m.display_name, '') ilike :like or coalesce(m.email, '') ilike :like)"
    " and (not :free or p.id is null)"
    " order by lower(m.display_name) nulls last, m.email, m.user_id limit :limit"
)
_ONE = sa.text(_COLUMNS + " and m.user_id = :user")
