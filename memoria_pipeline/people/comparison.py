"""What else an event's faces could be grouped into: by the other method, by other thresholds.

Measures and counts only: nothing here says which face is whose.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people import measure
from memoria_pipeline.people.cluster import Method, cluster
from memoria_pipeline.people.density import Density
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.internal import internal
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.regroup import Present
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.people.tighten import tighten

STEPS = 4
"""Thresholds that are tried on either side of the one in use."""

REACH = 0.3
"""How far the outermost is, as a share of the way from the threshold to 1: packs whose strangers
are alike (dlib's reach .92) have little room above their threshold, and the grid is as narrow."""

DENSITY_MOST = 10_000
"""Faces that HDBSCAN is tried on at most: they cost 71 CPU-seconds, and that grows by squares, and
the event's next run waits meanwhile."""

SAMPLE = 2_000
"""Faces whose pairs are counted by their similarity, photo by photo: two million pairs."""

BIN = 0.01
"""Width of a bin of similarities."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One way to group. threshold: its merge threshold, None for hdbscan. measures: as `internal`,
    and agreement: B-cubed F with the people as they stand; seconds."""

    method: Method
    threshold: float | None
    in_use: bool
    measures: dict[str, float]

    def as_table(self) -> dict[str, Any]:
        """What is stored of it."""
        return {name: getattr(self, name) for name in self.__slots__}


def grid(thresholds: Thresholds) -> list[float]:
    """The merge thresholds to try, in ascending order; the one in use is in the middle."""
    step = REACH * (1 - thresholds.merge) / STEPS
    tried = [thresholds.merge + step * i for i in range(-STEPS, STEPS + 1)]
    return [round(min(max(each, 0.01), 1.0), 4) for each in tried]


def compare(
    present: Present, thresholds: Thresholds, method: Method, density: Density
) -> list[Tried]:
    """Group an event afresh in every way there is. method, density: what the pipeline uses.

    The pack's thresholds are tightened as a run would; what humans decided holds in all of them but
    hdbscan, which knows neither photos nor decisions. Nothing of no faces.
    """
    if not len(present.vectors):
        return []
    own = tighten(thresholds, present.vectors, present.photo, present.classes)
    tried = [
        _tried(present, replace(own, merge=each), "constrained", density, in_use=i == STEPS)
        for i, each in enumerate(grid(own))
    ]
    if len(present.vectors) <= DENSITY_MOST:
        tried.append(_tried(present, own, "hdbscan", density, in_use=True))
    return [replace(each, in_use=each.in_use and each.method == method) for each in tried]


def _tried(
    present: Present, thresholds: Thresholds, method: Method, density: Density, *, in_use: bool
) -> Tried:
    started = time.perf_counter()
    rules = present.constraints
    found = cluster(
        present.vectors,
        present.photo,
        present.quality,
        thresholds=thresholds,
        quality_class=present.classes,
        anchor=rules.anchor,
        rejected=rules.rejected,
        cannot_link=rules.cannot,
        method=method,
        density=density,
    ).labels
    seconds = round(time.perf_counter() - started, 3)
    threshold = thresholds.merge if method == "constrained" else None
    return Tried(method, threshold, in_use, {**_measures(present, found), "seconds": seconds})


def _measures(present: Present, labels: Rows) -> dict[str, float]:
    found = internal(present.vectors, labels, present.photo, present.classes)
    ours = ~present.constraints.pinned  # a human may say that a mirror shows somebody twice
    found["impure"] = float(measure.impure(labels[ours], present.photo[ours]))
    now = present.codes
    if (now != NOBODY).any():
        found["agreement"] = round(measure.b_cubed(labels, now).f, 4)
    return found


def similarities(present: Present) -> list[dict[str, float]]:
    """Pairs of faces by their cosine, in bins of BIN; bins without a pair are left out.

    similarity: the middle of the bin. one_photo: pairs in the same photo, so of two people.
    same_person, other_person: the other pairs, by who the faces are now; of a face that is nobody's
    nothing is known. At most SAMPLE faces, of whole photos.
    """
    rows = _sampled(present.photo)
    first, second = np.triu_indices(len(rows), 1)
    cosine = (present.vectors[rows] @ present.vectors[rows].T)[first, second]
    photo, person = present.photo[rows], present.codes[rows]
    one_photo = photo[first] == photo[second]
    known = (person[first] != NOBODY) & (person[second] != NOBODY) & ~one_photo
    same = person[first] == person[second]
    kinds = {
        "one_photo": one_photo,
        "same_person": known & same,
        "other_person": known & ~same,
    }
    return _binned(cosine, kinds)


def _sampled(photo: Rows) -> Rows:
    """The faces of every so-manieth photo."""
    every = max(1, -(-len(photo) // SAMPLE))
    code = np.unique(photo, return_inverse=True)[1].reshape(-1)
    return np.flatnonzero(code % every == 0)[:SAMPLE]


def _binned(
    cosine: NDArray[np.float32], kinds: dict[str, NDArray[np.bool_]]
) -> list[dict[str, float]]:
    place = np.floor(np.clip(cosine, -1, 1 - 1e-6) / BIN).astype(np.int64)
    lowest = int(place.min(initial=0))
    columns: Sequence[Sequence[int]] = [
        np.bincount(place[chosen] - lowest, minlength=int(place.max(initial=0)) - lowest + 1)
        .astype(int)
        .tolist()
        for chosen in kinds.values()
    ]
    return [
        {"similarity": round((lowest + i + 0.5) * BIN, 4), **dict(zip(kinds, counts, strict=True))}
        for i, counts in enumerate(zip(*columns, strict=True))
        if any(counts)
    ]
