"""`memoria review`: the organiser's pages and the API until Ctrl-C."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

import typer

from memoria_pipeline.commands.screen import out
from memoria_pipeline.settings import Settings, settings


def review(
    port: Annotated[
        int | None, typer.Option(help="Without it, MEMORIA_REVIEW_PORT; 0: any that is free.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Who may ask: 127.0.0.1 is this machine, 0.0.0.0 everybody.")
    ] = "127.0.0.1",
) -> None:
    """Serve the pages and the API; Ctrl-C stops them. `memoria up` does so too."""
    from memoria_pipeline.review import server

    def ready(taken: int) -> None:
        out.print(f"Review      http://{host}:{taken}", soft_wrap=True)

    with _with_login(settings()) as known:
        server.serve(known, host, known.review_port if port is None else port, ready)


@contextmanager
def _with_login(given: Settings) -> Iterator[Settings]:
    """The settings with the review's login; the embedded database runs meanwhile, where it is that.

    A server of one's own has no such login that we would know: it is asked for by parts_of.
    """
    if given.api_database_url is not None or given.database_url is not None:
        yield given
        return
    from memoria_pipeline.store import db
    from memoria_pipeline.store.migrate import migrate

    with db.running(given.home, None, given.dagster_database_url) as found:
        migrate(db.engine(found.memoria))
        yield replace(given, api_database_url=db.of_the_review(found.memoria))
