"""Sessions of browsers and links that sign in: only hashes of their secrets are kept."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Session:
    """Whose it is. csrf: what its forms send along."""

    user_id: UUID
    csrf: str
    expires_at: datetime


def start(conn: sa.Connection, user: UUID, token_hash: bytes, csrf: str, seconds: int) -> None:
    """Begin a session."""
    values = {"user": user, "hash": token_hash, "csrf": csrf, "seconds": seconds}
    conn.execute(sa.text("select memoria.api_start_session(:user, :hash, :csrf, :seconds)"), values)


def find(conn: sa.Connection, token_hash: bytes) -> Session | None:
    """The session of this token; None where there is none, or not any more."""
    query = sa.text("select user_id, csrf, expires_at from memoria.api_session(:hash)")
    row = conn.execute(query, {"hash": token_hash}).first()
    return None if row is None else Session(**row._mapping)


def end(conn: sa.Connection, token_hash: bytes) -> None:
    """End a session; one that is over already does no harm."""
    conn.execute(sa.text("select memoria.api_end_session(:hash)"), {"hash": token_hash})


def use_link(conn: sa.Connection, token_hash: bytes) -> tuple[UUID, UUID | None] | None:
    """The user, and the event, that a link signs in to; it is used up. None: it is not good."""
    query = sa.text("select user_id, event_id from memoria.api_use_link(:hash)")
    row = conn.execute(query, {"hash": token_hash}).first()
    return None if row is None else (row.user_id, row.event_id)


def link_for(conn: sa.Connection, email: str, token_hash: bytes, seconds: int) -> UUID | None:
    """Make a link for the member with this address (lower case); None where there is none."""
    query = sa.text("select memoria.api_link_for(:email, :hash, :seconds)")
    values = {"email": email, "hash": token_hash, "seconds": seconds}
    found: UUID | None = conn.execute(query, values).scalar()
    return found


def prune(conn: sa.Connection) -> None:
    """Forget sessions and links that are over."""
    conn.execute(sa.text("delete from memoria.sessions where expires_at < now()"))
    conn.execute(sa.text("delete from memoria.links where expires_at < now()"))


def make_link(
    conn: sa.Connection, user: UUID, event: UUID | None, token_hash: bytes, seconds: int
) -> None:
    """A link that signs this user in, made by the pipeline's own login."""
    conn.execute(
        sa.text(
            "insert into memoria.links (token_hash, kind, user_id, event_id, expires_at)"
            " values (:hash, 'sign_in', :user, :event, now() + make_interval(secs => :seconds))"
        ),
        {"hash": token_hash, "user": user, "event": event, "seconds": seconds},
    )
