"""Until when an event's faces may be kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta

GRACE = timedelta(hours=2)
"""What a check allows beyond the date: the schedule looks once an hour."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """What an event says of how long its faces live. days: after its end; None: it says nothing."""

    status: str
    days: int | None
    ends_at: datetime | None
    created_at: datetime


def ends(event: Lasting, default: int | None = None) -> datetime | None:
    """When its faces have to be gone, or None: only by archiving or deletion.

    default: days for an event that says none. Counted from its end, or from its making where it has
    no end. Nothing is kept in an event that is over, so nothing ends there.
    """
    days = default if event.days is None else event.days
    if event.status != "active" or days is None:
        return None
    started = event.created_at if event.ends_at is None else event.ends_at
    try:
        return started + timedelta(days=days)
    except OverflowError:  # further than any date
        return None


def due(event: Lasting, now: datetime, default: int | None = None) -> bool:
    """Whether its faces have to go now."""
    end = ends(event, default)
    return end is not None and end <= now
