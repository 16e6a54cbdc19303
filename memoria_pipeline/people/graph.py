"""Which pairs of rows are alike: exact, by blocked matrix products, never n×n in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Allowed = Callable[[Rows, Rows], NDArray[np.bool_]]
Found = tuple[Rows, Rows, NDArray[np.float32]]
_Tile = tuple[Rows, int, NDArray[np.float32]]

TILE = (1024, 2048)
"""Rows × columns of one product: 8 MB of float32, which stays in the cache of a core."""

BUDGET = 6_000_000
"""Pairs kept at once (20 bytes each). Only thousands of photos of one person come near."""


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
) -> Pairs:
    """All pairs of unit rows of (n, d) whose cosine is at least the threshold.

    fresh: only pairs with at least one of these rows. allowed: drops pairs as they are found.
    With more pairs than the budget the most alike are kept and `floor` says from where on they are
    complete, so that memory stays bounded whatever the event; the caller merges and asks again.
    """
    found: list[Found] = []
    count, floor = 0, threshold
    rows = np.arange(len(vectors)) if fresh is None else np.sort(fresh)
    is_fresh = np.isin(np.arange(len(vectors)), rows)
    for tile in _tiles(vectors, rows, fresh is None):
        a, b, cosine = _pairs(tile, floor, is_fresh)
        if allowed is not None:
            keep = allowed(a, b)
            a, b, cosine = a[keep], b[keep], cosine[keep]
        found.append((a, b, cosine))
        count += len(a)
        if count > budget:
            found, floor = _best_half(found, budget)
            count = len(found[0][0])
    a, b, cosine = joined(found)
    return Pairs(a, b, cosine, floor)


def _tiles(vectors: NDArray[np.float32], rows: Rows, is_all: bool) -> Iterator[_Tile]:
    """Row numbers, first column and cosines of one tile after the other; of all, one triangle."""
    for top in range(0, len(rows), TILE[0]):
        block = rows[top : top + TILE[0]]
        for left in range(top if is_all else 0, len(vectors), TILE[1]):
            yield block, left, vectors[block] @ vectors[left : left + TILE[1]].T


def _pairs(tile: _Tile, floor: float, is_fresh: NDArray[np.bool_]) -> Found:
    """The pairs of a tile from the floor on, each pair once in all and as a < b."""
    block, left, product = tile
    i, j = np.nonzero(product >= floor)
    cosine = product[i, j]
    i, j = block[i], j + left
    # A pair of two fresh rows is met from both sides: the smaller one reports it.
    once = (i < j) | ((i > j) & ~is_fresh[j])
    i, j = i[once], j[once]
    return np.minimum(i, j), np.maximum(i, j), cosine[once]


def _best_half(found: list[Found], budget: int) -> tuple[list[Found], float]:
    """The most alike half of the budget, and the cosine from which on it is complete."""
    a, b, cosine = joined(found)
    best = np.sort(np.argpartition(-cosine, budget // 2)[: budget // 2])
    return [(a[best], b[best], cosine[best])], float(cosine[best].min())


def joined(found: list[Found]) -> Found:
    """Pairs and cosines found in several parts, as one."""
    parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)), *found]
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.concatenate([part[2] for part in parts]),
    )
