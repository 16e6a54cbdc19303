"""A few new faces → the persons they may be, with a look at nobody who is nothing like them.

What becomes of a new face follows from the persons near it alone, so these and the new faces are
grouped as `extend` would group all: the people are the same, at a hundredth of the work.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from memoria_pipeline.people.confidence import group_sums
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.groups import Vectors
from memoria_pipeline.people.incremental import STRICT
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.prepare import FAINTEST, weights
from memoria_pipeline.people.regroup import Present, Regrouped, regroup
from memoria_pipeline.people.thresholds import Thresholds

FEW = 12
"""New faces that are placed so. Each is compared with every face of the event, at 2 ms per 30,000:
with more of them reading the whole event is as cheap."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far from a new face a person can be who matters to where it goes.

    cosine: of the face and the person's mean. loosest: the least that the faces of any one person
    have in common, as `loosest` says it.
    """

    cosine: float
    loosest: float

    @property
    def face(self) -> float:
        """What at least one face of such a person has in common with the new one."""
        return self.cosine * max(self.loosest, 0.0) ** 0.5 if self.cosine > 0 else -1.0


def reach(thresholds: Thresholds, loosest: float) -> Reach:
    """Who is further away neither takes the face in, nor is a runner-up, nor becomes one person
    with whoever takes it.

    Of the last: let P take in a face v, and let P and Q not have been alike enough to meet. They
    can be only if v is at least as much like Q as `strict` × how much it is like P.
    """
    strict = thresholds.merge + STRICT * (1 - thresholds.merge)
    lowest = min(thresholds.merge, thresholds.attach)
    return Reach(min(lowest - thresholds.margin, strict * lowest), loosest)


def place(near: Present, thresholds: Thresholds, reached: Reach) -> Regrouped | None:
    """Who new faces are; None where somebody else would move, and all have to be looked at.

    near: the new faces, which are nobody's, and all faces of every person within `reached` of one
    of them. thresholds: of the event, tightened. Margins of new faces count a rival who is out of
    reach as one who is just within it.
    """
    found = regroup(near, thresholds, "incremental", unseen=reached.cosine)
    return None if found.redirects or found.diff.faces_moved else found


def loosest(vectors: Vectors, quality: ArrayLike, classes: ArrayLike, people: Rows) -> float:
    """The least mean cosine of the pairs of any one person's faces, by weight; 1 without pairs.

    vectors: (n, d) unit rows. quality, classes, people: (n,), as in `cluster`; -1 is nobody.
    """
    weight = np.where(np.asarray(classes) == "C", np.float32(FAINTEST), weights(quality))
    placed = people != NOBODY
    sums = group_sums(vectors, weight, people).astype(np.float64)
    mass, square = (
        np.bincount(people[placed], each[placed].astype(np.float64), len(sums))
        for each in (weight, weight**2)
    )
    pairs = np.einsum("nd,nd->n", sums, sums) - square, mass**2 - square
    several = np.bincount(people[placed], minlength=len(sums)) > 1
    return float(np.min(pairs[0][several] / pairs[1][several], initial=1.0))
