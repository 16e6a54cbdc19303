"""How good a grouping is: against the truth, against yesterday's, and by itself.

Labels and identities are integers or strings, one per face. A label of -1 means "in no group"
(noise, or too poor a face): each such face is then judged as a group of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array

NOBODY = -1
"""The label of a face that is in no group."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision and recall in [0, 1], and F, their harmonic mean."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def b_cubed(labels: ArrayLike, truth: ArrayLike) -> Agreement:
    """B³ (Bagga and Baldwin 1998): per face the share of its group that is its person, and the
    share of its person that is in its group; then the mean over the faces."""
    table, groups, people = _contingency(labels, truth)
    faces = max(len(np.asarray(truth)), 1)
    square = table.data.astype(float) ** 2
    return Agreement(
        float((square / groups[table.row]).sum() / faces) if len(square) else 1.0,
        float((square / people[table.col]).sum() / faces) if len(square) else 1.0,
    )


def pairwise(labels: ArrayLike, truth: ArrayLike) -> Agreement:
    """Of the pairs put together, how many are one person; of the pairs of one person, how many are
    together. 1 where there is no pair to judge."""
    table, groups, people = _contingency(labels, truth)
    together = float(_pairs(table.data))
    return Agreement(_ratio(together, _pairs(groups)), _ratio(together, _pairs(people)))


def corrections(labels: ArrayLike, truth: ArrayLike) -> int:
    """How many single acts turn the grouping into the truth: move a face, merge two groups.

    Counted as a person would go about it: each group belongs to whom it shows most; every other
    face in it is moved (one act each); then the groups of one person are merged (one act less than
    there are). A face that is in no group is a group of one: bringing it home is one act.
    """
    table, groups, people = _contingency(labels, truth)
    # Most faces first, so that the first entry of a group is its owner; ties go to the larger share
    # of a person, which leaves fewer fragments.
    order = np.lexsort((table.col, -table.data / people[table.col], -table.data, table.row))
    _, first = np.unique(table.row[order], return_index=True)
    owner = table.col[order][first]
    moves = int(groups.sum() - table.data[order][first].sum())
    return moves + len(owner) - len(np.unique(owner))


def effort(labels: ArrayLike, truth: ArrayLike) -> float:
    """Corrections per 100 faces."""
    return 100 * corrections(labels, truth) / max(len(np.asarray(truth)), 1)


def impure(labels: ArrayLike, photo: ArrayLike) -> int:
    """Groups that hold two faces of one photo: certainly wrong, whatever the truth."""
    table, groups, _ = _contingency(labels, photo)
    return len(np.unique(table.row[table.data > 1])) if len(groups) else 0


def people(labels: ArrayLike) -> int:
    """Number of groups; faces in no group are none."""
    found = np.unique(np.asarray(labels))
    return len(found) - int(found.dtype.kind in "iu" and NOBODY in found)


def single_ratio(labels: ArrayLike) -> float:
    """Share of the faces that are alone: in no group, or the only one of theirs."""
    codes = _codes(labels)
    return float((np.bincount(codes)[codes] == 1).mean()) if len(codes) else 0.0


def churn(before: ArrayLike, after: ArrayLike) -> float:
    """Share of the faces whose set of mates changed; both label the same faces, in the same order.

    Faces that are new in `after` are left out by the caller, so that a person who merely gains new
    faces does not count.
    """
    table, old, new = _contingency(before, after)
    same = (table.data == old[table.row]) & (table.data == new[table.col])
    return 1 - float(table.data[same].sum()) / old.sum() if len(old) else 0.0


def right(labels: ArrayLike, truth: ArrayLike) -> NDArray[np.bool_]:
    """(n,) whether most of the other faces of its group are of a face's person.

    At a tie it is right. A face that is alone is right where no other face is of its person.
    """
    table, groups, people = _contingency(labels, truth)
    rows, cols = _codes(labels), _codes(truth)
    order = np.lexsort((-table.data, table.row))
    _, first = np.unique(table.row[order], return_index=True)
    best, owner = table.data[order][first], table.col[order][first]
    second = np.zeros(len(groups), np.int64)
    others = np.delete(order, first)
    np.maximum.at(second, table.row[others], table.data[others])
    counts = csr_array((table.data, (table.row, table.col)), shape=table.shape)
    mine = np.asarray(counts[rows, cols]).reshape(-1) - 1
    rival = np.where(owner[rows] == cols, second[rows], best[rows])
    alone = groups[rows] == 1
    judged: NDArray[np.bool_] = np.where(alone, people[cols] == 1, mine >= rival)
    return judged


