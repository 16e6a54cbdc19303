"""An event's own thresholds: stricter than the pack's where its own photos show that it must be.

Two faces of one photo are two people, so an event brings negatives that nobody had to label. They
are no fair sample, though: families stand together, and mirrors show one person twice. So like
pairs never say how much stricter. What all faces have in common says that, which neither feigns.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Cosines, Vectors
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.people.twins import photos

FEWEST = 200
"""Pairs of faces in the same photos that say anything."""

CLEAR = 1.2
"""What all faces must have in common before it counts: so many times what lifts a median stranger
to the one in ten. The fifth of LFW that is furthest to one side, in any of the three directions in
which people differ most, stays below 0.8 with InsightFace's pack and 0.7 with dlib's."""

CROWDED = 0.6
"""The same where more pairs of one photo are alike than chance explains. Mirrors explain it, too,
but they are worth no more than what the faces have in common: on LFW a shift by so little costs
nothing where it was not needed, and 38 faces in a hundred go wrong without it where it was."""

SURE = 0.999
"""How sure it must be that chance look-alikes do not explain what is seen."""

MOST = 0.75
"""The share that faces may have in common, at most; beyond it they are copies, not an event."""

FACES = 1000
"""Faces of the event that are compared with each other."""


def tighten(
    thresholds: Thresholds,
    vectors: NDArray[np.float32],
    photo: ArrayLike,
    quality_class: ArrayLike | None = None,
) -> Thresholds:
    """The pack's thresholds, or stricter ones; never looser.

    vectors: (n, d) unit rows. photo: (n,). quality_class: (n,); only faces of class A say
    something. What strangers have in common (blur, light, a likeness of all guests) moves every
    cosine c to s + (1 - s) c, so the thresholds are moved by the same: by the s of the median
    stranger, where that is clear, or where it is likely and there are more like pairs in the same
    photos than if every chance look-alike of the event stood beside theirs. Nothing changes with
    few pairs or for a calibration without `stranger` and `stranger_90`.
    """
    strong = np.ones(len(vectors), bool)
    if quality_class is not None:
        strong = np.asarray(quality_class) == "A"
    rows = np.asarray(vectors, np.float32)[strong]
    codes = np.unique(np.asarray(photo)[strong], return_inverse=True)[1].reshape(-1)
    cosine = _same_photo(rows, codes)
    stranger, tenth = thresholds.stranger, thresholds.stranger_90
    if len(cosine) < FEWEST or stranger is None or tenth is None:
        return thresholds
    # Rounded, so that the last bits of a float decide nothing.
    share = round(min(_common(rows, codes, cosine, stranger), MOST), 3)
    crowded = _crowded(cosine, len(rows), thresholds)
    clear = (CROWDED if crowded else CLEAR) * (tenth - stranger) / (1 - stranger)
    return moved(thresholds, share) if share >= max(clear, 0.001) else thresholds


def moved(thresholds: Thresholds, share: float) -> Thresholds:
    """The thresholds of faces that all have a share in [0, 1) in common; p follows."""
    certainty = thresholds.certainty
    return replace(
        thresholds,
        merge=share + (1 - share) * thresholds.merge,
        attach=share + (1 - share) * thresholds.attach,
        trust=share + (1 - share) * thresholds.trust,
        even=share + (1 - share) * thresholds.even,
        slope=thresholds.slope / (1 - share),
        certainty=certainty and certainty.moved(share),
    )


def _same_photo(vectors: Vectors, photo: Rows) -> Cosines:
    """The cosines of the pairs of faces in the same photo."""
    found = [np.empty(0, np.float32)]
    for part in photos(photo, np.arange(len(photo))):
        product = vectors[part] @ vectors[part].T
        found.append(product[_pairs(len(part))])
    return np.concatenate(found)


@lru_cache(maxsize=64)
def _pairs(faces: int) -> tuple[Rows, Rows]:
    """The places of all pairs in a square of so many: most photos have one of few numbers."""
    first, second = np.triu_indices(faces, 1)
    return first, second


def _common(vectors: Vectors, photo: Rows, cosine: Cosines, stranger: float) -> float:
    """The share that strangers have in common, beyond what the pack's have.

    By the median of the pairs in the same photos, where nobody is twice but like stands by like,
    and by that of all faces, where nobody chose who stands where but some are one person: the
    smaller one counts.
    """
    # A choice of faces that depends on what they are and not on where they stand.
    some = np.argsort((vectors[:, 0].astype(np.float64) * 1e6) % 1, kind="stable")[:FACES]
    product = vectors[some] @ vectors[some].T
    apart = np.triu(photo[some][:, None] != photo[some][None, :], 1)
    if not apart.any():
        return 0.0
    middle = min(float(np.median(cosine)), float(np.median(product[apart])))
    return max(0.0, (middle - stranger) / (1 - stranger))


def _crowded(cosine: Cosines, faces: int, thresholds: Thresholds) -> bool:
    """Whether more pairs reach `merge` than all of the event's chance look-alikes."""
    far = thresholds.far
    if far is None or far <= 0:  # none seen is not none there
        return False
    from scipy.stats import poisson  # a quarter of a CPU-second to import; few groups come so far

    chance = far * faces * (faces - 1) / 2
    return int((cosine >= thresholds.merge).sum()) > float(poisson.ppf(SURE, chance))
