"""Which pairs of rows are alike: exact, by blocked matrix products, never n×n in memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.workers import in_order

Rows = NDArray[np.int64]
Allowed = Callable[[Rows, Rows], NDArray[np.bool_]]
Found = tuple[Rows, Rows, NDArray[np.float32]]
_Tile = tuple[slice, slice]

TILE = (1024, 512)
"""Rows × columns of one product: 2 MB of float32, which are still in the cache of a core when they
are looked at. With four times as many columns the product of 128 numbers takes a tenth longer and
the looking twice as long."""

BUDGET = 1_500_000
"""Pairs kept at once (20 bytes each), the most alike. Only hundreds of photos of each of many come
near. Four times as many made grouping 40,000 faces of twenty people take twice as long."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Rows a < b that are at least `floor` alike, with their cosine."""

    a: Rows
    b: Rows
    cosine: NDArray[np.float32]
    floor: float

    def __len__(self) -> int:
        return len(self.a)


def threshold_graph(
    vectors: NDArray[np.float32],
    threshold: float,
    *,
    fresh: Rows | None = None,
    allowed: Allowed | None = None,
    budget: int = BUDGET,
    workers: int | None = None,
) -> Pairs:
    """All pairs of unit rows of (n, d) whose cosine is at least the threshold.

    fresh: only pairs with at least one of these rows, each named once. allowed: drops pairs as they
    are found.
    With more pairs than the budget the most alike are kept and `floor` says from where on they are
    complete, so that memory stays bounded whatever the event; the caller merges and asks again.
    workers: how many cores share the tiles; the pairs are the same for any number.
    """
    found: list[Found] = []
    count, floor = 0, threshold
    order = None if fresh is None else _first(fresh, len(vectors))
    height = len(vectors) if fresh is None else len(fresh)

    def alike(tile: _Tile) -> Found:
        pairs = _pairs(vectors, tile, floor, order)
        return pairs if allowed is None else _those(pairs, allowed(*pairs[:2]))

    for pairs in in_order(alike, _tiles(len(vectors), height), workers):
        pairs = _those(pairs, pairs[2] >= floor)  # it has risen since this tile was begun
        found.append(pairs)
        count += len(pairs[0])
        if count > budget:
            found, floor = _best_half(found, budget)
            count = len(found[0][0])
    a, b, cosine = joined(found)
    return Pairs(a, b, cosine, floor)


def above(product: NDArray[np.float32], floor: float) -> tuple[Rows, Rows, NDArray[np.float32]]:
    """Row, column and value of all entries from the floor on; ten times as fast as np.nonzero."""
    at = np.flatnonzero(product >= floor)
    row = at // product.shape[1]  # np.divmod takes ten times as long
    return row, at - row * product.shape[1], product.reshape(-1)[at]


def _first(fresh: Rows, n: int) -> Rows:
    """All rows, the fresh ones before the others."""
    rest = np.ones(n, bool)
    rest[fresh] = False
    return np.concatenate([fresh, np.flatnonzero(rest)])


def _tiles(n: int, height: int) -> list[_Tile]:
    """Rows and first column of one tile after the other, each pair of rows once.

    height: how many of the first rows meet all after them.
    """
    # Few rows meet more columns at a time: handing out a tile takes as long as a small product.
    width = TILE[1] * max(1, min(4, TILE[0] // max(height, 1)))
    return [
        (slice(top, min(top + TILE[0], height)), slice(left, left + width))
        for top in range(0, height, TILE[0])
        for left in range(top, n, width)
    ]


def _pairs(vectors: NDArray[np.float32], tile: _Tile, floor: float, order: Rows | None) -> Found:
    """The pairs of a tile from the floor on, as a < b; order: of the rows, None as they are."""
    rows, columns = tile
    if order is None:
        product = vectors[rows] @ vectors[columns].T
    else:
        product = vectors[order[rows]] @ vectors[order[columns]].T
    i, j, cosine = above(product, floor)
    i, j = i + rows.start, j + columns.start
    if columns.start < rows.stop:  # on the diagonal a tile holds its pairs twice
        i, j, cosine = _those((i, j, cosine), i < j)
    if order is None:
        return i, j, cosine
    i, j = order[i], order[j]
    return np.minimum(i, j), np.maximum(i, j), cosine


def _those(pairs: Found, keep: NDArray[np.bool_]) -> Found:
    return pairs if keep.all() else (pairs[0][keep], pairs[1][keep], pairs[2][keep])


def _best_half(found: list[Found], budget: int) -> tuple[list[Found], float]:
    """The most alike half of the budget, and the cosine from which on it is complete."""
    a, b, cosine = joined(found)
    floor = np.partition(cosine, -(budget // 2))[-(budget // 2)]
    best = np.flatnonzero(cosine >= floor)
    if len(best) > budget:  # they tie by the million: not all of them fit
        best = np.sort(np.argpartition(-cosine, budget // 2)[: budget // 2])
    return [(a[best], b[best], cosine[best])], float(floor)


def distinct(values: Rows) -> Rows:
    """Each value once, ascending. numpy's own takes seven times as long, by a hash table."""
    ordered = np.sort(values)
    once: Rows = ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]]
    return once


def joined(found: list[Found]) -> Found:
    """Pairs and cosines found in several parts, as one."""
    parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)), *found]
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
    )
