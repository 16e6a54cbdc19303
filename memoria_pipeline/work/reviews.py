"""When the pipeline follows what people decide: once they pause, or once it is much."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

MANY = 20
"""Decisions from which on a pause is not waited for: who answers on and on sees new questions."""


@dataclass(frozen=True, slots=True)
class Behind:
    """An event whose questions are out of date. seq: of its last decision, taken at decided_at.

    decisions: how many are newer than the questions, counted up to 100; 0 where there are no
    questions yet. published_at: of its last grouping. now: the database's clock.
    """

    event_id: UUID
    seq: int
    decided_at: datetime | None
    published_at: datetime | None
    now: datetime
    decisions: int


def due(behind: Behind, quiet: timedelta, many: int = MANY) -> bool:
    """Whether it is time: a burst becomes one run."""
    if behind.decided_at is None or behind.decisions >= many:
        return True
    return behind.now - behind.decided_at >= quiet


def version(behind: Behind) -> str:
    """Changes with what the questions are to be made from, and each hour: a run that failed is
    tried again then."""
    published = behind.published_at
    of_people = "none" if published is None else f"{published.timestamp():.6f}"
    return f"{behind.seq}/{of_people}/{behind.now:%Y-%m-%dT%H}"


HOT, EVERY = 30.0, 60.0
"""Seconds for which all events are looked at after something was decided (a decision has its number
before others see it), and seconds between two looks where nothing was: 10,000 events take .2 s."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What the sensor keeps between two ticks. number: of the last decision of all, None where it
    may not be known; changed, looked: when that changed and when all events were looked at, in
    seconds."""

    number: int | None = None
    changed: float = 0.0
    looked: float = 0.0

    def due(self, now: float) -> bool:
        """Whether to look at all events."""
        return now - self.changed < HOT or now - self.looked >= EVERY or self.number is None

    def after(self, *, now: float, looked: bool, behind: bool) -> "Glance":
        """What is kept; behind: some event still waits, so that it is looked at again soon."""
        return Glance(self.number, now if behind else self.changed, now if looked else self.looked)

    def __str__(self) -> str:
        number = "-" if self.number is None else self.number
        return f"{number}:{self.changed:.0f}:{self.looked:.0f}"


def glance(cursor: str | None, number: int | None, now: float) -> Glance:
    """What is known now, by what was kept; without it, or with another sensor's, nothing is."""
    kept = re.fullmatch(r"(-|\d{1,19}):(\d{1,12}):(\d{1,12})", cursor or "")
    if kept is None or kept[1] != str(number):
        return Glance(number, now, float(kept[3]) if kept else 0.0)
    return Glance(number, float(kept[2]), float(kept[3]))