def majority(labels: ArrayLike, truth: ArrayLike) -> NDArray[np.int64]:
    """(k,) the code of the person that most faces of each group are of; at a tie the smaller."""
    table, groups, _ = _contingency(labels, truth)
    order = np.lexsort((table.col, -table.data, table.row))
    _, first = np.unique(table.row[order], return_index=True)
    owner: NDArray[np.int64] = table.col[order][first].astype(np.int64)
    return owner


def calibration_error(
    p: NDArray[np.floating], right: NDArray[np.bool_], bins: int = 10, *, mass: bool = False
) -> float:
    """Expected calibration error: how far p is from the share that is right, in bins of p.

    Bins of equal width, or with `mass` of equal numbers; each counts with its faces. 0 of nothing.
    """
    place = np.minimum((p * bins).astype(int), bins - 1)
    if mass:
        place = np.argsort(np.argsort(p, kind="stable"), kind="stable") * bins // max(len(p), 1)
    off = np.bincount(place, p - right.astype(float), minlength=bins)
    return float(np.abs(off).sum() / max(len(p), 1))


def silhouette(embeddings: NDArray[np.float32], labels: ArrayLike) -> float:
    """Mean silhouette by cosine distance, in [-1, 1]; a face that is alone counts 0, as is usual.

    embeddings: (n, d) of unit length. Mean distances come from the groups' sums, so nothing n×n is
    made: the cost is faces × groups. NaN with fewer than two groups.
    """
    codes = _codes(labels)
    sizes = np.bincount(codes)
    if len(sizes) < 2:
        return float("nan")
    shape = (len(sizes), len(codes))
    members = csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=shape)
    sums = np.asarray(members @ embeddings, np.float64)
    scores = np.concatenate(
        [
            _silhouettes(embeddings[i : i + 1024], codes[i : i + 1024], sums, sizes)
            for i in range(0, len(codes), 1024)
        ]
    )
    return float(scores.mean())


def _silhouettes(
    vectors: NDArray[np.float32],
    codes: NDArray[np.int64],
    sums: NDArray[np.float64],
    sizes: NDArray[np.int64],
) -> NDArray[np.float64]:
    """(b,) of one block of faces."""
    rows = np.arange(len(codes))
    total = vectors @ sums.T
    mine = sizes[codes]
    own = 1 - (total[rows, codes] - 1) / np.maximum(mine - 1, 1)
    distance = 1 - total / sizes
    distance[rows, codes] = np.inf
    nearest = distance.min(axis=1)
    score = (nearest - own) / np.maximum(np.maximum(nearest, own), 1e-12)
    return np.where(mine == 1, 0.0, score)


def _codes(labels: ArrayLike) -> NDArray[np.int64]:
    """(n,) 0 … k-1; every face that is in no group gets a number of its own."""
    values = np.asarray(labels)
    codes = np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)
    if values.dtype.kind in "iu":
        nobody = np.flatnonzero(values == NOBODY)
        codes[nobody] = len(values) + np.arange(len(nobody))
        codes = np.unique(codes, return_inverse=True)[1].reshape(-1)
    return codes


def _contingency(
    left: ArrayLike, right: ArrayLike
) -> tuple[coo_array, NDArray[np.int64], NDArray[np.int64]]:
    """Faces per (left, right), and per left and per right alone."""
    rows, cols = _codes(left), _codes(right)
    if len(rows) != len(cols):
        raise ValueError(f"{len(rows)} labels were given for {len(cols)} faces; give one per face.")
    shape = (rows.max(initial=-1) + 1, cols.max(initial=-1) + 1)
    table = coo_array((np.ones(len(rows), np.int64), (rows, cols)), shape=shape)
    table.sum_duplicates()
    return table, np.bincount(rows), np.bincount(cols)


def _pairs(counts: Sequence[int] | NDArray[np.int64]) -> float:
    numbers = np.asarray(counts, float)
    return float((numbers * (numbers - 1) / 2).sum())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0
