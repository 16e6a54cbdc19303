"""One decision of a human, and which of a log of them count."""

from collections.abc import Collection, Iterable, Iterator, Sequence
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


@dataclass(frozen=True, slots=True)
class Decision:
    """One entry of the log.

    seq: its place, growing. faces: every face whose verdict it sets, as they stood when it was
    taken. rest: the faces they are told apart from. What the kinds do:

    confirm(faces, person): they are that person; with twice, even where two are in one photo.
    reject(faces, person, rest): they are not; rest are the person's faces.
    merge(person, other, faces): person stays, other redirects to it; faces are all of both. It
        takes over status, user and e-mail of an other that is linked (or invited) when it is not.
    split(person, other, faces, rest): faces leave person for the new person other, and are not
        person; rest stay.
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
        return self.person if self.kind in ("reject", "split", "move") else None


def without(decision: Decision, gone: Collection[UUID]) -> Decision:
    """The decision as it reads once some persons were erased: it names them no more, nor who they
    were. What it says of others stands."""
    if decision.named().isdisjoint(gone):
        return decision
    erased, other = decision.person in gone, decision.other in gone
    whose = zip(decision.faces, decision.persons, strict=False)
    kept = [(face, person) for face, person in whose if person not in gone]
    alone = decision.faces[len(decision.persons) :]
    if erased and decision.kind == "ignore":
        alone = ()  # they were ignored as that person's, not by themselves
    return replace(
        decision,
        faces=(*(face for face, _ in kept), *alone),
        person=None if erased else decision.person,
        other=None if other else decision.other,
        user=None if erased else decision.user,
        email=None if erased else decision.email,
        persons=tuple(person for _, person in kept),
    )


def root(past: Iterable[Decision], made: Decision) -> Decision:
    """The decision that it is in the end about: itself, or what it undoes, or that undoes, …"""
    by_id = {each.id: each for each in past}
    while made.kind == "undo" and made.supersedes in by_id:
        made = by_id[made.supersedes]
    return made


def standing(log: Iterable[Decision]) -> tuple[Decision, ...]:
    """The entries that nothing takes back, by seq: decisions that count, and undos that do."""
    undone: set[UUID | None] = set()
    stands = []
    # The last first: whether an entry stands depends on later ones only.
    for each in sorted(log, key=lambda each: each.seq, reverse=True):
        if each.id in undone:
            continue
        stands.append(each)
        if each.kind == "undo":
            undone.add(each.supersedes)
    return tuple(reversed(stands))


def active(log: Iterable[Decision]) -> tuple[Decision, ...]:
    """The decisions that count, by seq, without the undos."""
    return tuple(each for each in standing(log) if each.kind != "undo")


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
