"""The analysts' views, read as the analyst: whoever connects gives up all other rights first."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db

if TYPE_CHECKING:
    import pandas as pd

ROLE = "memoria_analyst"


def read(engine: sa.Engine, view: str, event: UUID | None = None) -> "pd.DataFrame":
    """All rows of a view of schema `analytics`, or those of one event; ids are text.

    Raises DatabaseError where there is no such view, or where the login may not become the analyst.
    """
    import pandas as pd  # half a second, and only notebooks need it

    table = sa.table(view, sa.column("event_id"), schema="analytics")
    query = sa.select(sa.text("*")).select_from(table)
    if event is not None:
        query = query.where(table.c.event_id == event)
    with db.connect(engine) as conn:
        become(conn)
        try:
            rows = conn.execute(query)
        except ProgrammingError as error:
            raise DatabaseError(
                f"The view analytics.{view} cannot be read: this database does not have it, or not"
                " yet (`memoria migrate`)."
            ) from error
        return pd.DataFrame([_plain(row) for row in rows], columns=list(rows.keys()))


def _plain(row: sa.Row[Any]) -> list[Any]:
    """Numbers that can be drawn, ids that can be read."""
    return [_PLAIN[type(value)](value) if type(value) in _PLAIN else value for value in row]


_PLAIN: dict[type, Callable[[Any], Any]] = {Decimal: float, UUID: str}


def become(conn: sa.Connection) -> None:
    """Read-only, and as the analyst, until the transaction ends. Raises DatabaseError."""
    conn.execute(sa.text("set transaction read only"))
    try:
        conn.execute(sa.text(f"set local role {ROLE}"))
    except ProgrammingError as error:
        raise DatabaseError(
            f"This login may not read as {ROLE}: ask an administrator to run"
            f" grant {ROLE} to <the login>, or connect as a login that has it."
        ) from error
