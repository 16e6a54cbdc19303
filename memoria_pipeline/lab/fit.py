"""What labelled faces say about a model's cosines, apart from grouping them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.events import Event, Index
from memoria_pipeline.people.confidence import NONE, evidence
from memoria_pipeline.people.linkage import Vectors, unit

STEPS = 70
"""Grid steps between strangers and one person; .01 of cosine for the ArcFace family."""

SAMPLE = 6_000
"""Faces whose pairs are looked at."""

WRONG = 0.05
"""Sharp faces that are allowed to be so like a stranger's person as to attach. Measured on blurred
LFW photos this brings home 54 % of those who could be, and takes 0.5 % to a wrong person."""

LOOSE = 0.10
"""People of three faces and more who are less tight than the trust asks."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """n labelled faces: (n, d) unit vectors, who each is as 0 … k-1, how good it is: A, B or C."""

    vectors: Vectors
    identity: Index
    quality: NDArray[np.float64]
    quality_class: NDArray[np.object_]

    def of(self, use: Index) -> "Labelled":
        """Some of them, by position."""
        identity = np.unique(self.identity[use], return_inverse=True)[1].reshape(-1)
        return Labelled(self.vectors[use], identity, self.quality[use], self.quality_class[use])

    def sharp(self) -> "Labelled":
        """Those of class A."""
        return self.of(np.flatnonzero(self.quality_class == "A"))


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """stranger: median cosine of two people. stranger_90: what a tenth of them exceed. grid: the
    thresholds that are worth trying."""

    stranger: float
    stranger_90: float
    grid: NDArray[np.float64]


def pair_scale(vectors: Vectors, identity: Index) -> Scale:
    """From where few strangers are so alike to where half of the same are not.

    LabError when there is nothing between these.
    """
    same, different = _pairs(vectors, identity)
    stranger, half = float(np.median(different)), float(np.median(same))
    low = max(float(np.quantile(different, 0.999)), 1e-3)  # a threshold is above 0
    if half <= low:
        raise LabError(
            f"Most pairs of one person (median cosine {half:.2f}) are less alike than some of two"
            f" people ({low:.2f}); check the identities, or take another model."
        )
    tenth = float(np.quantile(different, 0.9))
    return Scale(stranger, tenth, np.arange(low, half, (half - stranger) / STEPS))


def pair_accepts(vectors: Vectors, identity: Index, threshold: float) -> dict[str, float]:
    """Share of the pairs of two people (FAR) and of one person (TAR) from the threshold on."""
    same, different = _pairs(vectors, identity)
    return {"far": float((different >= threshold).mean()), "tar": float((same >= threshold).mean())}


def chance(vectors: Vectors, identity: Index, threshold: float) -> float:
    """Share of the pairs of two people that reach the threshold, never 0: three at least are taken
    as seen, as with more than three expected one in twenty samples would show none."""
    different = _pairs(vectors, identity)[1]
    return float(max((different >= threshold).sum(), 3) / max(len(different), 3))


def _pairs(vectors: Vectors, identity: Index) -> tuple[Vectors, Vectors]:
    """Cosines of the pairs of one person, and of two."""
    some = np.random.default_rng(0).permutation(len(vectors))[:SAMPLE]
    cosine = vectors[some] @ vectors[some].T
    upper = np.triu(np.ones(cosine.shape, bool), 1)
    same = identity[some][:, None] == identity[some][None, :]
    return cosine[same & upper], cosine[~same & upper]


def rough(merge: float, scale: Scale) -> dict[str, float]:
    """Thresholds that group sharp faces by `merge`; the other numbers only matter to weak ones."""
    margin = 0.1 * (merge - scale.stranger)
    return {
        "merge": merge,
        "attach": merge,
        "margin": margin,
        "trust": merge,
        "slope": 1,
        "even": 0,
    }


def finish(data: Labelled, parts: Sequence[Event], merge: float, scale: Scale) -> dict[str, float]:
    """All thresholds that go with a `merge`, rounded for writing down.

    attach: from where on few sharp faces would join a stranger; blurred ones are no more like
    strangers than these, only less like themselves. margin: a tenth of the pack's scale. trust:
    what nine in ten people of three faces reach. slope, even: a logistic fit of the faces' cosines
    with the rest of their own person against those with the nearest other one.
    """
    attach = np.quantile(np.concatenate([_strangers(data, part) for part in parts]), 1 - WRONG)
    trust = np.quantile(np.concatenate([_tightness(data, part) for part in parts]), LOOSE)
    slope, even = _logistic(data, parts)
    found = rough(merge, scale) | {"attach": min(float(attach), merge), "trust": float(trust)}
    return {
        name: round(value, 4) for name, value in (found | {"slope": slope, "even": even}).items()
    }


def _sums(data: Labelled, part: Event) -> tuple[NDArray[np.int64], NDArray[np.int64], Vectors]:
    """The people of three faces and more in an event: who, how many faces, sum of the vectors."""
    order = part.face[np.argsort(data.identity[part.face], kind="stable")]
    people, first, count = np.unique(data.identity[order], return_index=True, return_counts=True)
    sums = np.add.reduceat(data.vectors[order], first)
    return people[count >= 3], count[count >= 3], sums[count >= 3]


def _strangers(data: Labelled, part: Event) -> Vectors:
    """Per face its cosine with the nearest person who is someone else."""
    people, _, sums = _sums(data, part)
    cosine = data.vectors[part.face] @ unit(sums).T
    cosine[data.identity[part.face][:, None] == people[None, :]] = NONE
    nearest: Vectors = cosine.max(axis=1, initial=NONE)
    return nearest


def _tightness(data: Labelled, part: Event) -> Vectors:
    """Per person the mean cosine between two of the faces."""
    _, n, sums = _sums(data, part)
    tightness: Vectors = (np.square(sums).sum(axis=1) - n) / (n * (n - 1))
    return tightness


def _logistic(data: Labelled, parts: Sequence[Event]) -> tuple[float, float]:
    """Slope and middle of p(same person | cosine), each face once with its own and once with the
    nearest other; by Newton's method."""
    sides = [
        evidence(
            data.vectors[part.face],
            data.quality[part.face].astype(np.float32),
            np.unique(data.identity[part.face], return_inverse=True)[1],
            part.photo,
        )
        for part in parts
    ]
    own = np.concatenate([side[0] for side in sides])
    other = np.concatenate([side[1] for side in sides])
    own, other = own[own != NONE], other[other != NONE]
    x = np.concatenate([own, other]).astype(float)
    y = np.repeat([1.0, 0.0], [len(own), len(other)])
    middle, spread = float(x.mean()), float(x.std())
    design = np.stack([(x - middle) / spread, np.ones(len(x))], axis=1)
    weight = np.zeros(2)
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(design @ weight, -30, 30)))
        slope = design * (p * (1 - p))[:, None]
        # The ridge keeps the fit finite where the two sides do not overlap at all.
        ridge = np.diag([1e-3, 1e-3])
        weight += np.linalg.solve(design.T @ slope + ridge, design.T @ (y - p) - ridge @ weight)
    return float(weight[0] / spread), float(middle - weight[1] / weight[0] * spread)
