"""Which persons probably hold the faces of two people: what a human should look through."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.confidence import group_sums, probability, with_rest, with_rival
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Vectors, unit
from memoria_pipeline.people.thresholds import Thresholds

SUSPECTS = 4_000
"""Faces that are compared with every person: those least like their own. All of a usual event; of
100,000 faces the others are as like their person as faces get, and a comparison of all takes a
minute."""

ODDS, CROWD, COUPLE = 2.3, 0.42, 0.11
"""From p that a face disagrees with the rest of its person to the odds that it is the one to be
taken out: ODDS / faces ** CROWD, and COUPLE times that in a person of two faces, where both
disagree and only one is wrong, and which met face to face and not by way of a mean. Fitted on 18
LFW events of both packs; 187 faces were wrong there, and 186 are expected. Without it 297 are."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """What may be wrong inside the persons.

    person: (q,) those with a face that may be wrong. wrong: (q,) expected number of faces that are
    not of the person, at most half of them. p: (q,) that there is one at all.
    doubt: (n,) p that the face is not of its person; 0 for faces that are alone or were checked.
    """

    person: Rows
    wrong: NDArray[np.float64]
    p: NDArray[np.float64]
    doubt: NDArray[np.float64]


def mixed(
    vectors: Vectors,
    weight: NDArray[np.float32],
    photo: Rows,
    person: Rows,
    checked: NDArray[np.bool_],
    thresholds: Thresholds,
) -> Mixed:
    """Each face against the rest of its person and against the nearest other one.

    vectors: (n, d) unit rows; weight: (n,) in the means; person: (n,) 0 … k-1, -1 is no person.
    checked: (n,) a human has looked at this very face and left it where it is.
    """
    sums = group_sums(vectors, weight, person)
    size = np.bincount(person[person >= 0], minlength=len(sums))
    open_ = (person >= 0) & ~checked
    open_[open_] = size[person[open_]] > 1
    faces = np.flatnonzero(open_)
    own = with_rest(vectors, weight, person, sums, faces)
    if len(faces) > SUSPECTS:
        least = np.sort(np.argpartition(own, SUSPECTS)[:SUSPECTS])
        faces, own = faces[least], own[least]
    rival = with_rival(vectors, unit(sums), person, photo, faces)
    doubt = np.zeros(len(vectors))
    p = probability(own, rival, thresholds).astype(np.float64)
    n = size[person[faces]]
    odds = (1 - p) / np.maximum(p, 1e-9) * ODDS / n**CROWD * np.where(n == 2, COUPLE, 1)
    doubt[faces] = odds / (1 + odds)
    return _by_person(doubt, person, size)


def _by_person(doubt: NDArray[np.float64], person: Rows, size: Rows) -> Mixed:
    placed = person >= 0
    wrong = np.bincount(person[placed], doubt[placed], minlength=len(size))
    none = np.bincount(person[placed], np.log1p(-np.minimum(doubt, 1 - 1e-9))[placed], len(size))
    some = np.flatnonzero(wrong > 0)
    # Two faces that do not match are one wrong face: the sum would count both.
    return Mixed(some, np.minimum(wrong, size / 2)[some], 1 - np.exp(none[some]), doubt)
