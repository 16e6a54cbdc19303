"""All that the doctor looks at, in the order in which it is worth mending."""

from collections.abc import Iterator

from sqlalchemy import make_url

from memoria_pipeline.doctor import database, model, operations, place, production, review
from memoria_pipeline.doctor.finding import Finding, fail
from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import db, health
from memoria_pipeline.vision.detector import Detector


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything; what cannot be looked at because of another thing is left out.

    Starts the embedded database where it does not run, and stops it again. Changes nothing.
    """
    yield place.disk(settings.home)
    home = place.home(settings.home)
    yield home
    if home.status == "ok":
        yield from _in_database(settings)
    yield from model.pack(settings)
    yield place.uploads(settings)
    yield place.callback(settings)
    yield review.secrets(settings)
    yield review.address(settings)
    yield from production.findings(settings)


def _in_database(settings: Settings) -> Iterator[Finding]:
    s = settings
    try:
        with db.running(s.home, s.database_url, s.dagster_database_url) as found:
            server, pending, used, albums = health.look(found.memoria)
            port = make_url(found.memoria).port
            yield database.server(server, embedded=s.database_url is None, port=port)
            yield database.extension(server)
            yield database.migrations(pending)
            if pending:
                return  # Dagster's definitions would ask tables that are not there
            yield model.of_events(used, Detector(**s.detector))
            yield place.photos(albums)
            yield review.login(s, found.memoria)
            yield from operations.findings(operations.ask(s.home, found))
    except DatabaseError as error:
        yield fail("database", str(error), "Mend that first; the rest depends on it.")
