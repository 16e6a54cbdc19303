"""Where decisions contradict each other: for a human to settle, never for us."""

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Literal
from uuid import UUID

from memoria_pipeline.people.decisions import State, last_verdicts
from memoria_pipeline.people.log import Decision, changed_minds
from memoria_pipeline.people.merges import PersonState, merge, resolve

ConflictKind = Literal["same_photo", "rejected", "apart", "members", "same_member"]

_SENTENCES: Mapping[ConflictKind, str] = {
    "same_photo": "Two faces of one photo are said to be one person; say that it is in there twice"
    " (a mirror, a poster, a collage), or move one of them.",
    "rejected": "A face is said to be a person, and not to be it; say which holds.",
    "apart": "Faces that were told apart are said to be one person; say which holds.",
    "members": "One person is said to be two different members; say which one it is.",
    "same_member": "Two persons are linked to the same member; merge them, or unassign one.",
}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Decisions that cannot all hold; the state goes by the last of them until a human settles it.

    faces, persons (live ones), decisions: what and who it is about, in a fixed order.
    """

    kind: ConflictKind
    faces: tuple[UUID, ...]
    persons: tuple[UUID, ...]
    decisions: tuple[UUID, ...]

    @property
    def sentence(self) -> str:
        """For a human; nothing personal in it."""
        return _SENTENCES[self.kind]


def conflicts(state: State, photo: Mapping[UUID, Hashable]) -> list[Conflict]:
    """All contradictions that no change of mind (`supersedes`) settles, in a fixed order.

    photo: which photo each face of the event is in; faces that are gone contradict nothing.
    """
    apart = list(_apart(state, photo))
    found = [
        *_same_photo(state, photo),
        # A split contradicted by a merge is one thing to settle, not two.
        *(each for each in _rejected(state, photo) if not any(_covers(a, each) for a in apart)),
        *apart,
        *_members(state),
        *_same_member(state),
    ]
    return sorted(found, key=lambda each: (each.kind, each.persons, each.decisions, each.faces))


def told_apart(state: State) -> Iterator[tuple[Decision, list[UUID], list[UUID]]]:
    """(decision, faces, rest): none of faces is the same person as any of rest."""
    over = changed_minds(state.active)
    for each in state.active:
        if each.kind in ("split", "move", "reject"):
            silent = over.get(each.id, set())
            faces = [face for face in each.faces if face not in silent]
            yield each, faces, [face for face in each.rest if face not in silent]


def _same_photo(state: State, photo: Mapping[UUID, Hashable]) -> Iterator[Conflict]:
    by_id = {each.id: each for each in state.active}
    twice = {
        (face, state.resolve(person))
        for each in state.active
        if each.twice
        for face, person in each.pins()
    }
    together: dict[tuple[UUID, Hashable], list[UUID]] = {}
    for face, said in state.verdict.items():
        if said.person is not None and face in photo:
            together.setdefault((said.person, photo[face]), []).append(face)
    for (person, _), faces in together.items():
        for pair in combinations(sorted(faces), 2):
            said_by = [by_id[state.verdict[face].decision] for face in pair]
            if not twice & {(face, person) for face in pair} and not _settled(*said_by):
                yield _conflict("same_photo", pair, [person], said_by)


def _settled(one: Decision, other: Decision) -> bool:
    return one.supersedes == other.id or other.supersedes == one.id


def _rejected(state: State, photo: Mapping[UUID, Hashable]) -> Iterator[Conflict]:
    """A verdict after a rejection; or before it, when a merge has made one person of two since."""
    by_id, over = {each.id: each for each in state.active}, changed_minds(state.active)
    last = last_verdicts(state.active, state.persons)
    pinned = cache(lambda decision: dict(by_id[decision].pins()))
    found: dict[tuple[UUID, UUID, UUID], list[UUID]] = {}
    for each in state.active:
        person = each.parts()
        if person is None:
            continue
        live, silent = state.resolve(person), over.get(each.id, set())
        for face in each.faces:
            said = last.get(face)
            if face in silent or face not in photo or said is None or said.person != live:
                continue
            # A rejection of just what was said before it is how one takes it back.
            if said.seq > each.seq or pinned(said.decision)[face] != person:
                found.setdefault((live, each.id, said.decision), []).append(face)
    for (live, one, other), faces in found.items():
        yield _conflict("rejected", faces, [live], (by_id[one], by_id[other]))


def _covers(one: Conflict, other: Conflict) -> bool:
    return one.persons == other.persons and set(other.faces) <= set(one.faces)


def _apart(state: State, photo: Mapping[UUID, Hashable]) -> Iterator[Conflict]:
    by_id = {each.id: each for each in state.active}
    for decision, faces, rest in told_apart(state):
        sides = [_by_person(state, side, photo) for side in (faces, rest)]
        for person in sides[0].keys() & sides[1].keys():
            both = sides[0][person] + sides[1][person]
            later = {state.verdict[face].decision for face in both}
            said_by = [decision, *(by_id[each] for each in later)]
            yield _conflict("apart", both, [person], said_by)


def _by_person(
    state: State, faces: Iterable[UUID], photo: Mapping[UUID, Hashable]
) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {}
    for face in faces:
        said = state.verdict.get(face)
        if said is not None and said.person is not None and face in photo:
            found.setdefault(said.person, []).append(face)
    return found


def _members(state: State) -> Iterator[Conflict]:
    superseded = {each.supersedes for each in state.active}
    assigned: dict[UUID, list[Decision]] = {}
    for each in state.active:
        if each.kind == "assign" and each.person is not None and each.id not in superseded:
            assigned.setdefault(state.resolve(each.person), []).append(each)
    several = {
        person: those
        for person, those in assigned.items()
        if len({each.user for each in those}) > 1
    }
    taken_back = _taken_back(state, [each for those in several.values() for each in those])
    for person, those in several.items():
        stand = [each for each in those if each.id not in taken_back]
        if len({each.user for each in stand}) > 1:
            yield _conflict("members", (), [person], stand)


def _taken_back(state: State, assigns: Collection[Decision]) -> set[UUID]:
    """Those of which a later decision unassigned or ignored the person, as it was merged then."""
    found: set[UUID] = set()
    then: dict[UUID, PersonState] = {}
    # Only merges say who is whom.
    for each in state.active if assigns else ():
        if each.kind == "merge":
            merge(then, each)
        named = {resolve(then, person) for person in each.named()}
        if named and each.kind in ("unassign", "ignore"):
            found |= {
                one.id
                for one in assigns
                if one.seq < each.seq and one.person and resolve(then, one.person) in named
            }
    return found


def _same_member(state: State) -> Iterator[Conflict]:
    by_user: dict[UUID, list[UUID]] = {}
    for person, said in state.persons.items():
        if said.user is not None:
            by_user.setdefault(said.user, []).append(person)
    for user, persons in by_user.items():
        if len(persons) > 1:
            said_by = [each for each in state.active if each.user == user]
            yield _conflict("same_member", (), persons, said_by)


def _conflict(
    kind: ConflictKind,
    faces: Iterable[UUID],
    persons: Iterable[UUID],
    decisions: Iterable[Decision],
) -> Conflict:
    # by id, because a decision's own hash is that of all its faces
    by = sorted({each.id: each for each in decisions}.values(), key=lambda each: each.seq)
    return Conflict(
        kind, tuple(sorted(faces)), tuple(sorted(persons)), tuple(each.id for each in by)
    )
