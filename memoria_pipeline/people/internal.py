"""How good a grouping looks without the truth: what is stored beside every run."""

from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memoria_pipeline.people import measure
from memoria_pipeline.people.confidence import BLOCK
from memoria_pipeline.people.linkage import Vectors
from memoria_pipeline.people.measure import NOBODY

SAMPLE = 10_000
"""Faces that are compared with all groups: their mean is then known to .002, whatever the event."""


def internal(
    embeddings: Vectors,
    labels: ArrayLike,
    photo: ArrayLike,
    quality_class: ArrayLike | None = None,
    before: ArrayLike | None = None,
) -> dict[str, float]:
    """Measures of n faces in groups; what is not defined for so few faces is left out.

    embeddings: (n, d) unit rows. labels: (n,), -1 is nobody. photo, quality_class (A, B, C): (n,).
    before: (n,) the labels of the run before, or None for faces or an event that had none; -1 is a
    face that was nobody. Returned, all plain floats:

    faces, persons; single: persons of one face; impure: groups with two faces of one photo.
    noise_ratio: share of the faces that are alone or in no group.
    cohesion, cohesion_low: mean cosine of a face with the others of its group, over the faces that
    have others; a tenth of the faces has less than the second.
    separation, separation_high: mean cosine of a face with the faces of the nearest other group; a
    tenth of the faces has more than the second.
    silhouette: by cosine distance, in [-1, 1]; a face that is alone counts 0.
    quality_a, quality_b, quality_c: shares of the classes.
    churn: share of the faces that were in a group before whose mates, among these, changed.

    Cohesion is exact. The nearest other group is looked for from at most 10,000 faces, every
    so-manieth of them, so the cost is 10,000 × groups and nothing n×n is made.
    """
    label = np.asarray(labels)
    inside = label != NOBODY
    found = {
        "faces": float(len(label)),
        "persons": float(measure.people(label)),
        "impure": float(measure.impure(label, photo)),
        "noise_ratio": measure.single_ratio(label),
        **_classes(quality_class, len(label)),
        **_spread(np.asarray(embeddings, np.float32)[inside], label[inside]),
    }
    if before is not None:
        found["churn"] = _churn(np.asarray(before), label)
    return {name: round(float(value), 6) for name, value in found.items() if not isnan(value)}


def similarities(
    embeddings: Vectors, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean cosines of faces with the others of their group, and with those of the nearest other.

    embeddings: (n, d) unit rows. labels: (n,), -1 is nobody. Each (m,): of faces that have such
    others; every so-manieth, so that they are at most 10,000.
    """
    label = np.asarray(labels)
    step = max(1, -(-len(label) // SAMPLE))
    inside = np.flatnonzero(label != NOBODY)
    if not len(inside):
        return np.empty(0), np.empty(0)
    vectors = np.asarray(embeddings, np.float32)[inside]
    groups = _groups(vectors, label[inside])
    own, rows = _own(vectors, groups), np.arange(0, len(inside), step)
    return own[groups.size[groups.code] > 1][::step], _nearest(vectors, groups, rows)


def _classes(quality_class: ArrayLike | None, n: int) -> dict[str, float]:
    if quality_class is None or not n:
        return {}
    classes = np.asarray(quality_class)
    return {f"quality_{name.lower()}": float((classes == name).mean()) for name in "ABC"}


def _churn(before: NDArray[np.generic], label: NDArray[np.generic]) -> float:
    was = np.array([each is not None and each != NOBODY for each in before.tolist()], bool)
    if not was.any():
        return float("nan")
    return measure.churn(before[was].astype(str), label[was])


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """code: (n,) 0 … k-1. size: (k,). means: (k, d) of the unit vectors, so below unit length."""

    code: NDArray[np.int64]
    size: NDArray[np.int64]
    means: Vectors


def _spread(vectors: Vectors, label: NDArray[np.generic]) -> dict[str, float]:
    """Cohesion, separation and silhouette of faces that are all in a group."""
    if not len(vectors):
        return {}
    groups = _groups(vectors, label)
    code, size = groups.code, groups.size
    rows = np.arange(0, len(vectors), max(1, -(-len(vectors) // SAMPLE)))
    own, other = _own(vectors, groups), _nearest(vectors, groups, rows)
    several = size[code] > 1
    return {
        "single": float((size == 1).sum()),
        **_summary("cohesion", own[several], "low", 0.1),
        **_summary("separation", other, "high", 0.9),
        "silhouette": _silhouette(own[rows], other, several[rows]),
    }


def _groups(vectors: Vectors, label: NDArray[np.generic]) -> _Groups:
    code = np.unique(label, return_inverse=True)[1].reshape(-1).astype(np.int64)
    size = np.bincount(code)
    order = np.argsort(code, kind="stable")
    sums = np.add.reduceat(vectors[order], np.cumsum(size) - size)
    return _Groups(code, size, (sums / size[:, None]).astype(np.float32))


def _own(vectors: Vectors, groups: _Groups) -> NDArray[np.float64]:
    """(n,) mean cosine of each face with the others of its group."""
    size = groups.size[groups.code].astype(np.float64)
    total = np.empty(len(vectors))
    step = max(1, BLOCK // vectors.shape[1])
    for i in range(0, len(vectors), step):
        part = slice(i, i + step)
        total[part] = np.einsum("nd,nd->n", vectors[part], groups.means[groups.code[part]])
    mean: NDArray[np.float64] = (total * size - 1) / np.maximum(size - 1, 1)
    return mean


def _nearest(vectors: Vectors, groups: _Groups, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(m,) mean cosine of some faces with those of the nearest other group; none with one group."""
    if len(groups.size) < 2:
        return np.empty(0)
    found = np.empty(len(rows))
    step = max(1, BLOCK // len(groups.size))
    for i in range(0, len(rows), step):
        some = rows[i : i + step]
        product = vectors[some] @ groups.means.T
        product[np.arange(len(some)), groups.code[some]] = -np.inf
        found[i : i + step] = product.max(axis=1)
    return found


def _silhouette(
    own: NDArray[np.float64], other: NDArray[np.float64], several: NDArray[np.bool_]
) -> float:
    if not len(other):
        return float("nan")
    far, near = 1 - other, 1 - own
    score = (far - near) / np.maximum(np.maximum(far, near), 1e-12)
    return float(np.where(several, score, 0.0).mean())


def _summary(name: str, values: NDArray[np.float64], end: str, share: float) -> dict[str, float]:
    if not len(values):
        return {}
    return {name: float(values.mean()), f"{name}_{end}": float(np.quantile(values, share))}
