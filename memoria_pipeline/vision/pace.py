"""How results are passed on: in batches that are small in number and in time, with a word on speed.

A commit for each photo costs about as much as the rows of ten; a batch that grew without end would
be lost as a whole with the process.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

MOST, SECONDS = 16, 1.0
"""Results in a batch, and its age when it is passed on with the result that comes then."""

EVERY = 10.0
"""Seconds between two words on how far it is."""


def batched(results: Iterable[T], clock: Callable[[], float] = time.monotonic) -> Iterator[list[T]]:
    """The results in their order, none twice, in lists that are never empty.

    Where the source fails, what came before that is passed on first. Closing this closes it.
    """
    batch: list[T] = []
    began = 0.0
    with closing(_generator(results)) as source:
        try:
            for result in source:
                began = began if batch else clock()
                batch.append(result)
                if len(batch) >= MOST or clock() - began >= SECONDS:
                    yield batch
                    batch = []
        except Exception:
            if batch:
                yield batch
            raise
    if batch:
        yield batch


def _generator(results: Iterable[T]) -> Generator[T, None, None]:
    yield from results


@dataclass(slots=True)
class Pace:
    """How far `total` photos are; says so at most every EVERY seconds."""

    total: int
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    _started: float = field(init=False)
    _told: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self._told = self.clock()

    def after(self, more: int) -> str | None:
        """Count photos that are done; a sentence where it is time for one, of numbers only."""
        self.done += more
        now = self.clock()
        if now - self._told < EVERY:
            return None
        self._told = now
        speed = self.done / (now - self._started)
        left = _spoken((self.total - self.done) / speed)
        return f"{self.done:,} of {self.total:,} photos, {speed:.1f} a second; about {left} left"


def _spoken(seconds: float) -> str:
    """A time as people say it: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
