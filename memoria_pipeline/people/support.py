"""Which faces of a person speak most for an assignment: what a human is shown beside it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Cosines, Vectors
from memoria_pipeline.people.measure import NOBODY

SHOWN = 3
"""Supporting faces per face."""

LOOKED_AT = 32
"""Faces of a person that may be shown, the best first; ten thousand would say no more."""

GATHERED = 1_000_000
"""Numbers of the vectors gathered at once: 4 MB."""

SAME_PHOTO = np.float32(4)
"""Taken off the cosine with a face of the same photo, so that it comes after all others."""


def supporters(
    vectors: Vectors, weight: NDArray[np.float32], label: Rows, photo: Rows
) -> NDArray[np.int64]:
    """(n, 3) positions of the faces of the same group that are most like each face; -1 is nobody.

    vectors: (n, d) unit rows. label: (n,) 0 … k-1. Most alike first, at a tie the better quality.
    A face of the same photo (a mirror, a collage) is named only where there is no other. Of a group
    of more than 32 faces only the 32 of best quality are looked at.
    """
    found = np.full((len(label), SHOWN), NOBODY)
    order = np.lexsort((-weight, label))
    size = np.bincount(label)
    first = np.cumsum(size) - size
    for count in np.unique(size[size > 1]).tolist():
        for starts in _blocks(first[size == count], count * vectors.shape[1]):
            members: Rows = order[starts[:, None] + np.arange(count)]
            shown = members[:, :LOOKED_AT]
            # A person of many faces is looked at in pieces, too.
            for some in _blocks(members.T, len(members) * vectors.shape[1]):
                found[some.T] = _best(vectors, photo, some.T, shown)
    return found


def _blocks(rows: Rows, each: int) -> Iterator[Rows]:
    step = max(1, GATHERED // each)
    for i in range(0, len(rows), step):
        yield rows[i : i + step]


def _best(vectors: Vectors, photo: Rows, members: Rows, shown: Rows) -> Rows:
    """(g, s, 3) of g groups of s faces each, of which c are `shown`; both hold positions."""
    cosine: Cosines = np.matmul(vectors[members], vectors[shown].transpose(0, 2, 1))
    # Rounded, because sums of floats that should tie do not.
    worth = np.round(cosine, 4)
    worth[photo[members][:, :, None] == photo[shown][:, None, :]] -= SAME_PHOTO
    worth[members[:, :, None] == shown[:, None, :]] = -np.inf
    rank = np.argsort(-worth, axis=2, kind="stable")[:, :, :SHOWN]
    named = np.take_along_axis(np.broadcast_to(shown[:, None, :], worth.shape), rank, axis=2)
    named = np.where(np.isinf(np.take_along_axis(worth, rank, axis=2)), NOBODY, named)
    lacking = SHOWN - named.shape[2]
    best: Rows = np.pad(named, ((0, 0), (0, 0), (0, max(lacking, 0))), constant_values=NOBODY)
    return best
