"""Match and forget: the faces of one photo against those of members who agreed, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """Faces of who agreed. vectors: (n, d) of unit length; persons: (n) whose each is."""

    persons: Sequence[UUID]
    vectors: Vectors

    def means(self, persons: Sequence[UUID]) -> Vectors:
        """(len(persons), d): the mean of each of these persons' vectors, of unit length."""
        rows = [[i for i, one in enumerate(self.persons) if one == each] for each in persons]
        sums = np.array([self.vectors[row].sum(axis=0) for row in rows], np.float32)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        result: Vectors = sums / np.maximum(lengths, np.float32(1e-12))
        return result


def whose(
    found: Vectors, known: References, *, threshold: float, margin: float
) -> list[UUID | None]:
    """For each face of one photo, (m, d) of unit length, whose of the references it is, or None.

    A person is on a photo once: pairs are taken best first. A face that is no nearer to one person
    than to another, by `margin`, is nobody's: what is not sure is forgotten.
    """
    persons = sorted(set(known.persons))
    result: list[UUID | None] = [None] * len(found)
    if not persons or not len(found):
        return result
    cosines = found @ known.means(persons)[:, : found.shape[1]].T
    clear = cosines - _runner_up(cosines) >= margin
    for place in np.argsort(-cosines, axis=None, kind="stable"):
        face, person = divmod(int(place), len(persons))
        if cosines[face, person] < threshold:
            break
        free = result[face] is None and persons[person] not in result
        if free and clear[face, person]:
            result[face] = persons[person]
    return result


def _runner_up(cosines: Vectors) -> Vectors:
    """For each pair, how near the face is to the best other person; -1 where there is no other."""
    result = np.full_like(cosines, -1.0)
    for person in range(cosines.shape[1]):
        others = np.delete(cosines, person, axis=1)
        if others.shape[1]:
            result[:, person] = others.max(axis=1)
    return result
