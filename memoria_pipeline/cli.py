"""`memoria …`: parse, call, print; no logic."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from sqlalchemy import Connection

from memoria_pipeline import __version__
from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.settings import settings

commands = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
model = typer.Typer(no_args_is_help=True, help="The model packs.")
runs = typer.Typer(no_args_is_help=True, help="Groupings that wait for approval.")
lab = typer.Typer(no_args_is_help=True, help="Evaluation on your own labelled photos; no database.")
commands.add_typer(model, name="model")
commands.add_typer(lab, name="lab")
commands.add_typer(runs, name="runs")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


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


@contextmanager
def _database() -> Iterator[Connection]:
    """A transaction in the database of the settings."""
    from memoria_pipeline.store import db

    s = settings()
    with (
        db.running(s.home, s.database_url, s.dagster_database_url) as found,
        db.connect(db.engine(found.memoria)) as conn,
    ):
        yield conn


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

    if not job.run(photos, settings(), out):
        raise typer.Exit(1)


@commands.command()
def up(port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000) -> None:
    """Start the database, the Dagster UI and its daemon; Ctrl-C stops all of them."""
    from memoria_pipeline import services

    raise typer.Exit(services.up(settings(), port, out))


@commands.command("events")
def events_list() -> None:
    """The events, and the ids that other commands take."""
    from memoria_pipeline import report
    from memoria_pipeline.store import events

    with _database() as conn:
        report.events(out, events.list_(conn))


@commands.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from memoria_pipeline.store import db
    from memoria_pipeline.store.migrate import migrate as apply

    s = settings()
    with db.running(s.home, s.database_url, s.dagster_database_url) as found:
        applied = apply(db.engine(found.memoria))
    out.print(f"Applied: {', '.join(applied)}" if applied else "Nothing to apply.")


@runs.command("list")
def runs_list() -> None:
    """What waits for approval, and what each would change."""
    from memoria_pipeline import report
    from memoria_pipeline.store import proposals

    with _database() as conn:
        report.waiting(out, proposals.waiting(conn))


@runs.command("publish")
def runs_publish(run: Annotated[UUID, typer.Argument(help="Its id, from `runs list`.")]) -> None:
    """Make a proposed grouping what is."""
    from memoria_pipeline.store import proposals

    with _database() as conn:
        done = proposals.publish(conn, run)
    if not done:
        err.print("Faces or decisions changed since it was made: it is held. Group again.")
        raise typer.Exit(1)
    out.print("Published.")


@runs.command("hold")
def runs_hold(
    run: Annotated[UUID, typer.Argument(help="Its id, from `runs list`.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the run.")] = "not wanted",
) -> None:
    """Turn a proposed grouping down; everything stays as it is."""
    from memoria_pipeline.store import proposals

    with _database() as conn:
        proposals.hold(conn, run, reason, turned_down=True)
    out.print("Held: everything stays as it is.")


@commands.command()
def questions(
    event: Annotated[UUID, typer.Argument(help="The event's id.")],
) -> None:
    """How many answers an event's people still need, and what would be asked first."""
    from memoria_pipeline import report
    from memoria_pipeline.people.thresholds import Thresholds
    from memoria_pipeline.store import events, standing
    from memoria_pipeline.vision.detector import Detector

    with _database() as conn:
        model_ = events.get(conn, event).face_model
        numbers = Thresholds.of(Detector(**settings().detector).thresholds(model_))
        report.asked(out, standing.ask(conn, event, numbers))


@model.command("list")
def model_list() -> None:
    """The packs: licence, whether they are here, how to get them."""
    from memoria_pipeline import report
    from memoria_pipeline.vision import catalogue

    report.packs(out, catalogue.packs(Path.home()))
    out.print(catalogue.choose(settings().face_model, Path.home()).reason)


@model.command("check")
def model_check(
    pack: Annotated[str, typer.Argument(help="A pack; without it, that of the settings.")] = "",
) -> None:
    """Load a pack and report device, providers, milliseconds per photo and per face."""
    from memoria_pipeline import report
    from memoria_pipeline.vision import catalogue

    s = settings()
    report.check(out, catalogue.check(pack or s.face_model, s.wanted_device))


