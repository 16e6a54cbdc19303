"""What a notebook reads: views of schema `analytics`, as pandas tables."""

import atexit
from contextlib import ExitStack
from functools import cache
from uuid import UUID

import pandas as pd
import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.settings import settings
from memoria_pipeline.store import db, views


def read(view: str, event: UUID | str | None = None) -> pd.DataFrame:
    """A view of schema `analytics`, or its rows of one event.

    From MEMORIA_DATABASE_URL, else from the embedded server under MEMORIA_HOME, read-only and as
    the role memoria_analyst. Raises DatabaseError where that cannot be.
    """
    return views.read(_engine(), view, None if event is None else UUID(str(event)))


def newest_event() -> UUID:
    """The event whose people were last published. Raises DatabaseError where there is none."""
    found = read("last_clustering").sort_values("published_at")
    if found.empty:
        raise DatabaseError("No event's people are published yet: process one, then read again.")
    return UUID(str(found["event_id"].iloc[-1]))


def newest_comparison(view: str, event: UUID | str) -> pd.DataFrame:
    """The rows of the event's last comparison, of the view `comparisons` or `similarities`.

    Raises DatabaseError where the event was never compared.
    """
    found = read(view, event)
    if found.empty:
        raise DatabaseError(
            f"Event {event} was not compared yet: launch the job compare_groupings for it in the"
            " Dagster UI, or wait for the weekly schedule."
        )
    newest: pd.DataFrame = found[found["compared_at"] == found["compared_at"].max()]
    return newest


@cache
def _engine() -> sa.Engine:
    """The server is held until this process ends: it would stop and start at each reading."""
    held, chosen = ExitStack(), settings()
    atexit.register(held.close)
    found = db.running(chosen.home, chosen.database_url, chosen.dagster_database_url)
    return db.engine(held.enter_context(found).memoria)
