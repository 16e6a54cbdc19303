"""What humans decided, and what follows from it: a fold over an append-only log."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args
from uuid import UUID

Kind = Literal[
    "confirm",
    "reject",
    "merge",
    "split",
    "move",
    "ignore",
    "not_a_face",
    "assign",
    "invite",
    "unassign",
    "undo",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Status = Literal["pending", "linked", "invited", "ignored", "merged"]

_SAID: Mapping[Status, int] = {"linked": 2, "invited": 1}
"""Of two persons that are merged, the one of whom more is known says who both are."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One entry of the log.

    seq: its place, growing. faces: every face whose verdict it sets, as they stood when it was
    taken. rest: the faces they are told apart from. What the kinds do:

    confirm(faces, person): they are that person; with twice, even where two are in one photo.
    reject(faces, person, rest): they are not; rest are the person's faces.
    merge(person, other, faces): person stays, other redirects to it; faces are all of both. It
        takes over status, user and e-mail of an other that is linked (or invited) when it is not.
    split(person, other, faces, rest): faces leave person for the new person other; rest stay.
    move(person or None, other, faces, rest): they go from person to other, and are not person.
    ignore(person, faces): the person is ignored; its faces stay pinned to it.
    ignore(faces): nobody is asked about these faces again.
    ignore(media, faces, persons): everyone else in a photo. The first faces belong to persons, one
        by one (`persons[i]` is the person of `faces[i]`, named again for each of its faces): those
        persons are ignored as above. The other faces are ignored by themselves.
    not_a_face(faces). assign(person, user, faces), invite(person, email, faces): faces are all of
        the person's. unassign(person): nobody is linked or invited; its faces stay pinned.
    undo(supersedes): that decision no longer counts, whatever came after it. May be undone itself.

    supersedes, of another kind than undo, is a change of mind: what the older decision keeps apart
    no longer counts for the faces that both name; nor does the member it assigned.
    """

    id: UUID
    seq: int
    kind: Kind
    faces: tuple[UUID, ...] = ()
    rest: tuple[UUID, ...] = ()
    person: UUID | None = None
    other: UUID | None = None
    media: UUID | None = None
    user: UUID | None = None
    email: str | None = None
    persons: tuple[UUID, ...] = ()
    twice: bool = False
    supersedes: UUID | None = None

    def named(self) -> set[UUID]:
        """The persons it names."""
        return {*self.persons} | {each for each in (self.person, self.other) if each is not None}

    def pins(self) -> Iterable[tuple[UUID, UUID]]:
        """(face, person) for each face that it says the person of, before any merge."""
        if self.kind in ("split", "move"):
            target = self.other
        elif self.kind in ("confirm", "merge", "ignore", "assign", "invite"):
            target = self.person
        else:
            target = None
        if target is not None:
            return ((face, target) for face in self.faces)
        # shorter than faces: the other faces are nobody's
        return zip(self.faces, self.persons, strict=False)

    def parts(self) -> UUID | None:
        """The person that its faces are not, before any merge."""
        return self.person if self.kind in ("reject", "move") else None


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
class PersonState:
    """What humans said of a person. decided: whether its status, user or merge is from a decision;
    if not it is pending because its faces were decided on, no more."""

    status: Status = "pending"
    user: UUID | None = None
    email: str | None = None
    merged_into: UUID | None = None
    decided: bool = False


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
        return _resolve(self.persons, person)

    def current(self, face: UUID, machine_person: UUID | None) -> UUID | None:
        """Who the face is: what a human said, else the machine's, else None: nobody, or not yet."""
        if face in self.verdict:
            return self.verdict[face].person
        if machine_person is None:
            return None
        person = self.resolve(machine_person)
        return None if person in self.rejected.get(face, ()) else person


def active(log: Iterable[Decision]) -> tuple[Decision, ...]:
    """The decisions that count, by seq, without the undos."""
    undone: set[UUID | None] = set()
    counts = []
    # The last first: whether an undo counts depends on later ones only.
    for each in sorted(log, key=lambda each: each.seq, reverse=True):
        if each.id in undone:
            continue
        if each.kind == "undo":
            undone.add(each.supersedes)
        else:
            counts.append(each)
    return tuple(reversed(counts))


def fold(log: Iterable[Decision]) -> State:
    """The state that follows from a log, in whatever order it is given; the last word wins."""
    counts = active(log)
    persons = _persons(counts)
    verdict, rejected = _faces(counts, persons)
    pinned = {each.person for each in verdict.values() if each.person is not None}
    decided = {
        each for each, state in persons.items() if state.decided and state.status != "merged"
    }
    into = {_resolve(persons, each) for each, state in persons.items() if state.merged_into}
    return State(
        verdict,
        persons,
        rejected,
        counts,
        frozenset(face for each in counts for face in each.faces),
        dict(Counter(person for each in counts for person in each.named())),
        frozenset(pinned | decided | into),
    )


