"""What every action begins and ends with: whom it is about, who may, and what came of it."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.people.decisions import Decision
from memoria_pipeline.review.problems import NotFound, Problem
from memoria_pipeline.store import events as event_rows
from memoria_pipeline.store.shown import events, people
from memoria_pipeline.store.shown.people import PersonShown


class VersionConflict(DecisionError):
    """The person is not what the caller saw any more. `more` says which version is there now."""

    def __init__(self, person: PersonShown) -> None:
        super().__init__(
            f"Person {person.id} changed since it was shown; nothing was changed. Look at what is"
            " there now, then decide again."
        )
        self.more = {"person_id": str(person.id), "current_version": person.version}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action did: its decisions in order, and whom they named, as they are now."""

    event_id: UUID
    decision_ids: list[UUID]
    persons: list[PersonShown]


def in_event(conn: sa.Connection, event_id: UUID, *roles: str) -> events.EventShown:
    """The event, where the caller is in it in one of these roles (none: in any)."""
    found = events.one(conn, event_id)
    if found is None:
        raise NotFound("event")
    if roles and found.role not in roles:
        mend = "Ask an organiser of the event."
        raise Problem(403, f"A {found.role} of the event may not do this.", mend)
    return found


def organising(conn: sa.Connection, event_id: UUID) -> None:
    """The caller is an organiser of the event, which stays as it is until this transaction ends."""
    in_event(conn, event_id, "organiser")
    event_rows.lock(conn, event_id)


def decided_on(conn: sa.Connection, person: UUID, expected: int | None = None) -> PersonShown:
    """The person that is to be decided on, or whom it has become; its event is locked.

    expected: the version that the caller saw.
    """
    event_id = people.event_of(conn, person)
    if event_id is None:
        raise NotFound("person")
    organising(conn, event_id)
    found = people.one(conn, person)
    if found is None:
        raise NotFound("person")
    if expected is not None and (found.id != person or found.version != expected):
        raise VersionConflict(found)
    return found


def outcome(conn: sa.Connection, event_id: UUID, *made: Decision) -> Outcome:
    """What these decisions came to."""
    named = {person for each in made for person in each.named()}
    shown = people.of(conn, event_id, named)
    return Outcome(event_id, [each.id for each in made], list(shown.values()))
