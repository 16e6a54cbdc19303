"""What a human cannot decide, said before it is taken."""

import re
from collections.abc import Hashable, Mapping, Sequence
from uuid import UUID

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.people.decisions import Decision, State, fold
from memoria_pipeline.people.log import standing

_ADDRESS = re.compile(r"[^@\s\x00-\x1f\ud800-\udfff]+@[^@\s\x00-\x1f\ud800-\udfff]+\.[^@\s.]{2,}")
"""Enough to catch a slip: whether an address is somebody's, only a mail can tell."""

_NEEDS = {
    "confirm": ("faces", "person"),
    "reject": ("faces", "person"),
    "merge": ("person", "other"),
    "split": ("faces", "person", "other"),
    "move": ("faces", "other"),
    "ignore": (),
    "not_a_face": ("faces",),
    "assign": ("person", "user"),
    "invite": ("person", "email"),
    "unassign": ("person",),
    "undo": ("supersedes",),
}


def refuse(
    decision: Decision,
    log: Sequence[Decision],
    photo: Mapping[UUID, Hashable] | None = None,
    *,
    state: State | None = None,
) -> None:
    """Raise DecisionError for what cannot be, given the event's log so far (without it).

    photo: which photo each face is in, of its faces and of those pinned already. state: fold(log),
    where it is at hand. Refused: something missing; a face named twice, or apart from itself; an
    undo of what is unknown or undone already; a merge with itself, of merged persons, or of two
    members; two faces of one photo confirmed as one person without twice.
    """
    _whole(decision)
    _known(decision, log)
    if decision.kind == "merge":
        _merge(decision, fold(log) if state is None else state)
    if decision.kind == "confirm" and not decision.twice:
        _photos(decision, fold(log) if state is None else state, photo or {})


def _whole(decision: Decision) -> None:
    kind = decision.kind
    missing = [name for name in _NEEDS[kind] if not getattr(decision, name)]
    if kind == "ignore" and decision.person is None and not decision.faces:
        missing = ["person or faces"]
    if missing:
        raise DecisionError(f"A decision {kind} came without {', '.join(missing)}; name them.")
    if kind == "invite" and not _ADDRESS.fullmatch(decision.email or ""):
        raise DecisionError("An invitation needs an e-mail address, as name@example.org.")
    if len(set(decision.faces)) < len(decision.faces):
        raise DecisionError(f"A decision {kind} names a face twice; name each once.")
    if set(decision.faces) & set(decision.rest):
        raise DecisionError(f"A decision {kind} tells a face apart from itself; name it once.")
    if len(decision.persons) > len(decision.faces):
        raise DecisionError(f"A decision {kind} names more persons than faces; leave those out.")
    if kind in ("merge", "split", "move") and decision.person == decision.other:
        raise DecisionError(
            f"A decision {kind} names person {decision.person} on both sides; name two persons."
        )


def _known(decision: Decision, log: Sequence[Decision]) -> None:
    """What it takes back must be there, and, for an undo, count."""
    if decision.supersedes is None:
        return
    if decision.supersedes not in {each.id for each in log}:
        raise DecisionError(
            f"Decision {decision.supersedes} is not in this event's log; name one that is."
        )
    if decision.kind == "undo" and decision.supersedes not in {each.id for each in standing(log)}:
        raise DecisionError(
            f"Decision {decision.supersedes} was undone already; undo that undo to have it back."
        )


def _merge(decision: Decision, state: State) -> None:
    users = set()
    for person in (decision.person, decision.other):
        said = state.persons.get(person) if person is not None else None
        if said is None:
            continue
        if said.merged_into is not None and person is not None:
            raise DecisionError(
                f"Person {person} was merged into {state.resolve(person)}; merge that one."
            )
        users |= {said.user} - {None}
    if len(users) > 1:
        raise DecisionError(
            f"Persons {decision.person} and {decision.other} are linked to two different members;"
            " unassign one of them first."
        )


def _photos(decision: Decision, state: State, photo: Mapping[UUID, Hashable]) -> None:
    person = None if decision.person is None else state.resolve(decision.person)
    there = {face for face, said in state.verdict.items() if said.person == person}
    seen: dict[Hashable, UUID] = {}
    for face in (*decision.faces, *sorted(there - set(decision.faces))):
        if face not in photo:
            continue
        first = seen.setdefault(photo[face], face)
        # what was decided on before is not this decision's to refuse
        if first != face and (face in decision.faces or first in decision.faces):
            raise DecisionError(
                f"Faces {first} and {face} are in one photo; they are two people, unless you say"
                " that the person is in it twice (a mirror, a poster, a collage)."
            )
