"""Running parts: each row is shown and kept as it comes, and compared with the last run at the end.

A part that falls over is a figure that falls short; the others are measured all the same.
"""

import argparse
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.speed import history
from memoria_pipeline_tests.bench.speed.history import HISTORY, Entry, Figures
from memoria_pipeline_tests.bench.speed.parts import PARTS, Part, chosen


def main(arguments: Sequence[str], file: Path = HISTORY) -> int:
    """`make bench`; the exit status."""
    reader = argparse.ArgumentParser(prog="make bench", description=__doc__)
    reader.add_argument("--only", action="append", default=[], metavar="NAME", help=listed())
    try:
        parts = chosen(reader.parse_args(arguments).only)
    except MemoriaError as error:
        reader.error(str(error))
    return run("Benchmarks, as ratios within this run", parts, file)


def listed() -> str:
    """The parts, and how long each takes."""
    return "; ".join(f"{each.name}: {each.about} ({each.minutes:g} min)" for each in PARTS)


def run(title: str, parts: Sequence[Part], file: Path = HISTORY, *, asked: bool = False) -> int:
    """Measure these parts, keep and compare; 1 where a figure falls short.

    asked: show those figures alone that have to reach something.
    """
    before = history.latest(history.read(file), history.machine())
    made: list[Entry] = []
    console = Console(highlight=False, width=110)
    minutes = sum(each.minutes for each in parts)
    console.print(f"{len(parts)} parts, about {minutes:.0f} minutes on two idle cores.")
    status = show(title, _kept(parts, file, made, asked=asked))
    console.print(compared(made, before))
    return status


def _kept(parts: Sequence[Part], file: Path, made: list[Entry], *, asked: bool) -> Iterator[Row]:
    began = history.now()
    for part in parts:
        load = history.load()
        for row in guarded(part):
            made.append(history.entry(began, part.name, row, load))
            history.append(made[-1], file)
            if not asked or is_asked(row):
                yield row


def is_asked(row: Row) -> bool:
    """Whether a figure has to reach something."""
    return row[1] not in ("–", "no figure")


def guarded(part: Part) -> Iterator[Row]:
    """Its rows; where it cannot go on, or leaves asked figures out, a row that says so."""
    asked = 0
    try:
        for row in part.rows():
            asked += is_asked(row)
            yield row
    except Exception as error:  # whatever it was: the other parts are asked for, too
        traceback.print_exc()  # its words may hold paths, which no history is to keep
        yield f"{part.name}: measured to its end", "yes", f"no: {type(error).__name__}", False
    if asked < part.asked:
        wanted = f">= {part.asked}"
        yield f"{part.name}: figures that this machine can measure", wanted, str(asked), False


def compared(made: Sequence[Entry], before: Figures) -> Table:
    """What changed since the last run of this machine."""
    title = f"Since the last run of this machine ({history.machine()})"
    table = Table("figure", "now", "last", "", box=None, title=title, title_justify="left")
    for each, last, change in history.changes(made, before):
        table.add_row(each.figure, each.reached, last, change)
    return table
