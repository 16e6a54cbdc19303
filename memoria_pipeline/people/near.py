"""All pairs of faces that are somewhat alike, found once: what would else be asked again.

Whoever is like a group is like one of its faces, at least. So from the pairs of faces below the
threshold follows exactly which groups can be as alike as the threshold, with no product of all
groups with all after each time that some have grown.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.graph import Pairs, Rows, distinct, threshold_graph
from memoria_pipeline.people.groups import Cosines, Groups, Vectors

EACH, MOST = 40, 2_000_000
"""Pairs kept per face, and in all: 12 bytes each. With fewer more faces of a hard event have to be
compared with all groups again; with more, looking at the pairs costs more than that spares (50,000
faces of 20 each: 1.45 half products, with 25 or 60 a face 1.52 and 1.57)."""

LEAST = 0.05
"""The floor is never less: below it, bounds by the least alike pair say nothing."""

SAMPLE = (512, 1024)
"""Faces whose cosines say how alike so many of the pairs are."""

HAIR = 1e-5
"""What sums of floats may be wrong by."""


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Pairs of n faces, each once: all that are at least `floor` alike. a, b: (m,) int32."""

    a: NDArray[np.int32]
    b: NDArray[np.int32]
    cosine: Cosines
    floor: float

    def between(
        self, groups: Groups, taking: NDArray[np.bool_], fresh: NDArray[np.bool_], least: float
    ) -> Pairs:
        """Pairs of groups that may meet and are at least so alike, each once, with their cosine.

        taking, fresh: (n,) by the name of the group: both take part, and one of them is fresh.
        Complete for groups that are `tight`.
        """
        n = len(groups.label)
        compact = np.zeros(n, np.float32)
        compact[taking] = groups.compact(np.flatnonzero(taking)) * np.float32(1 - HAIR)
        a, b = groups.label[self.a], groups.label[self.b]
        # No two groups are more alike than their best pair says, by how compact they are.
        keep = self.cosine >= least * compact[a] * compact[b]
        a, b = a[keep], b[keep]
        keep = (a != b) & taking[a] & taking[b] & (fresh[a] | fresh[b])
        key = distinct(np.minimum(a[keep], b[keep]) * n + np.maximum(a[keep], b[keep]))
        a = key // n
        b = key - a * n
        cosine = groups.cosine(a, b)
        alike = np.flatnonzero(cosine >= least)
        alike = alike[groups.may_meet(a[alike], b[alike])]
        return Pairs(a[alike], b[alike], cosine[alike], least)

    def reached_by(self, most: int) -> float:
        """The cosine that so many of the pairs reach: the floor where there are no more."""
        if len(self.cosine) <= most:
            return self.floor
        return float(np.partition(self.cosine, -most)[-most])

    def tight(self, groups: Groups, names: Rows, threshold: float) -> NDArray[np.bool_]:
        """Which of these groups cannot be as alike as the threshold unless two of their faces are
        a pair of these.

        The product of two sums is that of all pairs of their faces, so the mean pair is as much
        less alike than the groups as their sums are shorter than their faces laid end to end.
        """
        enough = groups.compact(names) ** 2 * threshold >= self.floor + HAIR
        alone: NDArray[np.bool_] = groups.size[names] == 1
        return alone | enough


def near(vectors: Vectors, threshold: float, workers: int | None = None) -> Near:
    """The pairs of faces from the threshold on, and of those below as many as are worth keeping.

    vectors: (n, d) unit rows, in an order that says nothing. With too many from the threshold on
    the floor is above it.
    """
    wanted = min(EACH * len(vectors), MOST)
    floor = min(max(_floor(vectors, wanted), LEAST), threshold)
    found = threshold_graph(vectors, floor, budget=MOST + MOST // 3, workers=workers)
    return Near(found.a.astype(np.int32), found.b.astype(np.int32), found.cosine, found.floor)


def _floor(vectors: Vectors, wanted: int) -> float:
    """The cosine that about so many pairs reach."""
    n, (some, others) = len(vectors), SAMPLE
    pairs = n * (n - 1) / 2
    if pairs <= wanted:
        return -1.0
    cosine = vectors[:some] @ vectors[-others:].T
    return float(np.quantile(cosine, 1 - wanted / pairs))
