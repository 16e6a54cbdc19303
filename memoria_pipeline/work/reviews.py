"""When the pipeline follows what people decide: once they pause, or once it is much."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

MANY = 20
"""Decisions from which on nobody waits for a pause: whoever answers on and on sees new questions."""


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
