"""What a person sees in the terminal: tables and sentences, from values that others computed."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from memoria_pipeline.album.sample import Score
from memoria_pipeline.people.diff import Diff
from memoria_pipeline.store.events import Event
from memoria_pipeline.store.media import MediaSummary
from memoria_pipeline.store.persons import PeopleSummary
from memoria_pipeline.store.runs import ClusterRun
from memoria_pipeline.store.standing import Asked
from memoria_pipeline.vision.catalogue import PackInfo
from memoria_pipeline.vision.checking import Check

if TYPE_CHECKING:  # at run time it would bring pandas and Arrow into every command
    from memoria_pipeline.lab.simulate import Effort, History
    from memoria_pipeline.vision.backends.guard import Verdict
    from memoria_pipeline.vision.backends.network import Way

_STAGES = {
    "media": "finding the photos",
    "faces_and_embeddings": "finding the faces",
    "clusters": "grouping the people",
}


def event(
    console: Console,
    photos: MediaSummary,
    people: PeopleSummary,
    seconds: Mapping[str, float],
) -> None:
    """Photos, faces, people, the largest people, and where the time went."""
    console.print()
    console.print(_headline(photos, people))
    console.print(_photos(photos, people))
    if photos.failed:
        console.print(_failures(photos.failed))
    if people.largest:
        console.print(_largest(people))
    console.print(_seconds(seconds))


def _headline(photos: MediaSummary, people: PeopleSummary) -> Text:
    said = f"{people.people} people in {photos.total} photos"
    return Text(said, style="bold green")


def _photos(photos: MediaSummary, people: PeopleSummary) -> Table:
    table = _plain()
    rows = [
        ("photos", photos.total),
        ("  analysed", photos.analysed),
        ("  without faces", photos.without_faces),
        ("  exact duplicates", photos.duplicates),
        ("  unreadable", len(photos.failed)),
        ("  gone from the folder", photos.missing),
        ("  still to do", photos.pending),
        ("faces", people.faces),
        ("  in no person (too small or blurred)", people.faces - people.grouped),
        ("people", people.people),
        ("  seen once", people.seen_once),
    ]
    always = {"photos", "  analysed", "  without faces", "  unreadable", "faces", "people"}
    for name, count in rows:
        if count or name in always:
            table.add_row(name, str(count))
    return table


def _failures(failed: Sequence[tuple[str, str, str]]) -> Table:
    table = Table("unreadable photo", "why", box=None, pad_edge=False, header_style="bold yellow")
    for key, _, message in failed[:10]:
        table.add_row(escape(key), escape(message))
    if len(failed) > 10:
        table.add_row(f"… and {len(failed) - 10} more", "")
    return table


def _largest(people: PeopleSummary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("largest people")
    table.add_column("photos", justify="right")
    table.add_column("best seen in")
    table.add_column("")
    most = max(each.photos for each in people.largest)
    for rank, each in enumerate(people.largest, 1):
        bar = "█" * max(1, round(24 * each.photos / most))
        best = PurePosixPath(each.best_photo or "").name
        table.add_row(f"person {rank}", str(each.photos), escape(best), f"[cyan]{bar}[/]")
    return table


def _seconds(seconds: Mapping[str, float]) -> Table:
    table = _plain()
    for step, name in _STAGES.items():
        if step in seconds:
            table.add_row(name, f"{seconds[step]:.1f} s")
    table.add_row("all, with Dagster's own start", f"{seconds['all']:.1f} s")
    return table


def _plain() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    return table


def truth(console: Console, score: Score) -> None:
    """How well the sample album's own truth was met."""
    table = _plain()
    table.add_row("clear faces found", f"{score.clear_found} of {score.clear}")
    table.add_row("all faces found", f"{score.found} of {score.faces}")
    table.add_row("false faces", str(score.false))
    table.add_row("people match the truth (B³ F)", f"{score.b3_f:.3f}")
    console.print(Text("against the album's own truth", style="bold"))
    console.print(table)


def next_steps(console: Console, *, sample: bool) -> None:
    """Where to look next."""
    console.print()
    console.print("[bold]Next[/]")
    console.print("  make up                          the Dagster UI, with this run in it")
    if sample:
        console.print("  make demo PHOTOS=/path/to/album  the same for your own photos")
    console.print("  memoria model list               other model packs, and their licences")


def packs(console: Console, known: Sequence[PackInfo]) -> None:
    """`memoria model list`: a paragraph per pack, so that nothing is cut off in a narrow window."""
    for each in known:
        state = f"here: {_yes(each.here)}, calibrated: {_yes(each.calibrated)}"
        console.print(f"[bold]{escape(each.name)}[/]  {state}", soft_wrap=True)
        for line in (each.title, each.licence, each.get):
            console.print(f"  {escape(line)}", style="dim", soft_wrap=True)


def _yes(value: bool) -> str:
    return "[green]yes[/]" if value else "no"


def check(console: Console, found: Check) -> None:
    """`memoria model check`."""
    table = _plain()
    table.add_row("pack", escape(found.pack))
    table.add_row("licence", escape(found.licence))
    table.add_row("device", found.device)
    table.add_row("providers", ", ".join(found.providers))
    table.add_row("calibrated", "yes" if found.calibrated else "no: run memoria lab calibrate")
    table.add_row("loaded in", f"{found.load_seconds:.2f} s")
    table.add_row("per photo (detection)", f"{found.ms_per_photo:.0f} ms")
    table.add_row("per face (embedding)", f"{found.ms_per_face:.1f} ms")
    if found.way:
        table.add_row("runs as", found.way)
    for way, told in found.ways.items():
        table.add_row(f"  {way}", told)
    console.print(table)


