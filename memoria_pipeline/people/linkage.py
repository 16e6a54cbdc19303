"""Agglomeration: the groups that are most alike meet first, never across a cannot-link."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.graph import BUDGET, Pairs, Rows, distinct, joined, threshold_graph
from memoria_pipeline.people.groups import Cosines as Cosines
from memoria_pipeline.people.groups import Groups as Groups
from memoria_pipeline.people.groups import Vectors as Vectors
from memoria_pipeline.people.groups import unit as unit
from memoria_pipeline.people.near import Near

Flags = NDArray[np.bool_]

BIG, HAIR = 8, 0.1
"""Groups of so many faces may take in several smaller ones at once, if these are hardly less alike
than the first: by this share of the way from the threshold to 1, as packs differ in their scale."""


ROUND = 200_000
"""Pairs merged at a time where more are known, the most alike: most of the others are within
groups by then. With all of them fifty people of 400 faces took twice as long."""

LOOK = 2_000
"""Looking at a known pair of faces takes as long as so many products of two numbers, at least. Once
50,000 faces are 3,000 groups, comparing these takes 20 ms and looking at two million pairs 250."""


def agglomerate(
    groups: Groups,
    threshold: float,
    seeds: Flags,
    fresh: Rows | None = None,
    *,
    near: Near | None = None,
    workers: int | None = None,
) -> None:
    """Merge until no two groups that may meet are at least `threshold` alike; in place.

    seeds: (n,) faces that take part, and with each its group. fresh: faces whose groups may start a
    merge, each of the others only once it has grown; None is all. near: pairs of the same n faces,
    which spare most of the work.
    Only pairs of the threshold graph are looked at. Two means can be more alike than any two of
    their faces, so it is looked at again with the groups that grew, until it is empty.
    """
    while True:
        names = distinct(groups.label[seeds])
        pairs = _alike(groups, threshold, names, fresh, near, workers)
        if near is not None and threshold < pairs.floor <= near.floor:
            near = None  # with no more to say: it has too few of the pairs
        elif not len(pairs):
            return
        grown = _merge(groups, pairs)
        if pairs.floor == threshold:
            fresh = grown
        elif fresh is not None:  # not all pairs were seen
            fresh = np.union1d(fresh, grown)


def _alike(
    groups: Groups,
    threshold: float,
    names: Rows,
    fresh: Rows | None,
    near: Near | None,
    workers: int | None,
) -> Pairs:
    """The groups that may meet and are alike: of those that `near` is not sure of by a product."""
    taking, new = _flags(groups, names, fresh)
    known, unsure = Pairs(*joined([]), threshold), new[names]
    if near is not None:
        least = max(threshold, near.floor)
        known = Pairs(*joined([]), least)
        if unsure.sum() * len(names) * groups.means.shape[1] > LOOK * len(near.cosine):
            known = _known(groups, near, taking, new, least)
            unsure = _unsure(unsure, ~near.tight(groups, names, known.floor))
    rows = None if unsure.all() else np.flatnonzero(unsure)
    # Of all, a view: a copy of 100,000 is 200 MB.
    means = groups.means if len(names) == len(groups.means) else groups.means[names]
    may_meet = partial(_may_meet, groups, names)
    asked = threshold_graph(
        means, known.floor, fresh=rows, allowed=may_meet, budget=BUDGET, workers=workers
    )
    more = known.cosine >= asked.floor
    both = [(names[asked.a], names[asked.b], asked.cosine)]
    both += [(known.a[more], known.b[more], known.cosine[more])]
    return Pairs(*joined(both), asked.floor)


def _known(groups: Groups, near: Near, taking: Flags, new: Flags, least: float) -> Pairs:
    """The pairs of one round that are known, from `least` on, or the most alike of them."""
    # While most are single faces their pairs are the groups', and need not all be looked at.
    if taking.sum() * 2 > len(taking) and (higher := near.reached_by(ROUND + ROUND // 4)) > least:
        pairs = near.between(groups, taking, new, higher)
        if len(pairs) >= ROUND:
            return _best_of(pairs, ROUND)
    return _best_of(near.between(groups, taking, new, least), ROUND)


def _best_of(pairs: Pairs, most: int) -> Pairs:
    """So many of the pairs, the most alike, and no others that are as much alike."""
    if len(pairs) <= most:
        return pairs
    floor = float(np.partition(pairs.cosine, -most)[-most])
    best = pairs.cosine >= floor
    return Pairs(pairs.a[best], pairs.b[best], pairs.cosine[best], floor)


def _unsure(fresh: Flags, wide: Flags) -> Flags:
    """(k,) groups of which all pairs must be looked for, where one of a pair is fresh and one wide.

    Those that are both, and the fewer of those that are one of them.
    """
    fewer = fresh if fresh.sum() < wide.sum() else wide
    return fewer if (fresh & ~wide).any() and (wide & ~fresh).any() else fresh & wide


def _flags(groups: Groups, names: Rows, fresh: Rows | None) -> tuple[Flags, Flags]:
    """(n,) by name: groups that take part, and those that are fresh."""
    taking = np.zeros(len(groups.label), bool)
    taking[names] = True
    if fresh is None:
        return taking, taking
    new = np.zeros(len(groups.label), bool)
    new[groups.label[fresh]] = True
    return taking, taking & new


def _may_meet(groups: Groups, names: Rows, a: Rows, b: Rows) -> NDArray[np.bool_]:
    return groups.may_meet(names[a], names[b])


def _merge(groups: Groups, pairs: Pairs) -> Rows:
    """All rounds on one graph; the groups that grew."""
    a, b, cosine, grown = pairs.a, pairs.b, pairs.cosine, [np.empty(0, np.int64)]
    while True:
        best = _best(a, b, cosine, pairs.floor, len(groups.label))
        mutual = (cosine >= best[a]) & (cosine >= best[b])
        if not mutual.any():
            return distinct(groups.label[np.concatenate(grown)])
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
    key = np.minimum(a, b) * n + np.maximum(a, b)
    at = np.argsort(key)
    at = at[np.append(True, np.diff(key[at]) != 0)[: len(at)]]
    key, cosine = key[at], cosine[at]
    a = key // n
    b = key - a * n
    old = ~(stale[a] | stale[b])
    keep = old.copy()
    keep[~old] = groups.may_meet(a[~old], b[~old])
    a, b, cosine, old = a[keep], b[keep], cosine[keep], old[keep]
    cosine[~old] = groups.cosine(a[~old], b[~old])
    return a, b, cosine
