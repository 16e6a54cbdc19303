"""Writing who belongs to an event, on the caller's own connection: its organisers may."""

from uuid import UUID, uuid4

import sqlalchemy as sa

from memoria_pipeline.store.shown.events import Role


def add(
    conn: sa.Connection,
    event_id: UUID,
    role: Role,
    *,
    name: str | None = None,
    email: str | None = None,
    user: UUID | None = None,
) -> UUID:
    """A new member; the user's id: that of the address, where one is named.

    Raises IntegrityError where the user or the address is a member already.
    """
    values = {"event": event_id, "user": user or uuid4(), "role": role, "name": name}
    made: UUID = conn.execute(_ADD, {**values, "email": email}).scalar_one()
    return made


_ADD = sa.text(
    "insert into memoria.event_members (event_id, user_id, role, display_name, email)"
    " values (:event, :user, :role, :name, :email) returning user_id"
)


def ensure_guest(conn: sa.Connection, event_id: UUID, user: UUID) -> bool:
    """Somebody who is no member becomes a guest; whether that was needed."""
    return bool(conn.execute(_GUEST, {"event": event_id, "user": user}).rowcount)


_GUEST = sa.text(
    "insert into memoria.event_members (event_id, user_id, role) values (:event, :user, 'guest')"
    " on conflict (event_id, user_id) do nothing"
)
