"""The nearest group that a face could be in beside its own, compared where it may be near."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.graph import Rows, distinct
from memoria_pipeline.people.groups import Cosines, Vectors, lengths, unit
from memoria_pipeline.people.near import HAIR, Near
from memoria_pipeline.people.workers import in_order

BLOCK = 2_000_000
"""Cosines in memory at once, per core: 8 MB."""

GATHERED = 2_000_000
"""Numbers of the vectors of pairs that are looked at together: 8 MB, twice."""

FIRST = 4
"""Pairs per face that are compared first, the most alike: whoever they leave behind is not."""

NONE = np.float32(-1)
"""The cosine with a person that is not there."""


class Mates:
    """Which groups have a face in the photo of another face."""

    def __init__(self, label: Rows, photo: Rows) -> None:
        placed = np.flatnonzero(label >= 0)
        self._label = label[placed[np.argsort(photo[placed], kind="stable")]]
        self._photo = np.sort(photo[placed])
        self._k = int(label.max(initial=-1)) + 1
        self._held = distinct(photo[placed] * self._k + label[placed])

    def there(self, photo: Rows, group: Rows) -> NDArray[np.bool_]:
        """Whether the group has a face in the photo, pair by pair."""
        wanted = photo * self._k + group
        at = np.minimum(np.searchsorted(self._held, wanted), len(self._held) - 1)
        found: NDArray[np.bool_] = self._held[at] == wanted
        return found

    def of(self, photo: Rows) -> tuple[Rows, Rows]:
        """Of each photo every group that is in it: position in `photo`, and the group."""
        first = np.searchsorted(self._photo, photo)
        count = np.searchsorted(self._photo, photo, "right") - first
        row = np.repeat(np.arange(len(count)), count)
        at = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        return row, self._label[at]


def with_all(
    vectors: Vectors,
    means: Vectors,
    mates: Mates,
    photo: Rows,
    faces: Rows,
    groups: Rows | None = None,
    workers: int | None = None,
) -> Cosines:
    """(m,) the cosine of some faces with the nearest of the groups that are not in their photo.

    photo: (n,). groups: those that are looked at; None is all. -1 where there is no such group.
    """
    some = means if groups is None else means[groups]
    column = np.full(len(means), len(some))
    column[slice(None) if groups is None else groups] = np.arange(len(some))
    step = max(1, BLOCK // max(len(some), 1))

    def best(start: int) -> Cosines:
        rows = faces[start : start + step]
        product = vectors[rows] @ some.T
        row, mate = mates.of(photo[rows])  # the face's own group is among these
        row, mate = row[column[mate] < len(some)], mate[column[mate] < len(some)]
        product[row, column[mate]] = NONE
        found: Cosines = product.max(axis=1, initial=NONE)
        return found

    parts = list(in_order(best, range(0, len(faces), step), workers))
    return np.concatenate([np.empty(0, np.float32), *parts])


def with_near(
    vectors: Vectors,
    weight: NDArray[np.float32],
    sums: Vectors,
    label: Rows,
    photo: Rows,
    near: Near,
    workers: int | None = None,
) -> Cosines:
    """(n,) the same of all faces and groups, mostly from pairs of faces that are known.

    A group is less like a face than the floor of the pairs, by how compact it is, unless one of its
    faces is in a pair with it. Groups that are too loose for that to help, and faces whose rival is
    further away, are compared with all.
    """
    means, mates = unit(sums), Mates(label, photo)
    mass = np.bincount(label, weights=weight, minlength=len(sums))
    compact = lengths(sums) / np.maximum(mass, 1e-30)
    rival = _nearest(vectors, means, compact, label, photo, near, mates)
    order = np.argsort(compact, kind="stable")
    bound = np.append((near.floor + HAIR) / np.maximum(compact[order], 1e-30), 0)
    loose = _cheapest(rival, bound)
    every = np.arange(len(label))
    if loose:
        found = with_all(vectors, means, mates, photo, every, order[:loose], workers)
        np.maximum(rival, found, out=rival)
    if loose < len(order):
        left = np.flatnonzero(rival < bound[loose])
        found = with_all(vectors, means, mates, photo, left, order[loose:], workers)
        rival[left] = np.maximum(rival[left], found)
    return rival


def _cheapest(rival: Cosines, bound: NDArray[np.float64]) -> int:
    """How many of the loosest groups to compare with all faces, so that the fewest products are
    made with them and, of the faces that are still unsure, with the others."""
    k, n = len(bound) - 1, len(rival)
    loose = np.arange(k + 1)
    unsure = np.searchsorted(np.sort(rival), bound[:-1])
    return int(np.argmin(n * loose + np.append(unsure, 0) * (k - loose)))


def _nearest(
    vectors: Vectors,
    means: Vectors,
    compact: NDArray[np.float64],
    label: Rows,
    photo: Rows,
    near: Near,
    mates: Mates,
) -> Cosines:
    """(n,) the nearest of the groups that are somewhat alike by a pair; exact above the floor."""
    rival = np.full(len(label), NONE)
    order = _most_alike_first(near, FIRST * len(label))
    single = np.bincount(label, minlength=len(means)) == 1
    for face, other, cosine in _both_ways(near, order, max(1, GATHERED // vectors.shape[1])):
        group = label[other]
        # No group is more like a face than its best pair says, by how compact it is.
        open_ = (group != label[face]) & (cosine >= compact[group] * rival[face])
        face, group, cosine = face[open_], group[open_], cosine[open_]
        several = ~single[group]
        cosine[several] = np.einsum("nd,nd->n", vectors[face[several]], means[group[several]])
        better = cosine > rival[face]
        better[better] = ~mates.there(photo[face[better]], group[better])
        np.maximum.at(rival, face[better], cosine[better])
    return rival


def _most_alike_first(near: Near, first: int) -> Rows:
    if len(near.cosine) <= first:
        return np.arange(len(near.cosine))
    return np.argpartition(-near.cosine, first)


def _both_ways(near: Near, order: Rows, step: int) -> Iterator[tuple[Rows, Rows, Cosines]]:
    for i in range(0, len(order), step):
        some = order[i : i + step]
        a, b, cosine = (
            near.a[some].astype(np.int64),
            near.b[some].astype(np.int64),
            near.cosine[some],
        )
        yield a, b, cosine
        yield b, a, cosine.copy()
