"""`memoria …`: which command is where; no logic."""

import signal
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape

from memoria_pipeline import __version__
from memoria_pipeline.commands import erase, events, export, jobs, keys, lab, model, runs, subject
from memoria_pipeline.commands.audit import audit
from memoria_pipeline.commands.doctor import doctor
from memoria_pipeline.commands.ingest import ingest, uploads
from memoria_pipeline.commands.metrics import metrics
from memoria_pipeline.commands.move import model_move
from memoria_pipeline.commands.review import review
from memoria_pipeline.commands.screen import database, err, out
from memoria_pipeline.commands.token import demo_link, token
from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.settings import settings

commands = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
commands.add_typer(events.app, name="events")
commands.add_typer(erase.app, name="erase")
commands.add_typer(runs.app, name="runs")
commands.add_typer(jobs.app, name="jobs")
commands.add_typer(model.app, name="model")
commands.add_typer(lab.app, name="lab")
commands.add_typer(export.app, name="export")
commands.add_typer(subject.app, name="subject")
commands.command()(ingest)
commands.command()(uploads)
commands.command()(doctor)
commands.command()(metrics)
commands.command()(review)
commands.command()(token)
commands.command()(audit)
model.app.command("move")(model_move)
export.app.command("rotate")(keys.rotate)


def app() -> None:
    """The console script: an error of ours is one clear message, not a traceback."""
    # All stop in order; a background job of a script would otherwise ignore Ctrl-C's signal.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)
    try:
        commands()
    except MemoriaError as error:
        err.print(f"[red]memoria:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)


@commands.callback()
def main() -> None:
    """An event's photos go in; confirmed people come out as tags."""


@commands.command()
def version() -> None:
    """The version of this package."""
    out.print(__version__)


@commands.command()
def demo(
    photos: Annotated[
        Path | None, typer.Option(help="A folder of photos; without it, a sample album is made.")
    ] = None,
) -> None:
    """The main job: photos in, people out, and a summary."""
    from memoria_pipeline import demo as job

    if not job.run(photos, settings(), out, demo_link):
        raise typer.Exit(1)


@commands.command()
def up(port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000) -> None:
    """Start the database, the Dagster UI, its daemon and the review; Ctrl-C stops all of them."""
    from memoria_pipeline import services

    raise typer.Exit(services.up(settings(), port, out))


@commands.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from memoria_pipeline.store import db
    from memoria_pipeline.store.migrate import migrate as apply

    s = settings()
    with db.running(s.home, s.database_url, s.dagster_database_url) as found:
        applied = apply(db.engine(found.memoria))
    out.print(f"Applied: {', '.join(applied)}" if applied else "Nothing to apply.")


@commands.command()
def questions(
    event: Annotated[UUID, typer.Argument(help="The event's id.")],
) -> None:
    """How many answers an event's people still need, and what would be asked first."""
    from memoria_pipeline import report
    from memoria_pipeline.people.thresholds import Thresholds
    from memoria_pipeline.store import events, standing
    from memoria_pipeline.vision.detector import Detector

    with database() as conn:
        model_ = events.get(conn, event).face_model
        numbers = Thresholds.of(Detector(**settings().detector).thresholds(model_))
        report.asked(out, standing.ask(conn, event, numbers))