def changed_minds(counts: Iterable[Decision]) -> dict[UUID, set[UUID]]:
    """Older decision → the faces of those that supersede it. What it keeps apart no longer counts
    for these."""
    found: dict[UUID, set[UUID]] = {}
    for each in counts:
        if each.supersedes is not None:
            found.setdefault(each.supersedes, set()).update(each.faces)
    return found


def rejections(counts: Sequence[Decision]) -> Iterator[tuple[UUID, UUID]]:
    """(face, person as named) of what rejects, but for changes of mind."""
    over = changed_minds(counts)
    for each in counts:
        person = each.parts()
        if person is not None:
            silent = over.get(each.id, set())
            yield from ((face, person) for face in each.faces if face not in silent)


def _chain(persons: Mapping[UUID, PersonState], person: UUID) -> list[UUID]:
    """The person, whom it was merged into, and so on to the live one."""
    chain = [person]
    while person in persons:
        into = persons[person].merged_into
        if into is None or into in chain:  # _merge leaves no ring; a reader must not hang on one
            break
        chain.append(into)
        person = into
    return chain


def _resolve(persons: Mapping[UUID, PersonState], person: UUID) -> UUID:
    return _chain(persons, person)[-1]


def _persons(counts: Iterable[Decision]) -> dict[UUID, PersonState]:
    """Status, user, e-mail and merge of each person named, decision by decision."""
    persons: dict[UUID, PersonState] = {}
    for each in counts:
        for person in sorted(each.named()):
            persons.setdefault(person, PersonState())
        if each.kind == "merge" and each.person is not None and each.other is not None:
            _merge(persons, each.person, each.other)
            continue
        said = _said(each)
        of = {*each.persons} if each.person is None else {each.person}
        for person in of if said else ():
            live = _resolve(persons, person)
            persons[live] = replace(said or PersonState(), merged_into=persons[live].merged_into)
    # What was said of a merged person comes back when the merge is undone; until then it is silent.
    return {
        person: PersonState("merged", merged_into=state.merged_into, decided=True)
        if state.merged_into
        else state
        for person, state in persons.items()
    }


def _said(decision: Decision) -> PersonState | None:
    """What a decision says of the person that it names, or of persons; None when nothing."""
    if decision.kind == "assign":
        return PersonState("linked", user=decision.user, decided=True)
    if decision.kind == "invite":
        return PersonState("invited", email=decision.email, decided=True)
    if decision.kind == "ignore" and (decision.person is not None or decision.persons):
        return PersonState("ignored", decided=True)
    if decision.kind == "unassign":
        return PersonState("pending", decided=True)
    return None


def _merge(persons: dict[UUID, PersonState], person: UUID, other: UUID) -> None:
    """Other redirects to person. Undos may leave merges that make a ring: the last one opens it."""
    if person == other:
        return
    if other in _chain(persons, person):
        persons[person] = replace(persons[person], merged_into=None)
    live = _resolve(persons, person)
    before, gone = persons[live], persons[other]
    if _SAID.get(gone.status, 0) > _SAID.get(before.status, 0):
        persons[live] = replace(gone, merged_into=before.merged_into)
    persons[other] = replace(gone, merged_into=person)


def _faces(
    counts: Sequence[Decision], persons: Mapping[UUID, PersonState]
) -> tuple[dict[UUID, Verdict], dict[UUID, frozenset[UUID]]]:
    """Verdicts and rejections. Where they contradict the later one wins; in one decision (a move
    between persons that were merged since) the verdict does."""
    verdict = _verdicts(counts, persons)
    for each in counts:
        if each.kind == "reject" and each.person is not None:
            live = _resolve(persons, each.person)
            for face in each.faces:
                said = verdict.get(face)
                if said is not None and said.person == live and said.seq < each.seq:
                    del verdict[face]
    rejected: dict[UUID, set[UUID]] = {}
    for face, person in rejections(counts):
        live = _resolve(persons, person)
        if face not in verdict or verdict[face].person != live:
            rejected.setdefault(face, set()).update((person, live))
    return verdict, {face: frozenset(those) for face, those in rejected.items()}


def _verdicts(
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
            live = _resolve(persons, person)
            verdict[face] = Verdict("person", live, each.id, each.seq)
    return verdict
