"""After a restore: which of those who are there were erased after the backup was made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from memoria_pipeline.privacy.receipt import Keys, Kind, Signed

_GRACE = timedelta(seconds=1)  # receipts have whole seconds


@dataclass(frozen=True, slots=True)
class Somebody:
    """A user, person or photo with faces of an event, its faces (`archive`), or itself.

    since: from when on it is known. Whoever came after an erasure, came again.
    """

    event_id: UUID
    kind: Literal["user", "person", "photo", "archive", "event"]
    id: UUID
    email: str | None
    since: datetime


@dataclass(slots=True)
class Again:
    """What is to be erased again in one event. whole: all of it; archive: its faces.

    withdrew: users who only took a consent back, and stay members.
    """

    users: set[UUID] = field(default_factory=set)
    persons: set[UUID] = field(default_factory=set)
    photos: set[UUID] = field(default_factory=set)
    withdrew: set[UUID] = field(default_factory=set)
    archive: bool = False
    whole: bool = False


def again(receipts: Iterable[Signed], there: Iterable[Somebody], keys: Keys) -> dict[UUID, Again]:
    """Event → what of it was erased by one of these receipts, and is there all the same."""
    known = list(receipts)
    erased = _erased(each for each in known if each.receipt.get("reason") != "withdrawn")
    withdrawn = _erased(each for each in known if each.receipt.get("reason") == "withdrawn")
    found: dict[UUID, Again] = {}
    for each in there:
        if _was_erased(each, erased, keys):
            _enter(found.setdefault(each.event_id, Again()), each)
        elif _was_erased(each, withdrawn, keys):
            _withdrew(found.setdefault(each.event_id, Again()), each)
    for each_event in found.values():
        each_event.withdrew -= each_event.users
    return found


def events(receipts: Iterable[Signed]) -> list[UUID]:
    """Those that the receipts are about."""
    named = {each.receipt.get("event") for each in receipts}
    return sorted(UUID(str(each)) for each in named if each)


def _erased(receipts: Iterable[Signed]) -> dict[str, datetime]:
    """Hash, or scope and event → when it was erased for the last time."""
    last: dict[str, datetime] = {}
    for each in receipts:
        told = each.receipt
        when = datetime.fromisoformat(told["rows_at"] or told["completed_at"])
        whole = (
            [f"{told['scope']} {told['event']}"] if told["scope"] in ("event", "archive") else []
        )
        for name in (*told.get("subjects", ()), *whole):
            last[name] = max(when, last.get(name, when))
    return last


def _was_erased(each: Somebody, erased: Mapping[str, datetime], keys: Keys) -> bool:
    when = [erased[name] for name in _names(each, keys) if name in erased]
    return any(each.since <= moment + _GRACE for moment in when)


def _names(each: Somebody, keys: Keys) -> list[str]:
    if each.kind in ("event", "archive"):
        return [f"{each.kind} {each.event_id}"]
    kind: Kind = each.kind  # type: ignore[assignment]
    names = [keys.hashed(each.event_id, kind, str(each.id))]
    return names + ([keys.hashed(each.event_id, "email", each.email)] if each.email else [])


def _withdrew(found: Again, each: Somebody) -> None:
    if each.kind == "user":
        found.withdrew.add(each.id)
    else:
        _enter(found, each)


def _enter(found: Again, each: Somebody) -> None:
    match each.kind:
        case "user":
            found.users.add(each.id)
        case "person":
            found.persons.add(each.id)
        case "photo":
            found.photos.add(each.id)
        case "archive":
            found.archive = True
        case "event":
            found.whole = True
