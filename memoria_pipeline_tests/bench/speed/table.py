"""The table of docs/performance.md, written from the history: this machine's last of each figure.

`python -m memoria_pipeline_tests.bench.speed.table` writes it between the markers, and nothing
else; `--check` says whether it would change.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline_tests.bench.speed import history
from memoria_pipeline_tests.bench.speed.history import HISTORY, ROOT, Entry, Figures
from memoria_pipeline_tests.bench.speed.parts import PARTS

DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HEAD = ("figure", "asked", "reached", "CPU s", "wall s", "load", "commit")


def main(arguments: Sequence[str], document: Path = DOCUMENT, file: Path = HISTORY) -> int:
    """Write it, or with `--check` only compare; the exit status."""
    found = history.latest(history.read(file), history.machine())
    if not found:
        raise MemoriaError(
            f"Nothing was measured on this machine ({history.machine()}): run `make bench` first."
        )
    text = document.read_text("utf-8")
    made = written(text, found)
    if "--check" in arguments:
        return int(made != text)
    document.write_text(made, "utf-8")
    return 0


def written(text: str, found: Figures) -> str:
    """The document with these figures between its markers. Raises MemoriaError without markers."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise MemoriaError(f"The document needs {BEGIN} and {END} once each, in this order.")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(found)}\n{END}{rest.partition(END)[2]}"


def table(found: Figures) -> str:
    """The machine and its figures as Markdown, by parts of the suite in their order."""
    machine = next(iter(found.values())).machine
    lines = [f"Measured on: {machine}.", "", row(HEAD), row(["---"] * len(HEAD))]
    for part in PARTS:
        entries = [each for each in found.values() if each.part == part.name]
        if entries:
            lines.append(row([f"**{part.about}**", *[""] * (len(HEAD) - 1)]))
            lines += [row(list(cells(each))) for each in entries]
    return "\n".join(lines)


def row(cells: Sequence[str]) -> str:
    """One line; a bar within a cell would be the next cell."""
    return f"| {' | '.join(each.replace('|', chr(92) + '|') for each in cells)} |"


def cells(of: Entry) -> Iterator[str]:
    """What HEAD names."""
    yield of.figure.strip()
    yield of.asked
    yield of.reached if of.enough else f"{of.reached} — **falls short**"
    yield _seconds(of.cpu_s)
    yield _seconds(of.wall_s)
    yield f"{of.load:g}"
    yield of.commit


def _seconds(taken: float | None) -> str:
    return "" if taken is None else f"{taken:.3g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
