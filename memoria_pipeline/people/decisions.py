"""What humans decided, and what follows from it: a fold over an append-only log."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from memoria_pipeline.people.log import (
    KINDS,
    Decision,
    Kind,
    active,
    rejections,
    root,
    without,
)
from memoria_pipeline.people.merges import PersonState, Status, persons_of, resolve

__all__ = [
    "KINDS",
    "Decision",
    "Kind",
    "PersonState",
    "State",
    "Status",
    "Verdict",
    "active",
    "fold",
    "last_verdicts",
    "root",
    "without",
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a human said of a face. person: the live one, with kind "person" only.

    decision, seq: which decision said so.
    """

    kind: Literal["person", "ignored", "not_a_face"]
    person: UUID | None
    decision: UUID
    seq: int


@dataclass(frozen=True, slots=True)
class State:
    """The fold of a log; a face or person that is not in it is the machine's.

    verdict: pinned faces. persons: all that an active decision names. rejected: the persons that a
    face is not, both as named and as merged since; never the one of its verdict. active: the
    decisions that count, by seq, without undos. touched: the faces that an active decision names
    (not as the rest). edits: how many active decisions name a person. reviewed: live persons that
    hold a pinned face or of whom status, user or merge was decided.
    """

    verdict: Mapping[UUID, Verdict]
    persons: Mapping[UUID, PersonState]
    rejected: Mapping[UUID, frozenset[UUID]]
    active: tuple[Decision, ...]
    touched: frozenset[UUID]
    edits: Mapping[UUID, int]
    reviewed: frozenset[UUID]

    def resolve(self, person: UUID) -> UUID:
        """The live person that this one was merged into by humans, or itself."""
        return resolve(self.persons, person)

    def current(self, face: UUID, machine_person: UUID | None) -> UUID | None:
        """Who the face is: what a human said, else the machine's, else None: nobody, or not yet."""
        if face in self.verdict:
            return self.verdict[face].person
        if machine_person is None:
            return None
        person = self.resolve(machine_person)
        return None if person in self.rejected.get(face, ()) else person


def fold(log: Iterable[Decision]) -> State:
    """The state that follows from a log, in whatever order it is given; the last word wins."""
    counts = active(log)
    persons = persons_of(counts)
    verdict, rejected = _faces(counts, persons)
    pinned = {each.person for each in verdict.values() if each.person is not None}
    decided = {
        each for each, state in persons.items() if state.decided and state.status != "merged"
    }
    into = {resolve(persons, each) for each, state in persons.items() if state.merged_into}
    return State(
        verdict,
        persons,
        rejected,
        counts,
        frozenset(face for each in counts for face in each.faces),
        dict(Counter(person for each in counts for person in each.named())),
        frozenset(pinned | decided | into),
    )


def _faces(
    counts: Sequence[Decision], persons: Mapping[UUID, PersonState]
) -> tuple[dict[UUID, Verdict], dict[UUID, frozenset[UUID]]]:
    """Verdicts and rejections. Where they contradict the later one wins; in one decision (a move
    between persons that were merged since) the verdict does."""
    verdict = last_verdicts(counts, persons)
    for each in counts:
        if each.kind == "reject" and each.person is not None:
            live = resolve(persons, each.person)
            for face in each.faces:
                said = verdict.get(face)
                if said is not None and said.person == live and said.seq < each.seq:
                    del verdict[face]
    rejected: dict[UUID, set[UUID]] = {}
    for face, person in rejections(counts):
        live = resolve(persons, person)
        if face not in verdict or verdict[face].person != live:
            rejected.setdefault(face, set()).update((person, live))
    return verdict, {face: frozenset(those) for face, those in rejected.items()}


def last_verdicts(
    counts: Iterable[Decision], persons: Mapping[UUID, PersonState]
) -> dict[UUID, Verdict]:
    """The last verdict on each face, whatever was rejected after it."""
    verdict: dict[UUID, Verdict] = {}
    for each in counts:
        if each.kind in ("ignore", "not_a_face"):
            kind: Literal["ignored", "not_a_face"] = (
                "ignored" if each.kind == "ignore" else "not_a_face"
            )
            verdict.update({face: Verdict(kind, None, each.id, each.seq) for face in each.faces})
        for face, person in each.pins():
            live = resolve(persons, person)
            verdict[face] = Verdict("person", live, each.id, each.seq)
    return verdict
