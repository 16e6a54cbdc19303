"""What a figure was, and when: one JSON object a line, in .bench/history.jsonl.

A line holds what a stranger may read: figures, the commit, the CPU's model and its cores. No name
of a machine, no path.
"""

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from memoria_pipeline.people.workers import cores
from memoria_pipeline_tests.bench.figures import Row
from memoria_pipeline_tests.bench.ratio import Measured

ROOT = Path(__file__).resolve().parents[3]
HISTORY = ROOT / ".bench" / "history.jsonl"

_UNITS = "×|%|points|CPU[- ]m?s|ms CPU|ms|s|GB|MB|photos/s"
_NUMBER = re.compile(rf"(?P<minus>[-−])?(?P<digits>\d[\d,]*(?:\.\d+)?)\s*(?P<unit>{_UNITS})?(?!\w)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One figure of one run, which is called by when it began.

    value: the first number of `reached`, in `unit` ("" for a count), or None where words were
    said. ratio: the same where it is one, by its sign or its name. cpu_s, wall_s: of our side,
    where the row says so. load: of one minute, before the part began. machine: model and cores.
    """

    run: str
    part: str
    figure: str
    asked: str
    reached: str
    enough: bool
    value: float | None
    unit: str
    ratio: float | None
    cpu_s: float | None
    wall_s: float | None
    load: float
    commit: str
    machine: str


def now() -> str:
    """What a run that begins is called."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def entry(run: str, part: str, row: Row, load: float) -> Entry:
    """A row as it is kept."""
    figure, asked, reached, enough = row
    value, unit = number(reached)
    spent = row.cost if isinstance(row, Measured) else None
    return Entry(
        run=run,
        part=part,
        figure=figure,
        asked=asked,
        reached=reached,
        enough=bool(enough),
        value=value,
        unit=unit,
        ratio=value if unit == "×" or ("÷" in figure and not unit) else None,
        cpu_s=None if spent is None else round(spent.cpu, 6),
        wall_s=None if spent is None else round(spent.wall, 6),
        load=load,
        commit=commit(),
        machine=machine(),
    )


def number(reached: str) -> tuple[float | None, str]:
    """The number that a text begins with and its unit; None for words."""
    found = _NUMBER.match(reached)
    if found is None:
        return None, ""
    value = float(found["digits"].replace(",", ""))
    return -value if found["minus"] else value, found["unit"] or ""


def append(made: Entry, file: Path = HISTORY) -> None:
    """Keep it, at once: a suite that is ended in the middle keeps what it measured."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(made), ensure_ascii=False) + "\n")


def read(file: Path = HISTORY) -> list[Entry]:
    """Everything kept, oldest first; empty where nothing was measured yet.

    Lines of another release, and one that was cut off, are left out.
    """
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [each for each in map(_entry, lines) if each is not None]


def _entry(line: str) -> Entry | None:
    try:
        return Entry(**json.loads(line))
    except (ValueError, TypeError):
        return None


Figures = Mapping[tuple[str, str], Entry]
"""By part and figure: two parts may ask the same at different lengths."""


def latest(entries: Sequence[Entry], on: str) -> Figures:
    """Each part's last run on a machine: what a part says no more is no figure now."""
    ours = [each for each in entries if each.machine == on]
    last = {each.part: each.run for each in ours}
    return {(each.part, each.figure): each for each in ours if each.run == last[each.part]}


def changes(now: Sequence[Entry], before: Figures) -> Iterator[tuple[Entry, str, str]]:
    """Each entry, what the last run of this machine reached, and the change in per cent."""
    for each in now:
        last = before.get((each.part, each.figure))
        yield each, last.reached if last else "–", _change(each, last)


def _change(now: Entry, last: Entry | None) -> str:
    if last is None or now.value is None or not last.value or now.unit != last.unit:
        return "–"
    return f"{now.value / last.value - 1:+.0%}"


def load() -> float:
    """Processes that wanted a core in the last minute: ours apart, others beside us."""
    return round(os.getloadavg()[0], 2)


@cache
def machine(source: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU's model and the cores that this process may use."""
    lines = source.read_text("utf-8", "replace").splitlines() if source.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    name = next(names, "") or platform.machine()
    return f"{name}, {cores()} cores"


@cache
def commit() -> str:
    """The checkout's commit, marked where files differ from it; "unknown" without git."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