@lab.command("faces")
def lab_faces(
    folder: Annotated[Path, typer.Argument(help="The photos; folders in it count.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The Parquet file to write.")],
    model_: Annotated[
        str, typer.Option("--model", help="A pack; without it, that of the settings.")
    ] = "",
    errors: Annotated[
        Path | None, typer.Option(help="A CSV for the photos that could not be read.")
    ] = None,
) -> None:
    """Find the faces of a folder of photos."""
    from memoria_pipeline import report
    from memoria_pipeline.lab import faces
    from memoria_pipeline.vision.detector import Detector

    chosen = {"setting": model_} if model_ else {}
    detector = Detector(**{**settings().detector, **chosen})
    with report.counting(err, "Finding faces") as tick:
        found = faces.find_faces(folder, output, detector, tick, errors)
    for photo, _, message in found.errors:
        err.print(f"{photo}: {message}", markup=False, soft_wrap=True)
    out.print(
        f"{found.faces} faces in {found.photos} photos, {len(found.errors)} unreadable → {output}",
        markup=False,
    )


@lab.command("cluster")
def lab_cluster(
    faces: Annotated[Path, typer.Argument(help="The table that `memoria lab faces` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The Parquet file to write.")],
    method: Annotated[Literal["constrained", "hdbscan"], typer.Option()] = "constrained",
    model_: Annotated[
        str, typer.Option("--model", help="Whose thresholds; without it, what the table says.")
    ] = "",
) -> None:
    """Group faces into people."""
    from memoria_pipeline.lab import group

    density = None
    if method == "hdbscan":  # the settings are its own: a wrong one must not stop the other method
        s = settings()
        density = group.density(s.min_cluster_size, s.min_samples, s.cluster_epsilon)
    done = group.group_faces(faces, output, method=method, model=model_ or None, density=density)
    if done.note:
        err.print(done.note, markup=False, soft_wrap=True)
    out.print(f"{done.people} people of {done.faces} faces → {output}", markup=False)


@lab.command("score")
def lab_score(
    files: Annotated[
        list[Path], typer.Argument(help="One or more tables of people, then the truth's CSV.")
    ],
) -> None:
    """How well people match the truth: B³, pairs, effort, impure clusters."""
    from memoria_pipeline import report
    from memoria_pipeline.lab import score

    if len(files) < 2:
        raise typer.BadParameter("give a table of people and the truth: people.parquet truth.csv")
    rows = score.score_people(files[:-1], files[-1])
    report.scores(out, rows)
    for note in score.notes(rows):
        err.print(note, markup=False, soft_wrap=True)


@lab.command("calibrate")
def lab_calibrate(
    faces: Annotated[Path, typer.Argument(help="Labelled faces, from `memoria lab faces`.")],
    truth: Annotated[
        Path | None, typer.Option(help="photo, face_index, identity; without it the folder's name.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="calibration.json for the pack's folder.")
    ] = None,
) -> None:
    """The thresholds of a model pack, with their operating point."""
    from memoria_pipeline.lab import calibrate

    out.print_json(data=calibrate.run(faces, truth, output))


@lab.command("simulate")
def lab_simulate(
    faces: Annotated[Path, typer.Argument(help="Labelled faces, from `memoria lab faces`.")],
    truth: Annotated[
        Path | None, typer.Option(help="photo, face_index, identity; without it the folder's name.")
    ] = None,
    model_: Annotated[
        str, typer.Option("--model", help="Whose thresholds; without it, what the table says.")
    ] = "",
) -> None:
    """How many answers a review takes, and whether people stay who they are as photos come."""
    from memoria_pipeline import report
    from memoria_pipeline.lab import simulate

    found = simulate.simulate(faces, truth, model_ or None)
    if found.note:
        err.print(found.note, markup=False, soft_wrap=True)
    report.efforts(out, found.efforts)
    report.histories(out, found.histories)
