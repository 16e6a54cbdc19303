"""kill -9 at random moments while events are worked on: all must end as if nothing had been.

Events of 60 photos are uploaded, each with two jobs of other applications; several at a time, and
for each one kill at a random moment: of the run's worker, the daemon, the webserver, PostgreSQL, or
of everything. Nobody touches anything after that; only `memoria up`, where it was killed itself, is
started again, as systemd would. MEMORIA_BENCH_HISTORIES (100) says how many events.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline_tests.bench import uploaded
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.stack import ROLES, Role, Stack, running
from memoria_pipeline_tests.bench.uploaded import SLOTS, UNFINISHED, Outcome, Photos, until_none

HISTORIES = int(os.environ.get("MEMORIA_BENCH_HISTORIES", "100"))
SEED = int(os.environ.get("MEMORIA_BENCH_SEED", "1"))
BESIDE = 4
"""Events at a time: what one kill does to the others is seen too, and a history stays short."""

PATIENCE = float(os.environ.get("MEMORIA_BENCH_PATIENCE", "240"))
"""Seconds from a batch's last kill to its events being at rest: twice retried, backed off."""

JOBS = ("detect", "cluster")


@dataclass
class Told:
    """What the histories came to. wrong: what was not as in the undisturbed one, by name."""

    same: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    unfinished: int = 0
    slots: int = 0
    ended_itself: int = 0
    seconds: float = 0.0


def rows(photos: Photos, histories: int = HISTORIES) -> Iterator[Row]:
    """So many histories on one stack."""
    with running() as stack:
        undisturbed, span = reference(stack, photos)
        told = Told()
        chance = np.random.default_rng(SEED)
        started = time.monotonic()
        for first in range(0, histories, BESIDE):
            names = [f"h{SEED}-{first + i}" for i in range(min(BESIDE, histories - first))]
            batch(stack, photos, names, chance, span, undisturbed, told)
        told.seconds = time.monotonic() - started
    yield from _told(told, histories)


def _told(told: Told, histories: int) -> Iterator[Row]:
    what = f"{histories} events of 60 photos, one kill -9 each"
    reached = f"{told.same} of {histories} {_listed(told.wrong)}".strip()
    yield f"{what}: as undisturbed", f"{histories}", reached, told.same == histories
    yield f"{what}: who was killed", "no figure", _listed(told.killed), True
    left = f"{told.unfinished}, {told.slots}, {told.ended_itself}"
    good = not (told.unfinished or told.slots or told.ended_itself)
    yield f"{what}: runs left open, slots held, `up` ended", "0, 0, 0", left, good
    each = f"{told.seconds / max(histories, 1):.0f} s"
    yield f"{what}: a history takes", "no figure", each, True


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def reference(stack: Stack, photos: Photos) -> tuple[Outcome, float]:
    """What an event comes to when nothing happens, the same for each, and how long a batch takes.

    Raises MemoriaError where undisturbed events do not agree, or say nothing.
    """
    names = [f"undisturbed-{i}" for i in range(BESIDE)]
    events = begin(stack, photos, names)
    count, started = len(photos.paths), time.monotonic()
    for event in events:  # the first waits for the others, whose jobs take turns with its own
        uploaded.wait_for_rest(stack, event, count, PATIENCE * BESIDE)
    span = time.monotonic() - started
    found = [uploaded.outcome(stack, event) for event in events]
    if any(each.differs(found[0]) for each in found) or len(found[0].people) < 2:
        raise MemoriaError(f"Undisturbed events differ: {[o.differs(found[0]) for o in found]}.")
    return found[0], span


def begin(stack: Stack, photos: Photos, names: list[str]) -> list[UUID]:
    """Events with all their photos and jobs."""
    events = []
    for name in names:
        event = uploaded.upload(stack, name, photos.paths)
        for kind in JOBS:
            uploaded.enqueue(stack, event, kind)
        events.append(event)
    return events


def batch(
    stack: Stack,
    photos: Photos,
    names: list[str],
    chance: np.random.Generator,
    span: float,
    undisturbed: Outcome,
    told: Told,
) -> None:
    """One kill per event at random moments of what an undisturbed batch takes; then compare."""
    events = begin(stack, photos, names)
    moments = sorted(chance.uniform(0, span, len(names)))
    started = time.monotonic()
    for moment in moments:
        time.sleep(max(0.0, started + moment - time.monotonic()))
        role = _next(told, chance)
        told.killed[role] += strike(stack, role)
    for event in events:
        told.ended_itself += _compare(stack, event, len(photos.paths), undisturbed, told)
    told.unfinished += until_none(stack, UNFINISHED)
    told.slots += until_none(stack, SLOTS)


def _next(told: Told, chance: np.random.Generator) -> Role:
    """Any of those that were killed least: a few histories must not leave a part out."""
    least = min(told.killed[role] for role in ROLES)
    rest = [role for role in ROLES if told.killed[role] == least]
    return rest[int(chance.integers(len(rest)))]


def strike(stack: Stack, role: Role) -> bool:
    """Kill that part, as soon as there is one. Whether anything was there."""
    deadline = time.monotonic() + 15
    while not stack.processes(role) and time.monotonic() < deadline:
        time.sleep(0.05)
    found = stack.kill(role)
    if role == "everything":
        stack.start()
    return bool(found)


def _compare(stack: Stack, event: UUID, photos: int, undisturbed: Outcome, told: Told) -> bool:
    """Count what became of it; whether `memoria up` had to be started by us meanwhile."""
    try:
        uploaded.wait_for_rest(stack, event, photos, PATIENCE)
    except MemoriaError:
        told.wrong["not at rest"] += 1
    died = stack.up is not None and stack.up.poll() is not None
    if died:
        sys.stderr.write(
            f"`memoria up` ended by itself:\n{(stack.home / 'up.log').read_text()[-900:]}"
        )
        stack.start()
        stack.ready()
    differs = uploaded.outcome(stack, event).differs(undisturbed)
    told.same += not differs
    told.wrong.update(differs)
    return died


if __name__ == "__main__":
    with uploaded.album() as made:
        sys.exit(show("Faults", rows(made)))
