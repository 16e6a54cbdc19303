"""When an event with something to do gets its run, and what a run's end means for it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

AskedStatus = Literal["none", "underway", "succeeded", "failed", "cancelled"]

TRIES = 3
"""Runs that may fail in a row. Then only new photos, a human or the night start another one."""

NO_CONSENT = "face analysis is switched off, or the event is over"
UNTIL_QUIET = "more photos may be coming"
UNDERWAY = "its run is underway"
CANCELLED = "a human cancelled its run; new photos start another one"
FAILED = f"{TRIES} runs failed; mend the reason: the next night or new photos try again"
AGAIN = "its run failed; another one follows"
WAITS = "its new people wait for approval"
REFUSED = "a human turned the change down; ask for it again to offer it again"

_BACK_OFF = timedelta(seconds=30)  # then twice as long each time: what fails fast must not spin


@dataclass(frozen=True, slots=True)
class Limits:
    """quiet: how long no photo may have come; burst: photos that need no such wait."""

    quiet: timedelta
    burst: int


@dataclass(frozen=True, slots=True)
class Upload:
    """An event with something to do.

    photos: pending ones, counted up to a burst. gone: some went, so people have to follow. last_at:
    when we last heard of one. quiet_since: when its source last changed. asked: the run that was
    asked for at asked_at, "never" where none was. tried: runs that failed since. allowed: the event
    is active and its switch is on.
    """

    photos: int
    gone: bool
    last_at: datetime
    quiet_since: datetime
    asked: AskedStatus | Literal["never"] = "never"
    asked_at: datetime | None = None
    tried: int = 0
    allowed: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for a run now; under the same key where nobody knows whether that was done before."""

    same_key: bool = False
    tried: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again at `until`; None: something has to happen first. again: then with a new run."""

    until: datetime | None
    reason: str
    again: bool = False
    tried: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do."""


Decision = Ask | Wait | Done


def decide(upload: Upload, now: datetime, limits: Limits) -> Decision:
    """What to do for the event now."""
    if not upload.allowed:
        return Wait(None, NO_CONSENT, again=True)
    match upload.asked:
        case "never":
            return _first(upload, now, limits)
        case "none":  # killed between writing that it is asked for and asking: its key is free
            return Ask(same_key=True, tried=upload.tried)
        case "underway":
            return Wait(follow(upload.asked_at or now, now), UNDERWAY, tried=upload.tried)
    if _more_came(upload):
        return _first(upload, now, limits)
    if upload.asked == "succeeded" and not upload.photos:
        return Done()
    if upload.asked == "cancelled":
        return Wait(None, CANCELLED)
    return again(upload.tried + 1, now)


def _first(upload: Upload, now: datetime, limits: Limits) -> Decision:
    if not upload.photos and not upload.gone and not upload.tried:
        return Done()
    quiet_at = upload.quiet_since + limits.quiet
    if upload.photos >= limits.burst or quiet_at <= now:
        return Ask(tried=upload.tried)
    return Wait(quiet_at, UNTIL_QUIET, again=True, tried=upload.tried)


def _more_came(upload: Upload) -> bool:
    """Whether there is something that the last run cannot have seen, or may not have."""
    late = upload.asked_at is None or upload.last_at > upload.asked_at
    return late and (upload.photos > 0 or upload.gone)


def follow(asked_at: datetime, now: datetime) -> datetime:
    """When to look at a run next: soon at first, then after a quarter of its age."""
    return now + min(max((now - asked_at) / 4, timedelta(seconds=5)), timedelta(minutes=1))


def again(tried: int, now: datetime) -> Wait:
    """After the `tried`th failure in a row: a new run after a pause, or none."""
    if tried >= TRIES:
        return Wait(None, FAILED, tried=tried)
    return Wait(now + _BACK_OFF * 2 ** (tried - 1), AGAIN, again=True, tried=tried)


@dataclass(frozen=True, slots=True)
class Move:
    """An event on its way to another pack: as Upload, and what became of its proposal."""

    proposal: Literal["none", "waits", "refused"] = "none"
    asked: AskedStatus | Literal["never"] = "never"
    asked_at: datetime | None = None
    tried: int = 0


_LOOK_AT_PROPOSAL = timedelta(minutes=5)


def decide_move(move: Move, now: datetime) -> Decision:
    """What to do for an event that has not got the pack it is to move to."""
    if move.asked == "underway":
        return Wait(follow(move.asked_at or now, now), UNDERWAY, tried=move.tried)
    if move.proposal == "refused":
        return Wait(None, REFUSED)
    if move.proposal == "waits":
        return Wait(now + _LOOK_AT_PROPOSAL, WAITS, again=True)
    if move.asked in ("never", "none"):
        return Ask(same_key=move.asked == "none", tried=move.tried)
    if move.asked == "cancelled":
        return Wait(None, CANCELLED)
    return again(move.tried + 1, now)


_SLOWEST = timedelta(minutes=5)
_SHARE = 100  # of our time, one part in so many may go into looking at one place


def next_look(
    now: datetime, changed_at: datetime, took: timedelta, *, told: bool = False
) -> datetime:
    """When to look at a source again that has not changed since `changed_at`.

    The longer nothing came, the rarer: after a tenth of that time, at most 5 minutes; but a look
    that takes long is not done all the time. told: a queue says what changes, so that looking only
    makes up for a message that was lost.
    """
    quiet = min((now - changed_at) / 10, _SLOWEST)
    return now + max(quiet, took * _SHARE, timedelta(hours=1) if told else timedelta())
