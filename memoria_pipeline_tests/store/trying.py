"""Trying statements under row level security, in somebody's name, on seeded rows."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.store import callers
from memoria_pipeline_tests.store.rows_of_everyone import MEMBERS, user
from memoria_pipeline_tests.store.seeds_of_everyone import insert

USERS = (*MEMBERS, "stranger")
STATEMENTS = {
    "select": "select 1 from {relation} where {where}",
    "insert": "insert into {relation} ({column}) values (null)",
    "update": "update {relation} set {sets} where {where}",
    "delete": "delete from {relation} where {where}",
}
_REFUSED = ("42501", "55000", "42809")  # not allowed; and a view that nobody can write into


def become(conn: sa.Connection, role: str) -> None:
    """Everybody who is no user has the organiser's claims, which must not help."""
    name = role if role in USERS else "organiser"
    callers.become(conn, user(name))
    if role not in USERS:
        conn.execute(sa.text(f"set local role {role}"))


def columns(conn: sa.Connection, role: str, relation: str, verb: str) -> list[str]:
    """The columns with which a role may do so."""
    query = sa.text(
        "select attname from pg_attribute where attrelid = to_regclass(:t) and attnum > 0"
        " and not attisdropped and attgenerated = '' and attidentity = ''"
        " and has_column_privilege(:r, attrelid, attnum, :v) order by attnum"
    )
    real = "authenticated" if role in USERS else role
    return list(conn.scalars(query, {"t": relation, "r": real, "v": verb}))


def inserts(conn: sa.Connection, table: str, row: dict[str, Any]) -> bool:
    """Whether the database lets this row in, or only another rule than who may keeps it out."""
    try:
        with conn.begin_nested() as attempt:
            insert(conn, table, row)
            attempt.rollback()
    except DBAPIError as error:
        return _kept_by_a_constraint(error)
    return True


def does(
    conn: sa.Connection, verb: str, values: dict[str, Any] | None = None, **parts: str
) -> bool:
    """Whether a select, update or delete reaches a row, or an insert is let in; undone again."""
    statement = STATEMENTS[verb].format(**parts)
    try:
        with conn.begin_nested() as attempt:
            result = conn.execute(sa.text(statement), values or {})
            done = bool(result.all() if verb == "select" else result.rowcount)
            attempt.rollback()
    except DBAPIError as error:
        return _kept_by_a_constraint(error)
    return done


def reads(conn: sa.Connection, view: str, column: str) -> bool:
    """Whether a view may be read, be it empty."""
    count = STATEMENTS["select"].replace("1", f"count({column})", 1)
    try:
        with conn.begin_nested():
            conn.execute(sa.text(count.format(relation=view, where="true")))
    except DBAPIError as error:
        return _kept_by_a_constraint(error)
    return True


def _kept_by_a_constraint(error: DBAPIError) -> bool:
    state = str(getattr(error.orig, "pgcode", ""))
    if state not in _REFUSED and not state.startswith("23"):
        raise error
    # A constraint comes after the policies; a trigger, which names none, may come before them.
    named = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return state not in _REFUSED and named is not None
