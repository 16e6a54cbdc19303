"""Agglomeration: the groups that are most alike meet first, never across a cannot-link."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.graph import BUDGET, Pairs, Rows, threshold_graph

Vectors = NDArray[np.float32]
Cosines = NDArray[np.float32]
CHUNK = 32_768
"""Pairs looked at together: their vectors are gathered, 32 MB at 128 numbers."""

BIG, HAIR = 8, 0.1
"""Groups of so many faces may take in several smaller ones at once, if these are hardly less alike
than the first: by this share of the way from the threshold to 1, as packs differ in their scale."""


@dataclass(slots=True, eq=False)
class Groups:
    """Disjoint groups of faces, each named by one of its faces.

    sums: (n, d) quality-weighted sum of the unit vectors; valid in the rows that name a group.
    face, token: what a face may share with no other of its group: its photo, and one token for
        each cannot-link it is part of. Two groups with a token in common never meet.
    label: (n,) the name of each face's group.
    means: (n, d) the sums at unit length. size: (n,) faces of the group.
    """

    sums: Vectors
    face: Rows
    token: Rows
    label: Rows = field(init=False)
    means: Vectors = field(init=False)
    size: Rows = field(init=False)
    _held: Rows = field(init=False)
    _first: Rows = field(init=False)
    _width: int = field(init=False)

    def __post_init__(self) -> None:
        self.label = np.arange(len(self.sums))
        self.means = unit(self.sums)
        self.size = np.ones(len(self.sums), np.int64)
        self._width = int(self.token.max(initial=0)) + 1
        self._index_tokens()

    def join(self, keep: Rows, gone: Rows) -> None:
        """Each group in `gone` becomes part of the one beside it in `keep`.

        A group may be kept for several others; none is gone twice, or gone and kept.
        """
        order = np.argsort(keep, kind="stable")
        kept, start = np.unique(keep[order], return_index=True)
        self.sums[kept] += np.add.reduceat(self.sums[gone[order]], start)
        self.means[kept] = unit(self.sums[kept])
        self.size[kept] += np.add.reduceat(self.size[gone[order]], start)
        target = np.arange(len(self.sums))
        target[gone] = keep
        self.label = target[self.label]
        self._index_tokens()

    def forget(self, token: int) -> None:
        """From now on groups that share this token may meet."""
        keep = self.token != token
        self.face, self.token = self.face[keep], self.token[keep]
        self._index_tokens()

    def names(self) -> Rows:
        """(k,) the groups that are left."""
        return np.flatnonzero(self.label == np.arange(len(self.label)))

    def cosine(self, a: Rows, b: Rows) -> Cosines:
        """Cosine between the sums of groups, pair by pair."""
        cosine = np.empty(len(a), np.float32)
        for i in range(0, len(a), CHUNK):
            part = slice(i, i + CHUNK)
            cosine[part] = np.einsum("nd,nd->n", self.means[a[part]], self.means[b[part]])
        return cosine

    def may_meet(self, a: Rows, b: Rows) -> NDArray[np.bool_]:
        """False where two groups share a photo or a cannot-link."""
        allowed = np.empty(len(a), bool)
        for i in range(0, len(a), CHUNK):
            part = slice(i, i + CHUNK)
            allowed[part] = self._apart(a[part], b[part])
        return allowed

    def _apart(self, a: Rows, b: Rows) -> NDArray[np.bool_]:
        """Looks up the tokens of the group with fewer of them among those of the other."""
        count = np.diff(self._first)
        swap = count[a] > count[b]
        pair, token = self._tokens_of(np.where(swap, b, a))
        wanted = np.where(swap, a, b)[pair] * self._width + token
        at = np.searchsorted(self._held, wanted)
        shared = self._held[np.minimum(at, len(self._held) - 1)] == wanted
        apart = np.ones(len(a), bool)
        apart[pair[shared]] = False
        return apart

    def first_come(self, keep: Rows, gone: Rows) -> NDArray[np.bool_]:
        """Which of the groups in `gone` may all join theirs in `keep`: one token, one taker."""
        pair, token = self._tokens_of(gone)
        _, first = np.unique(keep[pair] * self._width + token, return_index=True)
        late = np.ones(len(pair), bool)
        late[first] = False
        welcome = np.ones(len(gone), bool)
        welcome[pair[late]] = False
        return welcome

    def _tokens_of(self, names: Rows) -> tuple[Rows, Rows]:
        """Position in `names` and token, for each token of each group."""
        count = np.diff(self._first)[names]
        pair = np.repeat(np.arange(len(names)), count)
        from_end = np.arange(len(pair)) - np.repeat(np.cumsum(count), count)
        return pair, self._held[self._first[names + 1][pair] + from_end] % self._width

    def _index_tokens(self) -> None:
        """Every (group, token) as one sorted number, and where each group's begin."""
        self._held = np.unique(self.label[self.face] * self._width + self.token)
        self._first = np.searchsorted(self._held, np.arange(len(self.sums) + 1) * self._width)


