"""What humans said of persons: who is whom, a member, invited, ignored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from memoria_pipeline.people.log import Decision

Status = Literal["pending", "linked", "invited", "ignored", "merged"]

_SAID: Mapping[Status, int] = {"linked": 2, "invited": 1}
"""Of two persons that are merged, the one of whom more is known says who both are."""


@dataclass(frozen=True, slots=True)
class PersonState:
    """What humans said of a person. decided: whether its status, user or merge is from a decision;
    if not it is pending because its faces were decided on, no more."""

    status: Status = "pending"
    user: UUID | None = None
    email: str | None = None
    merged_into: UUID | None = None
    decided: bool = False


def chain(persons: Mapping[UUID, PersonState], person: UUID) -> list[UUID]:
    """The person, whom it was merged into, and so on to the live one."""
    way = [person]
    while person in persons:
        into = persons[person].merged_into
        if into is None or into in way:  # merge leaves no ring; a reader must not hang on one
            break
        way.append(into)
        person = into
    return way


def resolve(persons: Mapping[UUID, PersonState], person: UUID) -> UUID:
    """The live person that this one was merged into, or itself."""
    return chain(persons, person)[-1]


def persons_of(counts: Iterable[Decision]) -> dict[UUID, PersonState]:
    """Status, user, e-mail and merge of each person named, decision by decision."""
    persons: dict[UUID, PersonState] = {}
    for each in counts:
        for person in sorted(each.named()):
            persons.setdefault(person, PersonState())
        if each.kind == "merge":
            merge(persons, each)
            continue
        said = _said(each)
        of = {*each.persons} if each.person is None else {each.person}
        for person in of if said else ():
            live = resolve(persons, person)
            persons[live] = replace(said or PersonState(), merged_into=persons[live].merged_into)
    # What was said of a merged person comes back when the merge is undone; until then it is silent.
    return {
        person: PersonState("merged", merged_into=state.merged_into, decided=True)
        if state.merged_into
        else state
        for person, state in persons.items()
    }


def _said(decision: Decision) -> PersonState | None:
    """What a decision says of the person that it names, or of persons; None when nothing.

    A user beside an invitation, or an e-mail beside a member, another application wrote so.
    """
    if decision.kind == "assign":
        return PersonState("linked", decision.user, decision.email, decided=True)
    if decision.kind == "invite":
        return PersonState("invited", decision.user, decision.email, decided=True)
    if decision.kind == "ignore" and (decision.person is not None or decision.persons):
        return PersonState("ignored", decision.user, decision.email, decided=True)
    if decision.kind == "unassign":
        return PersonState("pending", decided=True)
    return None


def merge(persons: dict[UUID, PersonState], decision: Decision) -> None:
    """Other redirects to person. Undos may leave merges that make a ring: the last one opens it."""
    person, other = decision.person, decision.other
    if person is None or other is None or person == other:
        return
    persons.setdefault(person, PersonState())
    persons.setdefault(other, PersonState())
    if other in chain(persons, person):
        persons[person] = replace(persons[person], merged_into=None)
    live = resolve(persons, person)
    before, gone = persons[live], persons[other]
    if _SAID.get(gone.status, 0) > _SAID.get(before.status, 0):
        persons[live] = replace(gone, merged_into=before.merged_into)
    persons[other] = replace(gone, merged_into=person)
