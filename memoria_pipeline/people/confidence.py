"""How sure an assignment is: the face against its person, and against the next best one."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Cosines, Vectors, unit
from memoria_pipeline.people.thresholds import Thresholds

BLOCK = 4_000_000
"""Cosines in memory at once: 16 MB."""

NONE = np.float32(-1)
"""The cosine with a person that is not there."""


def evidence(
    vectors: Vectors, weight: NDArray[np.float32], label: Rows, photo: Rows
) -> tuple[Cosines, Cosines]:
    """Per face its cosine with the rest of its group, and with the nearest group it could be in.

    vectors: (n, d) unit rows. label: (n,) 0 … k-1. -1 where there is no rest, or no other group.
    A group with a face in the same photo is no rival, however like: those are two people.
    """
    own, sums = _own(vectors, weight, label)  # its copies of all vectors are free from here on
    return own, _rivals(vectors, unit(sums), label, photo)


def _own(vectors: Vectors, weight: NDArray[np.float32], label: Rows) -> tuple[Cosines, Vectors]:
    """The cosine of each face with the rest of its group, and the sum of each group."""
    weighted = vectors * weight[:, None]
    order = np.argsort(label, kind="stable")
    start = np.searchsorted(label[order], np.arange(label.max(initial=-1) + 1))
    sums = np.add.reduceat(weighted[order], start) if len(label) else weighted
    rest = sums[label] - weighted
    # Not linalg.norm, which squares a copy: 200 MB at 100,000 faces of 512 numbers.
    length = np.sqrt(np.einsum("nd,nd->n", rest, rest))
    several = np.bincount(label)[label] > 1
    own = np.full(len(label), NONE)
    np.divide(np.einsum("nd,nd->n", rest, vectors), length, out=own, where=several & (length > 0))
    return own, sums


def _rivals(vectors: Vectors, means: Vectors, label: Rows, photo: Rows) -> Cosines:
    rival = np.full(len(vectors), NONE)
    by_photo = np.argsort(photo, kind="stable")
    first = np.searchsorted(photo[by_photo], np.arange(photo.max(initial=-1) + 2))
    step = max(1, BLOCK // max(len(means), 1))
    for i in range(0, len(vectors), step):
        block = slice(i, i + step)
        product = vectors[block] @ means.T
        row, mate = _mates(photo[block], first)
        product[row, label[by_photo[mate]]] = NONE  # the face's own group is among these
        rival[block] = product.max(axis=1, initial=NONE)
    return rival


def _mates(photo: Rows, first: Rows) -> tuple[Rows, Rows]:
    """For each row every face of its photo: the row, and its position in the order by photo."""
    count = first[photo + 1] - first[photo]
    row = np.repeat(np.arange(len(photo)), count)
    from_end = np.arange(len(row)) - np.repeat(np.cumsum(count), count)
    return row, first[photo + 1][row] + from_end


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


def pair_probability(
    cosine: ArrayLike,
    size_a: ArrayLike,
    size_b: ArrayLike,
    rival: ArrayLike | None,
    thresholds: Thresholds,
) -> NDArray[np.float64]:
    """Estimate that two groups which the machine left apart are one person.

    cosine: (m,) between the means of the groups. size_a, size_b: (m,) their faces. rival: (m,) the
    greatest cosine that either of the two has with a third group it could be with, None where that
    is not known. Calibrated on pairs that could meet, in events of some 800 people; in a smaller
    event there are fewer chance likenesses, so that p is too low rather than too high.
    """
    alike, known = np.asarray(cosine, np.float64), thresholds.certainty
    if known is None:
        return logistic(alike, thresholds)
    faces = np.log2(np.asarray(size_a, np.float64) * np.asarray(size_b, np.float64))
    logit = known.pair * alike + known.pair_size * faces + known.pair_base
    if rival is not None:
        ahead = alike - np.asarray(rival, np.float64)
        logit = known.rival * alike + known.rival_margin * ahead
        logit = logit + known.rival_size * faces + known.rival_base
    p: NDArray[np.float64] = expit(logit)
    return p