def agglomerate(
    groups: Groups, threshold: float, seeds: NDArray[np.bool_], fresh: Rows | None = None
) -> None:
    """Merge until no two groups that may meet are at least `threshold` alike; in place.

    seeds: (n,) faces that take part, and with each its group. fresh: faces whose groups may start a
    merge, each of the others only once it has grown; None is all.
    Only pairs of the threshold graph are looked at. Two means can be more alike than any two of
    their faces, so the graph is asked again with the groups that grew, until it is empty.
    """
    while True:
        names = np.unique(groups.label[seeds])
        rows = None if fresh is None else np.flatnonzero(np.isin(names, groups.label[fresh]))
        may_meet = partial(_may_meet, groups, names)
        # Of all, a view: a copy of 100,000 is 200 MB.
        means = groups.means if len(names) == len(groups.means) else groups.means[names]
        pairs = threshold_graph(means, threshold, fresh=rows, allowed=may_meet, budget=BUDGET)
        if not len(pairs):
            return
        grown = _merge(groups, names[pairs.a], names[pairs.b], pairs)
        if pairs.floor == threshold:
            fresh = grown
        elif fresh is not None:  # not all pairs were seen
            fresh = np.union1d(fresh, grown)


def _may_meet(groups: Groups, names: Rows, a: Rows, b: Rows) -> NDArray[np.bool_]:
    return groups.may_meet(names[a], names[b])


def _merge(groups: Groups, a: Rows, b: Rows, pairs: Pairs) -> Rows:
    """All rounds on one graph; the groups that grew."""
    cosine, grown = pairs.cosine, [np.empty(0, np.int64)]
    while True:
        best = _best(a, b, cosine, pairs.floor, len(groups.label))
        mutual = (cosine >= best[a]) & (cosine >= best[b])
        if not mutual.any():
            return np.unique(groups.label[np.concatenate(grown)])
        keep, gone = _followers(groups, a, b, cosine, best, HAIR * max(0.0, 1 - pairs.floor))
        busy = np.zeros(len(groups.label), bool)
        busy[keep] = busy[gone] = True
        mutual &= ~(busy[a] | busy[b])
        left, right = _matching(a[mutual], b[mutual], len(groups.label))
        keep, gone = np.concatenate([keep, left]), np.concatenate([gone, right])
        groups.join(keep, gone)
        grown.append(keep)
        a, b, cosine = _follow(groups, a, b, cosine, keep)


def _best(a: Rows, b: Rows, cosine: Cosines, floor: float, n: int) -> Cosines:
    """(n,) the cosine of each group with its nearest, or the floor."""
    best = np.full(n, floor, np.float32)
    np.maximum.at(best, a, cosine)
    np.maximum.at(best, b, cosine)
    return best


def _matching(a: Rows, b: Rows, n: int) -> tuple[Rows, Rows]:
    """Of pairs that are each other's nearest, so many that no group is in two of them."""
    # Copies of a photo tie by the thousand. A fixed shuffle lets many of them meet per round.
    rank = np.random.default_rng(0).permutation(len(a))
    first = np.full(n, len(a))
    np.minimum.at(first, a, rank)
    np.minimum.at(first, b, rank)
    taken = (first[a] == rank) & (first[b] == rank)
    return a[taken], b[taken]


def _followers(
    groups: Groups, a: Rows, b: Rows, cosine: Cosines, best: Cosines, hair: float
) -> tuple[Rows, Rows]:
    """Small groups whose nearest is a big one, almost as near to them as to its own nearest.

    A thousand faces of one person all have their mean as the nearest and would join it one per
    round. The mean of many hardly moves, so those within a hair join together.
    """
    big, small = np.concatenate([a, b]), np.concatenate([b, a])
    cosine = np.concatenate([cosine, cosine])
    ready = (groups.size[big] >= BIG) & (groups.size[small] < BIG)
    ready[ready] = cosine[ready] >= np.maximum(best[small[ready]], best[big[ready]] - hair)
    order = np.flatnonzero(ready)
    order = order[np.lexsort((small[order], big[order], -cosine[order]))]
    order = order[np.sort(np.unique(small[order], return_index=True)[1])]
    order = order[groups.first_come(big[order], small[order])]
    return big[order], small[order]


def _follow(
    groups: Groups, a: Rows, b: Rows, cosine: Cosines, grown: Rows
) -> tuple[Rows, Rows, Cosines]:
    """The pairs after a round: of the groups that are left, each once, with today's cosine."""
    n = len(groups.label)
    stale = np.zeros(n, bool)
    stale[grown] = True
    a, b = groups.label[a], groups.label[b]
    apart = a != b
    a, b, cosine = a[apart], b[apart], cosine[apart]
    key, at = np.unique(np.minimum(a, b) * n + np.maximum(a, b), return_index=True)
    a, b, cosine = key // n, key % n, cosine[at]
    old = ~(stale[a] | stale[b])
    keep = old.copy()
    keep[~old] = groups.may_meet(a[~old], b[~old])
    a, b, cosine, old = a[keep], b[keep], cosine[keep], old[keep]
    cosine[~old] = groups.cosine(a[~old], b[~old])
    return a, b, cosine


def unit(vectors: Vectors) -> Vectors:
    """Each row of (n, d) at length 1; a row of zeros, as faces that cancel out sum to, stays so."""
    lengths: Vectors = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    np.maximum(lengths, 1e-30, out=lengths)
    return vectors / lengths[:, None]
