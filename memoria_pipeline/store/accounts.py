"""Members made by whoever runs the server, with the pipeline's own login; not by people."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store import events


def ensure(
    conn: sa.Connection, event: UUID, role: str, name: str | None = None, email: str | None = None
) -> UUID:
    """The member of this address, else of this name and role, else the first of this role.

    Made where there is none; one that is known by its address gets the role. Raises DatabaseError
    where there is no such event.
    """
    events.get(conn, event)
    values = {"event": event, "role": role, "name": name, "email": email and email.strip().lower()}
    found: UUID | None = conn.execute(_FIND, values).scalar()
    if found is None:
        made: UUID = conn.execute(_MAKE, values).scalar_one()
        return made
    conn.execute(_CHANGE, {**values, "user": found})
    return found


def ensure_all(conn: sa.Connection, event: UUID, role: str, names: Sequence[str]) -> None:
    """A member for each of these names."""
    for name in names:
        ensure(conn, event, role, name)


_FIND = sa.text(
    "select user_id from memoria.event_members where event_id = :event and case"
    " when cast(:email as text) is not null then email = :email"
    " when cast(:name as text) is not null then display_name = :name and role = :role"
    " else role = :role end order by created_at, user_id limit 1"
)
_MAKE = sa.text(
    "insert into memoria.event_members (event_id, user_id, role, display_name, email)"
    " values (:event, coalesce(memoria.user_of_address(:email), gen_random_uuid()), :role,"
    " :name, :email)"
    " on conflict (event_id, user_id) do update"
    " set role = excluded.role, email = coalesce(event_members.email, excluded.email)"
    " returning user_id"
)
_CHANGE = sa.text(
    "update memoria.event_members"
    " set role = :role, display_name = coalesce(:name, display_name)"
    " where event_id = :event and user_id = :user"
)
