"""Transactions in somebody's name: row level security decides what is seen and written in them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db

ROLE = "authenticated"


@contextmanager
def acting(engine: sa.Engine, user: UUID) -> Iterator[sa.Connection]:
    """One transaction as this user: committed at the end, rolled back on an error.

    engine: of the bare login. What the database refuses is SQLAlchemy's DBAPIError as it came,
    whose state (42501: not allowed) says what to answer. Raises DatabaseError when the server
    cannot be reached.
    """
    with as_server(engine) as conn:
        become(conn, user)
        yield conn


def become(conn: sa.Connection, user: UUID) -> None:
    """Until its transaction ends, this connection is the user's."""
    claims = json.dumps({"sub": str(user), "role": ROLE})
    conn.execute(_BECOME, {"claims": claims, "role": ROLE})


_BECOME = sa.text(
    "select set_config('request.jwt.claims', :claims, true), set_config('role', :role, true)"
)


@contextmanager
def as_server(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction as the bare login: for the functions memoria.api_* and nothing else."""
    with db.opened(engine) as conn, conn.begin():
        yield conn


@contextmanager
def stepping_back(conn: sa.Connection, user: UUID) -> Iterator[None]:
    """In the user's transaction, the bare login for a moment: for the functions memoria.api_*."""
    conn.execute(_STEP_BACK)
    yield
    become(conn, user)


@contextmanager
def standing_in(conn: sa.Connection, user: UUID) -> Iterator[None]:
    """In the bare login's transaction, the user for a moment."""
    become(conn, user)
    yield
    conn.execute(_STEP_BACK)


_STEP_BACK = sa.text(
    "select set_config('role', 'none', true), set_config('request.jwt.claims', '', true)"
)


def refuse_strong_login(engine: sa.Engine) -> None:
    """Raises DatabaseError unless this login can do what a caller may and no more.

    It must be able to become `authenticated`, and neither be nor become a superuser, whoever
    passes row level security or makes roles, or the service.
    """
    with as_server(engine) as conn:
        may, strong = conn.execute(_LOGIN, {"role": ROLE}).one()
    if strong:
        raise DatabaseError(
            "The review's login could read and write past row level security. Set"
            " MEMORIA_API_DATABASE_URL to the role memoria_api, which is a member of"
            f" {ROLE} alone."
        )
    if not may:
        raise DatabaseError(
            f"The review's login may not become {ROLE}. Set MEMORIA_API_DATABASE_URL to the role"
            f" memoria_api, or as an administrator: grant {ROLE} to it."
        )


_LOGIN = sa.text(
    "select exists (select from pg_roles where rolname = :role"
    "  and pg_has_role(session_user, oid, 'member')) as may,"
    " exists (select from pg_roles r where pg_has_role(session_user, r.oid, 'member')"
    "  and (r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolname = 'memoria_service'"
    "   or exists (select from pg_class c where c.relnamespace = 'memoria'::regnamespace"
    "    and c.relowner = r.oid))) as strong"
)
