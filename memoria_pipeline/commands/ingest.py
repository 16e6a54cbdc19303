"""`memoria ingest`, `memoria uploads`: a folder's photos by hand, and what waits for its run."""

import time
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from memoria_pipeline.commands.screen import database, err, out
from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.settings import settings

CONSENT_VERSION = "cli-2026-1"
"""Of the text below, for the ledger: a new wording is a new version."""
CONSENT = (
    "By turning it on you say that the organiser agrees to automatic face analysis of this event's "
    "photos, and that the people on them were told. It can be turned off at any time."
)


def ingest(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the event's photos.")],
    event: Annotated[str, typer.Option(help="The event's name.")],
    consent: Annotated[
        bool, typer.Option("--consent", help="The organiser agrees to face analysis.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Run it here, and wait for its end.")
    ] = False,
) -> None:
    """Make a folder an event: its photos are registered, and its run is asked for."""
    if not folder.is_dir():
        raise MemoriaError("There is no such folder; give one that holds photos.")
    made = register(folder.resolve(), event, consent=consent)
    if wait:
        _here(made)
        return
    _say_who_runs_it()


def register(folder: Path, name: str, *, consent: bool) -> UUID:
    """The event of a folder, with its photos; says what it found."""
    from memoria_pipeline.store import consents, events, media
    from memoria_pipeline.store.migrate import migrate
    from memoria_pipeline.store.photos import Photos
    from memoria_pipeline.vision.photo import EXTENSIONS

    found = list(Photos(str(folder)).list(EXTENSIONS))
    with database() as conn:
        migrate(conn.engine)
        consents.saying(conn, CONSENT_VERSION, "en")
        root = str(folder)
        event = events.ensure(conn, name=name, photo_root=root, face_model=None, consent=consent)
        counts = media.register(conn, event, found)
        switched_on = events.get(conn, event).face_recognition_enabled
    out.print(f"Event {event}: {len(found)} photos, {counts.new} of them new.", markup=False)
    if not switched_on:
        err.print(f"Face analysis is off: nothing starts. {CONSENT}", soft_wrap=True)
        err.print(f"Turn it on with: memoria events consent {event}", soft_wrap=True)
    elif consent:
        out.print(f"Face analysis is on, by you. {CONSENT}", soft_wrap=True)
    return event


def _say_who_runs_it() -> None:
    from memoria_pipeline.store import watched

    with database() as conn:
        there = watched.sensor_runs(conn, 6.0 * settings().sensor_seconds)
    if there:
        out.print("The sensor of the running `memoria up` takes it from here.")
    else:
        err.print("Nobody runs it yet: start `memoria up`, or give --wait to run it here.")


def _here(event: UUID) -> None:
    from memoria_pipeline import report, services
    from memoria_pipeline.store import db, media, persons

    s = settings()
    with db.running(s.home, s.database_url, s.dagster_database_url) as found:
        started = time.perf_counter()
        result = services.process_event(event, s.home, found, lambda: None)
        seconds = {"all": time.perf_counter() - started, **result.seconds}
        with db.connect(db.engine(found.memoria)) as conn:
            photos, people = media.summary(conn, event), persons.summary(conn, event)
        report.event(out, photos, people, seconds)
    if not result.success:
        err.print(f"[red]The run failed.[/] Its log: {result.log}", soft_wrap=True)
        raise typer.Exit(1)


def uploads() -> None:
    """Events with photos that wait for their run, and why; places that cannot be read."""
    from memoria_pipeline.store import uploads as store
    from memoria_pipeline.store import watched

    with database() as conn:
        waiting, problems = store.waiting(conn), watched.problems(conn)
    for row in waiting:
        reason = row.reason or "its run is asked for"
        out.print(f"{row.event_id}  {row.photos:>6} photos  {reason}", markup=False)
    for event, problem in problems:
        out.print(f"{event or 'all events'}  {problem}", markup=False, soft_wrap=True)
    if not waiting and not problems:
        out.print("Nothing waits.")
