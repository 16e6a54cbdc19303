"""What is done for an erasure, where and when: decided here, carried out elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from memoria_pipeline.privacy.receipt import VERSION

STEPS = ("rows", "files", "dagster", "recount", "bytes", "receipt")
"""In this order; the subject is forgotten between the recount and the bytes."""

AT_ONCE = 25
"""Erasures of one run: tables are rewritten once for all of them."""

_FIRST = 15.0  # seconds
_LONGEST = 3600.0

_LEFT = {
    "given": "what somebody was given: mails that were sent, exports, downloads",
    "backups": "backups and replicas: after a restore `memoria erase replay` does it again",
    "album": "photos in the organiser's own folder or bucket, which are not ours to remove",
}
_MEMBER = "membership: "
_RUNS = "the user runs the event"
_WITHDREW = "the user took a consent back, and did not ask to leave"
_KEPT_PERSON = (
    "photos, which show others too",
    "what others decided and confirmed",
    "that a decision and a consent was, under a pseudonym",
    "names that the organiser gave to the event, its folder and its files",
)
_KEPT = {
    "person": _KEPT_PERSON,
    "photos": ("the photos", "confirmed tags"),
    "archive": ("confirmed tags", "anonymous counts", "the photos"),
    "event": ("that there was an event, without its name",),
}


@dataclass(frozen=True, slots=True)
class Try:
    """An open erasure as the sensor sees it. underway: a run of this very try waits or works;
    lost: one did, and ended without a word."""

    id: UUID
    scope: str
    requested_at: datetime
    attempts: int
    underway: bool = False
    lost: bool = False


Job = Literal["erase_person", "erase_event"]


def job_of(scope: str) -> Job:
    """Which job does it: those of whole events look after Dagster's history, too."""
    return "erase_event" if scope == "event" else "erase_person"


def due(tries: Iterable[Try], now: datetime) -> dict[Job, list[UUID]]:
    """Which erasures a run is asked for now, by job; at most AT_ONCE of each."""
    found: dict[Job, list[UUID]] = {}
    for each in tries:
        if not (each.underway or each.lost) and now >= due_at(each.requested_at, each.attempts):
            found.setdefault(job_of(each.scope), []).append(each.id)
    return {job: ids[:AT_ONCE] for job, ids in found.items()}


def due_at(requested_at: datetime, attempts: int) -> datetime:
    """When to try after so many failures: at once, after 15 s, 45 s, … then every hour."""
    doubling = min(attempts, 8)
    seconds = _FIRST * (2.0**doubling - 1) + _LONGEST * (attempts - doubling)
    return requested_at + timedelta(seconds=seconds)


def kept(scope: str, reason: str, *, member: bool) -> list[str]:
    """What stays on purpose, in words for the receipt. member: the user stays in the event."""
    why = _WITHDREW if reason == "withdrawn" else _RUNS
    return [*_KEPT[scope], *([_MEMBER + why] if member else [])]


def keeps_member(receipt: Mapping[str, Any]) -> bool:
    """Whether the user stayed in the event, by the receipt."""
    return any(str(each).startswith(_MEMBER) for each in receipt.get("kept", ()))


def left(*, album: bool) -> list[str]:
    """What we cannot reach, in words for the receipt. album: photos are in a place not ours."""
    return [_LEFT["given"], _LEFT["backups"], *([_LEFT["album"]] if album else [])]


def receipt(
    of: Mapping[str, Any],
    rows: Mapping[str, Any],
    draft: Mapping[str, Any],
    written: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole receipt. of: id, event, scope, source, reason and times; rows: what the database
    counted; draft: what was found out before the bytes; written: what became of those."""
    return {"version": VERSION, **of, "rows": dict(rows), **draft, "bytes": dict(written)}


def moment(when: datetime | None) -> str | None:
    """A time as receipts have it."""
    return None if when is None else when.astimezone(UTC).isoformat(timespec="seconds")
