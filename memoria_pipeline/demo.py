"""`memoria demo`: the main job from a folder of photos to a summary, through Dagster."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from memoria_pipeline import report, services
from memoria_pipeline.album import sample
from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import accounts, db, events, faces, media, persons, runs
from memoria_pipeline.store.migrate import migrate
from memoria_pipeline.vision import catalogue, packs

Link = Callable[[sa.Connection, UUID, UUID], str]
"""An address that signs a user in to an event."""

# Somebody to assign people to; nobody in particular.
MEMBERS = ("Ada", "Ben", "Chloé", "David", "Emma", "Farid", "Grace", "Hugo")
_POLL = 0.25  # seconds between two looks at the progress


@dataclass(frozen=True, slots=True)
class Source:
    """What the demo works on: a folder, its event's name and, for the sample album, its truth."""

    root: Path
    name: str
    truth: Path | None = None


def run(photos: Path | None, settings: Settings, console: Console, link: Link) -> bool:
    """The main job on the sample album, or on the folder `photos`. True when the run succeeded.

    Raises MemoriaError when there is nothing to work on, or nothing to work with.
    """
    source = _source(photos, settings.home, console)
    choice = catalogue.choose(settings.face_model, Path.home())
    catalogue.thresholds(choice.pack)  # refused before the work, not after it
    console.print(f"[dim]Model: {choice.reason}[/]")
    with db.running(settings.home, settings.database_url, settings.dagster_database_url) as found:
        engine = db.engine(found.memoria)
        migrate(engine)
        event = _event(engine, source, choice.pack, console)
        started = time.perf_counter()
        result = _process(event, engine, settings, found, console)
        seconds = {"all": time.perf_counter() - started, **result.seconds}
        _report(event, engine, source, seconds, console)
        _invite(event, engine, source, console, link)
        if not result.success:
            console.print(f"[red]The run failed.[/] Its log: {result.log}")
        return result.success


def _source(photos: Path | None, home: Path, console: Console) -> Source:
    if photos is None:
        folder = home / "sample-album"
        making = console.status("Making the sample album …") if console.is_terminal else None
        with making or nullcontext():
            sample.make_album(folder)
        return Source(folder / "photos", "Sample album", folder)
    if not photos.is_dir():
        raise MemoriaError(f"{photos} is not a folder; give one that holds photos.")
    return Source(photos.resolve(), photos.resolve().name)


def _event(engine: sa.Engine, source: Source, pack: str, console: Console) -> UUID:
    wanted = packs.stored_name(pack)
    with db.connect(engine) as conn:
        event = events.ensure(
            conn,
            name=source.name,
            photo_root=str(source.root),
            face_model=wanted,
            consent=True,
        )
        kept = events.get(conn, event).face_model
    console.print("[dim]Consent: face analysis is switched on for this event, by you.[/]")
    if kept != wanted:
        console.print(
            f"[yellow]This event was started with {kept} and keeps it.[/] "
            "The job change_model moves it to another one."
        )
    return event


def _process(
    event: UUID,
    engine: sa.Engine,
    settings: Settings,
    databases: db.Databases,
    console: Console,
) -> services.RunResult:
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("photos"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        return services.process_event(event, settings.home, databases, _watch(event, engine, bar))


def _watch(event: UUID, engine: sa.Engine, bar: Progress) -> Callable[[], None]:
    """Moves the bar to where the database is; cheap enough to be called all the time."""
    task = bar.add_task("Starting Dagster", total=None)
    looked = 0.0

    def look() -> None:
        nonlocal looked
        if bar.disable or time.monotonic() - looked < _POLL:
            return
        looked = time.monotonic()
        with db.connect(engine) as conn:
            now = media.summary(conn, event)
        if now.total:
            text = "Finding faces" if now.pending else "Grouping people"
            bar.update(task, description=text, total=now.total, completed=now.total - now.pending)

    return look


def _report(
    event: UUID, engine: sa.Engine, source: Source, seconds: dict[str, float], console: Console
) -> None:
    with db.connect(engine) as conn:
        report.event(
            console,
            media.summary(conn, event),
            persons.summary(conn, event),
            seconds,
        )
        waits = runs.proposed(conn, event)
        if waits is not None:
            console.print("[yellow]A grouping waits for approval:[/] see `memoria runs list`.")
        if source.truth is not None:
            found = [(f.storage_key, f.box, f.person) for f in faces.located(conn, event)]
            report.truth(console, sample.score(source.truth, found))
    report.next_steps(console, sample=source.truth is not None)


def _invite(event: UUID, engine: sa.Engine, source: Source, console: Console, link: Link) -> None:
    """Members for the sample album, and a way in for whoever runs this."""
    with db.connect(engine) as conn:
        organiser = accounts.ensure(conn, event, "organiser", "The organiser")
        if source.truth is not None:
            accounts.ensure_all(conn, event, "member", MEMBERS)
        address = link(conn, event, organiser)
    console.print("  make up, then open this once     the review: say who is who")
    console.print(f"  {address}", soft_wrap=True)
