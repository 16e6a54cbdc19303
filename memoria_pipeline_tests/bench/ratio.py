"""Ratios within one run: sides that take turns, medians, CPU seconds beside wall time.

What another process does meanwhile hits both sides of a turn alike, and hardly the CPU seconds.
"""

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of CPU (this process and its ended children) and by the clock."""

    cpu: float
    wall: float

    def each(self, parts: int) -> "Cost":
        """Of one of so many parts: a photo of a loop over some."""
        return Cost(self.cpu / parts, self.wall / parts)


def cost(work: Callable[[], object]) -> Cost:
    """What one run of it takes. What children take counts once they have ended."""
    cpu, wall = used(), time.perf_counter()
    work()
    return Cost(used() - cpu, time.perf_counter() - wall)


def used() -> float:
    """CPU seconds so far, of this process and of its children that ended."""
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in found)


@dataclass(frozen=True, slots=True)
class Turns:
    """What each side took in each turn."""

    taken: Mapping[str, list[Cost]]

    def cost(self, side: str) -> Cost:
        """Its medians."""
        every = self.taken[side]
        return Cost(median(each.cpu for each in every), median(each.wall for each in every))

    def cpu(self, side: str, under: str) -> float:
        """The median, over turns, of its CPU seconds by the other side's of the same turn."""
        pairs = zip(self.taken[side], self.taken[under], strict=True)
        return median(one.cpu / other.cpu for one, other in pairs)

    def wall(self, side: str, under: str) -> float:
        """The same by the clock."""
        pairs = zip(self.taken[side], self.taken[under], strict=True)
        return median(one.wall / other.wall for one, other in pairs)


def alternating(
    sides: Mapping[str, Callable[[], object]], turns: int = 5, *, warm: bool = True
) -> Turns:
    """Each side once per turn, every second turn in the other order.

    warm: a turn before that does not count, for what is made once (a plan, a compiled network).
    """
    if warm:
        for work in sides.values():
            work()
    taken: dict[str, list[Cost]] = {name: [] for name in sides}
    for turn in range(turns):
        for name in list(sides)[:: -1 if turn % 2 else 1]:
            taken[name].append(cost(sides[name]))
    return Turns(taken)


class Measured(tuple[str, str, str, bool]):
    """A row of figures.py (figure, asked, reached, enough) that also says what one side cost."""

    cost: Cost

    @classmethod
    def of(cls, figure: str, asked: str, reached: str, enough: bool, spent: Cost) -> "Measured":
        """spent: of ours, as a median."""
        row = cls((figure, asked, reached, enough))
        row.cost = spent
        return row


def row(figure: str, ratio: float, spent: Cost, *, least: float = 0, most: float = 0) -> Measured:
    """A ratio as a row, with what our side took. least, most: what is asked; neither: nothing."""
    asked = f">= {least:g}×" if least else f"<= {most:g}×" if most else "–"
    enough = ratio >= least and (not most or ratio <= most)
    reached = f"{ratio:.2f}×, {said(spent)}"
    return Measured.of(figure, asked, reached, enough, spent)


def said(spent: Cost) -> str:
    """CPU seconds beside wall time, in words."""
    if spent.wall < 1 and spent.cpu < 1:
        return f"{spent.cpu * 1000:.3g} CPU-ms, {spent.wall * 1000:.3g} ms"
    return f"{spent.cpu:.3g} CPU-s, {spent.wall:.3g} s"