def verdicts(console: Console, found: Mapping["Way", "Verdict | str"]) -> None:
    """`memoria model guard`: recall and verification before and after, per way."""
    table = _columns(
        "The guard of accuracy", "way", "recall", "fp32", "TAR", "at fp32", "permitted"
    )
    for way, told in found.items():
        if isinstance(told, str):
            table.add_row(str(way), told, "", "", "", "no")
            continue
        shares = (told.recall, told.recall_before, told.tar, told.tar_before)
        table.add_row(str(way), *(f"{each:.2%}" for each in shares), _yes(told.passed))
    console.print(table)


def scores(console: Console, rows: Sequence[Mapping[str, object]]) -> None:
    """`memoria lab score`: a column per table of people."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for row in rows:
        table.add_column(escape(str(row["method"])), justify="right")
    for name in (each for each in rows[0] if each != "method"):
        table.add_row(name, *(_number(row[name]) for row in rows))
    console.print(table)


def efforts(console: Console, rows: Sequence["Effort"]) -> None:
    """`memoria lab simulate`: answers until so many faces are in the right person."""
    heads = ("event", "faces", "right at first", "until", "forecast", "answers", "screens")
    table = _columns("Review effort of a perfect organiser", *heads, "by similarity", "ratio")
    for row in rows:
        counts = (row.forecast, row.answers, row.screens, row.similarity)
        ratio = "–"
        if row.answers is not None and row.similarity:
            ratio = f"{row.answers / row.similarity:.2f}"
        table.add_row(
            str(row.event),
            str(row.faces),
            f"{row.start:.2%}",
            f"{row.target:.1%}",
            *("never" if count is None else str(count) for count in counts),
            ratio,
        )
    console.print(table)


def histories(console: Console, rows: Sequence["History"]) -> None:
    """`memoria lab simulate`: what uploads do to people."""
    heads = ("event", "grouped", "B³ F", "precision", "effort", "impure", "churn per upload")
    table = _columns("Photos come in tenths", *heads)
    for row in rows:
        table.add_row(
            str(row.event),
            row.how,
            f"{row.f:.4f}",
            f"{row.precision:.4f}",
            f"{row.effort:.2f}",
            str(row.impure),
            f"{row.churn:.3%}",
        )
    console.print(table)


def _columns(title: str, *heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for head in heads:
        table.add_column(head, justify="right")
    return table


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


@contextmanager
def counting(console: Console, what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar; the callable takes the total and moves it by one after its first call."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        done = -1

        def tick(total: int) -> None:
            nonlocal done
            done += 1
            bar.update(task, total=total, completed=done)

        yield tick


def events(console: Console, found: Sequence[Event]) -> None:
    """`memoria events`: a line per event."""
    if not found:
        console.print("No events yet; `memoria demo` makes one.")
    for each in found:
        switch = "on" if each.face_recognition_enabled else "off"
        line = (
            f"[bold]{each.id}[/]  {escape(each.name)}  [dim]{each.status}, face analysis {switch}"
        )
        console.print(f"{line}, {escape(each.face_model) or 'no pack yet'}[/]", soft_wrap=True)


def waiting(console: Console, runs: Sequence[ClusterRun]) -> None:
    """`memoria runs list`: a paragraph per run."""
    if not runs:
        console.print("No grouping waits for approval.")
    for run in runs:
        head = (
            f"[bold]{run.id}[/]  {run.kind}, {run.created_at:%Y-%m-%d %H:%M}, event {run.event_id}"
        )
        console.print(head, soft_wrap=True)
        if run.diff:
            console.print(f"  {Diff.of(run.diff).sentences()}", style="dim", soft_wrap=True)


def held(console: Console, runs: Sequence[ClusterRun]) -> None:
    """`memoria runs list`: what is held back, and what has to be mended."""
    for run in runs:
        head = f"held: {run.kind}, {run.created_at:%Y-%m-%d %H:%M}, event {run.event_id}"
        console.print(head, soft_wrap=True)
        console.print(f"  {run.reason}", style="dim", soft_wrap=True)


_ASKS = {
    "conflict": "decisions that contradict each other",
    "same_person": "Are these one person?",
    "mixed": "Is this one person?",
    "twice": "Is this one person, twice in a photo?",
    "lost": "Is this face, which is found no more, still right?",
    "name": "Who is this?",
}


def asked(console: Console, found: Asked) -> None:
    """`memoria questions`: the forecast, and how many questions of each kind."""
    expected = found.queue.forecast
    console.print(f"About {expected.right:.1%} of the faces are in the right person.")
    for share, answers in expected.answers.items():
        told = (
            f"about {answers} answers" if answers is not None else "no known questions lead there"
        )
        console.print(f"  to {share:.0%}: {told}")
    table = _plain()
    kinds = Counter(str(each.kind) for each in found.queue.questions)
    for kind, question in _ASKS.items():
        if kinds[kind]:
            table.add_row(question, str(kinds[kind]))
    console.print(table)
