"""Events made of labelled faces, in photos where look-alikes may stand side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]

FACES = 1_900
"""Of an event, about: three hours of photos of a large wedding."""

LARGEST = 8
"""Faces in a photo, at most; every number up to it is as frequent."""


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """m of the labelled faces: which they are, and the photo each is in."""

    face: Index
    photo: Index


def events(
    vectors: NDArray[np.float32],
    identity: Index,
    *,
    alike: float,
    split: int,
    faces: int = FACES,
) -> list[Event]:
    """Events of about `faces` faces that share no person; at least two.

    vectors: (n, d) of unit length; identity: (n,) 0 … k-1. alike: share of the photos that are made
    of look-alikes, the rest is chance. split: another number deals the people anew.
    """
    chance = np.random.default_rng([split, 0])
    count = max(2, round(len(identity) / faces))
    event = chance.permutation(int(identity.max(initial=-1)) + 1) % count
    chosen = [np.flatnonzero(event[identity] == i) for i in range(count)]
    return [
        Event(
            face, _photos(vectors[face], identity[face], alike, np.random.default_rng([split, i]))
        )
        for i, face in enumerate(chosen, 1)
    ]


def _photos(
    vectors: NDArray[np.float32], identity: Index, alike: float, chance: np.random.Generator
) -> Index:
    """(m,) a photo for each face; nobody is in a photo twice."""
    photo = np.full(len(identity), -1)
    for number, first in enumerate(_remaining(photo, chance)):
        wanted = int(chance.integers(1, LARGEST + 1))
        photo[first] = number
        left = np.flatnonzero(photo < 0)
        # Most alike first, or as it comes.
        near = (
            vectors[left] @ vectors[first] if chance.random() < alike else chance.random(len(left))
        )
        left = left[np.argsort(-near, kind="stable")]
        left = left[identity[left] != identity[first]]
        _, once = np.unique(identity[left], return_index=True)
        photo[left[np.sort(once)][: wanted - 1]] = number
    return photo


def _remaining(photo: Index, chance: np.random.Generator) -> Iterator[int]:
    """Faces in random order, those that have got a photo in the meantime left out."""
    for face in chance.permutation(len(photo)):
        if photo[face] < 0:
            yield int(face)
