"""An event under review as it stands, and what keeps its persons apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.confidence import group_sums
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Groups, Vectors
from memoria_pipeline.people.twins import Twin

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """An event as it stands: n faces in table order, k persons by code.

    embeddings: (n, d), any length but zero. photo: (n,) codes. quality: (n,) in [0, 1]. person:
    (n,) code, -1 is in none: such a face is not asked about until a run has placed it.
    checked: (n,) a human looked at this very face and left it (confirm, move, split, an answer that
    all are one person); merging or naming a person checks none of its faces.
    named, ignored: (k,) the person is a member (linked or invited); it is nobody's business.
    rejected: (m, 2) face, code of a person that it is not. apart: (c, 2) faces of two people.
    lost: faces that a human touched and no photo shows any more. conflicts: the faces of each
    contradiction. twins: faces of one photo that may be one person.
    """

    embeddings: NDArray[np.floating]
    photo: Rows
    quality: NDArray[np.floating]
    person: Rows
    checked: Bools
    named: Bools
    ignored: Bools
    rejected: Rows = field(default_factory=lambda: np.empty((0, 2), np.int64))
    apart: Rows = field(default_factory=lambda: np.empty((0, 2), np.int64))
    lost: Sequence[int] = ()
    conflicts: Sequence[Sequence[int]] = ()
    twins: Sequence[Twin] = ()


def groups_of(
    standing: Standing, live: Rows, vectors: Vectors, weight: NDArray[np.float32]
) -> Groups:
    """The persons with what keeps them apart: photos, rejections, being two members.

    live: the codes of all who have faces, sorted.
    """
    placed = np.flatnonzero(standing.person >= 0)
    person = np.searchsorted(live, standing.person[placed])
    label = np.full(len(vectors), -1)
    label[placed] = person
    sums = group_sums(vectors, weight, label)
    apart = _apart(standing, live)
    member = np.flatnonzero(standing.named[live])
    photo = np.unique(standing.photo[placed], return_inverse=True)[1].reshape(-1)
    next_ = int(photo.max(initial=-1)) + 1
    return Groups(
        sums,
        np.concatenate([person, apart.reshape(-1), member]),
        np.concatenate(
            [
                photo,
                next_ + 1 + np.repeat(np.arange(len(apart)), 2),
                np.full(len(member), next_),
            ]
        ),
    )


def told(standing: Standing) -> set[tuple[int, int]]:
    """Faces and persons that they are not."""
    a, b = standing.apart.reshape(-1, 2).T
    pairs = [
        standing.rejected.reshape(-1, 2),
        np.stack([a, standing.person[b]], axis=1),
        np.stack([b, standing.person[a]], axis=1),
    ]
    return {(face, code) for face, code in np.concatenate(pairs).tolist() if code >= 0}


def _apart(standing: Standing, live: Rows) -> Rows:
    """(m, 2) positions of persons of which one has a face that is not the other."""
    face, other = np.array(sorted(told(standing)), np.int64).reshape(-1, 2).T
    pair = np.stack([standing.person[face], other], axis=1)
    pair = pair[np.isin(pair, live).all(axis=1) & (pair[:, 0] != pair[:, 1])]
    return np.unique(np.sort(np.searchsorted(live, pair), axis=1), axis=0)
