"""Where commands print to, and the database they work in."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from memoria_pipeline.errors import SettingsError
from memoria_pipeline.settings import settings

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
_IDS = 160  # columns in which a row with two ids has room


def listed(table: Table) -> None:
    """A table with ids, never cut off: an id is there to be copied."""
    wide = Console(highlight=False, file=out.file, width=max(out.width, _IDS))
    wide.print(table)


def typed_address(given: str) -> str:
    """An e-mail address for which the command line says `-`. Raises SettingsError otherwise.

    A command line is kept in the shell's history, and seen by `ps`.
    """
    if given != "-":
        raise SettingsError("An address is not for the command line: say --email - and type it in.")
    if sys.stdin.isatty():
        err.print("The address: ", end="")
    return sys.stdin.readline().strip()


@contextmanager
def database() -> Iterator[Connection]:
    """A transaction in the database of the settings; the audit knows that a command did it."""
    from memoria_pipeline.store import audit, db

    s = settings()
    with (
        db.running(s.home, s.database_url, s.dagster_database_url) as found,
        db.connect(db.engine(found.memoria)) as conn,
    ):
        audit.by_way_of(conn, "cli")
        yield conn
