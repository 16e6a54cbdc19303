"""Decisions → what a grouping may not do."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import product
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.conflicts import Conflict, conflicts, told_apart
from memoria_pipeline.people.decisions import State

MOST_PAIRS = 100_000
"""About as many of one decision, between faces that are pinned to nobody. The rest was one group
when it was told apart: a face that may not meet a part of it hardly meets the others."""


@dataclass(frozen=True, slots=True, eq=False)
class Constraints:
    """What humans decided, for n faces and k live persons, whose code is their position.

    anchor: (n,) code of the person that the face is pinned to, or -1. out: (n,) ignored, or not a
    face. rejected: (m, 2) face position, code of a person that it is not. cannot: (c, 2) face
    positions that are told apart; of faces pinned to one person the first stands for all.
    reviewed: (k,) persons that no run may merge with one another or empty. conflicts: what a human
    has to settle.
    """

    anchor: NDArray[np.int64]
    out: NDArray[np.bool_]
    rejected: NDArray[np.int64]
    cannot: NDArray[np.int64]
    reviewed: NDArray[np.bool_]
    conflicts: list[Conflict]

    @property
    def pinned(self) -> NDArray[np.bool_]:
        """(n,) faces with a verdict, which no automatic run moves."""
        return (self.anchor >= 0) | self.out


def constraints(
    state: State, faces: Sequence[UUID], photos: Sequence[Hashable], persons: Sequence[UUID]
) -> Constraints:
    """What follows from the state for these faces, each in its photo, and the live persons.

    Decisions on faces and rejections of persons that are not here say nothing. Raises ValueError
    when a face is pinned to a person that is not among persons.
    """
    place = {face: position for position, face in enumerate(faces)}
    code = {person: position for position, person in enumerate(persons)}
    anchor, out = _pinned(state, place, code)
    rejected = [
        (place[face], code[person])
        for face, those in state.rejected.items()
        if face in place and not out[place[face]]
        for person in those
        if person in code
    ]
    return Constraints(
        anchor,
        out,
        _pairs(rejected),
        _apart(state, place, anchor, out),
        np.array([person in state.reviewed for person in persons], bool),
        conflicts(state, dict(zip(faces, photos, strict=True))),
    )


def _pinned(
    state: State, place: dict[UUID, int], code: dict[UUID, int]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    anchor, out = np.full(len(place), -1), np.zeros(len(place), bool)
    for face, said in state.verdict.items():
        if face not in place:
            continue
        if said.person is None:
            out[place[face]] = True
        elif said.person in code:
            anchor[place[face]] = code[said.person]
        else:
            raise ValueError(
                f"Face {face} is pinned to person {said.person}, who is not among the"
                f" {len(code)} persons given; give all that are not merged."
            )
    return anchor, out


def _apart(
    state: State, place: dict[UUID, int], anchor: NDArray[np.int64], out: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Pairs that no grouping may join; those that humans joined are conflicts, not constraints."""
    first = dict(zip(anchor[::-1].tolist(), range(len(anchor) - 1, -1, -1), strict=True))
    pairs: set[tuple[int, int]] = set()
    for _, faces, rest in told_apart(state):
        sides = []
        for side in (faces, rest):
            here = (place[face] for face in side if face in place)
            kept = {at if anchor[at] < 0 else first[int(anchor[at])] for at in here if not out[at]}
            sides.append(sorted(kept))
        for one, other in product(*_thinned(*sides)):
            if one != other and (anchor[one] < 0 or anchor[other] < 0):
                pairs.add((min(one, other), max(one, other)))
    return _pairs(sorted(pairs))


def _thinned(faces: list[int], rest: list[int]) -> tuple[list[int], list[int]]:
    """Every n-th of the longer side, where all pairs would be too many."""
    step = -(-len(faces) * len(rest) // MOST_PAIRS) or 1
    if len(faces) > len(rest):
        return faces[::step], rest
    return faces, rest[::step]


def _pairs(pairs: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)
