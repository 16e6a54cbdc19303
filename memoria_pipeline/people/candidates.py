"""Which persons may be one, and how likely that is: what a human is asked about."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from memoria_pipeline.people.graph import Rows, threshold_graph
from memoria_pipeline.people.linkage import Groups
from memoria_pipeline.people.thresholds import Thresholds

Floats = NDArray[np.float64]

NEAR, TAIL, BEND = 1.13, 0.55, -5.0
"""Weight of the pack's own logit of two groups above the bend and below it: far down it is blur and
odd poses, not likeness, that decides."""

SMALLER, LARGER, BASE = -4.1, -0.96, 1.22
"""Per ln(faces) of the smaller and of the larger person. The means of two parts of one person are
the more alike the more faces they have, so that two large ones left apart are hardly ever one: on
LFW, of 2,500 pairs of single faces at four fifths of `merge` 42 were, of 800 pairs of more none.
One fit for both packs (18 events, 694 such pairs): it expects 589 of dlib's 595 and 105 of
InsightFace's 99."""

MANY = 10
"""Faces from which on more of them make the mean no better."""

PERSONS, FEWEST = 810, 100
"""Of the events that the fit was made on. In an event of half as many persons a likeness is half as
often a chance one."""

LEAST = 0.0005
"""p of two single faces being one person from which on they are a question at all."""

PAIRS = 2_000_000
"""Pairs kept at once, the most alike: 40 MB. More than anybody answers."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Pairs of persons that may be one, best first.

    small, large: (c,) codes; of two equal ones the later is the small one. p: that they are one.
    gain: faces that the question is expected to put right. asked: p that nobody has said who
    `small` is when the turn of the pair comes.
    """

    small: Rows
    large: Rows
    p: Floats
    gain: Floats
    asked: Floats


def same_probability(
    cosine: NDArray[np.floating], small: Rows, large: Rows, persons: int, thresholds: Thresholds
) -> Floats:
    """p that two groups the machine left apart are one person, of (c,) cosines of their means.

    small, large: (c,) faces of each. persons: of the event.
    """
    alike = _logit(np.asarray(cosine, np.float64), thresholds)
    likeness = NEAR * np.maximum(alike, BEND) + TAIL * np.minimum(alike - BEND, 0)
    prior = BASE - np.log(max(persons, FEWEST) / PERSONS)
    p: Floats = expit(
        likeness + SMALLER * np.log(small) + LARGER * np.log(np.minimum(large, MANY)) + prior
    )
    return p


def _logit(cosine: Floats, thresholds: Thresholds) -> Floats:
    """How likely the pack holds two groups for one person, whatever their sizes."""
    known = thresholds.certainty
    if known is None:
        return thresholds.slope * (cosine - thresholds.even)
    return known.pair * cosine + known.pair_base


def candidates(groups: Groups, size: Rows, thresholds: Thresholds) -> Candidates:
    """All pairs that may meet and are worth a thought; codes are positions in `groups`.

    size: (k,) faces of each. The smaller person is one other at most, so the odds of its candidates
    share one certainty.
    """
    floor = _floor(len(size), thresholds)
    found = threshold_graph(groups.means, floor, allowed=groups.may_meet, budget=PAIRS)
    a, b = found.a, found.b
    swap = (size[a] > size[b]) | ((size[a] == size[b]) & (a < b))
    small, large = np.where(swap, b, a), np.where(swap, a, b)
    p = same_probability(found.cosine, size[small], size[large], len(size), thresholds)
    odds = p / np.maximum(1 - p, 1e-9)
    p = odds / (1 + np.bincount(small, odds, len(size))[small])
    order = np.lexsort((large, small, -p * size[small]))
    small, large, p = small[order], large[order], p[order]
    return Candidates(small, large, p, p * size[small], 1 - _before(small, p))


def forest(pairs: Candidates, most: int) -> Iterator[int]:
    """The first pairs that gain something, but for those that follow if all before are one."""
    parent: dict[int, int] = {}

    def root(person: int) -> int:
        while (above := parent.get(person, person)) != person:
            person = above
        return person

    best = slice(0, most)
    for i, (small, large) in enumerate(
        zip(pairs.small[best].tolist(), pairs.large[best].tolist(), strict=True)
    ):
        one, other = root(small), root(large)
        if pairs.gain[i] > 0 and one != other:
            parent[one] = other
            yield i


def _floor(persons: int, thresholds: Thresholds) -> float:
    """The cosine of two single faces from which on p is worth a thought."""
    grid = np.linspace(-1, 1, 2001)
    one = np.ones(len(grid), np.int64)
    worth = same_probability(grid, one, one, persons, thresholds) >= LEAST
    return float(grid[np.argmax(worth)]) if worth.any() else 1.0


def _before(group: Rows, p: Floats) -> Floats:
    """(c,) the sum of the earlier p of the same group."""
    order = np.argsort(group, kind="stable")
    total = np.cumsum(p[order])
    first = np.searchsorted(group[order], group[order])
    before = np.empty(len(p))
    before[order] = total - p[order] - np.where(first > 0, total[first - 1], 0)
    return np.clip(before, 0, 1)
