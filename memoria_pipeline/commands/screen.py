"""Where commands print to, and the database they work in."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from sqlalchemy import Connection

from memoria_pipeline.settings import settings

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@contextmanager
def database() -> Iterator[Connection]:
    """A transaction in the database of the settings."""
    from memoria_pipeline.store import audit, db

    s = settings()
    with (
        db.running(s.home, s.database_url, s.dagster_database_url) as found,
        db.connect(db.engine(found.memoria)) as conn,
    ):
        audit.by_way_of(conn, "cli")
        yield conn
