"""How sure an assignment is: the face against its person, and against the next best one."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.groups import Cosines, Vectors, unit
from memoria_pipeline.people.near import Near
from memoria_pipeline.people.rivals import NONE as NONE
from memoria_pipeline.people.rivals import Mates, with_all, with_near
from memoria_pipeline.people.thresholds import Thresholds

BLOCK = 2_000_000
"""Numbers in memory at once, of cosines or of vectors: 8 MB."""

PAIR = 12_000
"""Looking at a known pair of faces takes as long as so many products of two numbers."""


def evidence(
    vectors: Vectors,
    weight: NDArray[np.float32],
    label: Rows,
    photo: Rows,
    near: Near | None = None,
    workers: int | None = None,
) -> tuple[Cosines, Cosines]:
    """Per face its cosine with the rest of its group, and with the nearest group it could be in.

    vectors: (n, d) unit rows. label: (n,) 0 … k-1. -1 where there is no rest, or no other group.
    A group with a face in the same photo is no rival, however like: those are two people. near:
    pairs of the same faces, which spare most of the work.
    """
    every = np.arange(len(label))
    sums = group_sums(vectors, weight, label)
    own = with_rest(vectors, weight, label, sums, every)
    if near is not None and len(sums) * vectors.shape[1] * len(label) > PAIR * len(near.cosine):
        return own, with_near(vectors, weight, sums, label, photo, near, workers)
    return own, with_rival(vectors, unit(sums), label, photo, every, workers)


def group_sums(vectors: Vectors, weight: NDArray[np.float32], label: Rows) -> Vectors:
    """(k, d) the weighted sum of the faces of each group; label: (n,) 0 … k-1, -1 is no group."""
    placed = np.flatnonzero(label >= 0)
    shape = (int(label.max(initial=-1)) + 1, len(label))
    # A sparse product, because weighing the vectors first copies them: 200 MB at 100,000 faces.
    sums: Vectors = csr_array((weight[placed], (label[placed], placed)), shape=shape) @ vectors
    return sums


def with_rest(
    vectors: Vectors, weight: NDArray[np.float32], label: Rows, sums: Vectors, faces: Rows
) -> Cosines:
    """(m,) the cosine of some placed faces with the rest of their group, -1 where there is none."""
    several = np.bincount(label[label >= 0], minlength=len(sums)) > 1
    own = np.full(len(faces), NONE)
    step = max(1, BLOCK // vectors.shape[1])
    for i in range(0, len(faces), step):
        some = faces[i : i + step]
        rest = sums[label[some]] - vectors[some] * weight[some, None]
        length = np.sqrt(np.einsum("nd,nd->n", rest, rest))
        there = several[label[some]] & (length > 0)
        with_it = np.einsum("nd,nd->n", rest, vectors[some])
        np.divide(with_it, length, out=own[i : i + step], where=there)
    return own


def with_rival(
    vectors: Vectors,
    means: Vectors,
    label: Rows,
    photo: Rows,
    faces: Rows,
    workers: int | None = None,
) -> Cosines:
    """(m,) the cosine of some faces with the nearest group that has no face in their photo.

    vectors, label, photo: of all n faces, as a mate in the photo need not be among the m. -1 where
    there is no such group; the face's own is none.
    """
    return with_all(vectors, means, Mates(label, photo), photo, faces, workers=workers)


def probability(own: Cosines, rival: Cosines, thresholds: Thresholds) -> NDArray[np.float32]:
    """Estimate that a face is with its person: that most of its group's other faces are its own.

    own, rival: (n,) as `evidence` gives them. Of a face that is alone: that it could be with
    nobody, because no other face of the event is of its person.
    """
    alone = own == NONE
    near = np.where(alone, rival, own).astype(np.float64)
    known = thresholds.certainty
    if known is None:
        p = logistic(near, thresholds)
        return np.where(alone, 1 - p, p).astype(np.float32)
    together = known.own * near + known.margin * (near - rival) + known.base
    apart = known.alone * near + known.alone_base
    return expit(np.where(alone, apart, together)).astype(np.float32)


def logistic(cosine: Cosines | NDArray[np.float64], thresholds: Thresholds) -> NDArray[np.float64]:
    """p(same person) of a face and a person that are so much alike, by slope and even alone."""
    p: NDArray[np.float64] = expit(thresholds.slope * (cosine.astype(np.float64) - thresholds.even))
    return p
