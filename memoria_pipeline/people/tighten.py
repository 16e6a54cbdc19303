"""An event's own thresholds: stricter than the pack's where its own photos show that it must be.

Two faces of one photo are two people, so an event brings negatives that nobody had to label. They
are no fair sample, though: families stand together, and mirrors show one person twice. So an event
has to say clearly, and in two ways that such photos cannot feign, that its strangers are more alike
than those the pack was calibrated on.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import poisson

from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Cosines, Vectors
from memoria_pipeline.people.thresholds import Thresholds

FEWEST = 200
"""Pairs of faces in the same photos that say anything."""

CLEAR = 1.2
"""What all faces must have in common before it counts: so many times what lifts a median stranger
to the one in ten. The fifth of LFW that is furthest to one side, in any of the three directions in
which people differ most, stays below 0.8 with InsightFace's pack and 0.7 with dlib's."""

SURE = 0.999
"""How sure it must be that chance look-alikes do not explain what is seen."""

FACES, CROWD, ALIKE = 1000, 512, 2000
"""Faces of the event, and of one photo, that are compared; pairs that are told apart."""


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
    stranger, where that is clear, or by the s that leaves no more like pairs in the same photos
    than there were if every chance look-alike of the event stood beside theirs. Nothing changes
    with few pairs or for a calibration without `stranger`, `stranger_90` and `far`.
    """
    strong = np.ones(len(vectors), bool)
    if quality_class is not None:
        strong = np.asarray(quality_class) == "A"
    rows = np.asarray(vectors, np.float32)[strong]
    codes = np.unique(np.asarray(photo)[strong], return_inverse=True)[1].reshape(-1)
    a, b, cosine = _same_photo(rows, codes)
    stranger, tenth, far = thresholds.stranger, thresholds.stranger_90, thresholds.far
    if len(cosine) < FEWEST or stranger is None or tenth is None or far is None:
        return thresholds
    common = _common(rows, codes, cosine, stranger)
    clear = CLEAR * (tenth - stranger) / (1 - stranger)
    chance = far * len(rows) * (len(rows) - 1) / 2
    limit = float(poisson.ppf(SURE, chance))
    level = _explained(rows, a, b, cosine, thresholds.merge, limit)
    crowded = (level - thresholds.merge) / (1 - thresholds.merge)
    # Rounded, so that the last bits of a float decide nothing.
    share = round(max(common if common >= clear else 0.0, crowded), 3)
    return moved(thresholds, share) if share > 0 else thresholds


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


def _same_photo(vectors: Vectors, photo: Rows) -> tuple[Rows, Rows, Cosines]:
    """The pairs of faces in the same photo, and their cosines."""
    found = [(part[a], part[b], product[a, b]) for part, a, b, product in _photos(vectors, photo)]
    if not found:
        nobody = np.empty(0, np.int64)
        return nobody, nobody, np.empty(0, np.float32)
    first, second, cosine = (np.concatenate(each) for each in zip(*found, strict=True))
    return first, second, cosine


def _photos(vectors: Vectors, photo: Rows) -> Iterator[tuple[Rows, Rows, Rows, Cosines]]:
    order = np.argsort(photo, kind="stable")
    cuts = np.flatnonzero(np.diff(photo[order])) + 1
    for part in np.split(order, cuts):
        if len(part) > 1:
            part = part[:CROWD]
            a, b = np.triu_indices(len(part), 1)
            yield part, a, b, vectors[part] @ vectors[part].T


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


def _explained(
    vectors: Vectors, a: Rows, b: Rows, cosine: Cosines, merge: float, limit: float
) -> float:
    """The lowest threshold from `merge` on that at most `limit` pairs of people reach."""
    reach = np.flatnonzero(cosine >= merge)
    if len(reach) <= limit:
        return merge
    reach = reach[np.argsort(-cosine[reach], kind="stable")]
    # Of very many, so few that they can be told apart; each then stands for several.
    every = -(-len(reach) // ALIKE)
    some = reach[::every]
    distinct = some[_distinct(vectors[a[some]], vectors[b[some]], merge)]
    allowed = int(limit // every)
    return float(cosine[distinct[allowed]]) if len(distinct) > allowed else merge


def _distinct(left: Vectors, right: Vectors, merge: float) -> NDArray[np.bool_]:
    """(m,) the pairs that are not two people seen before: twins, or a poster in every photo."""
    new = np.zeros(len(left), bool)
    for i in range(len(left)):
        straight = np.minimum(left[new] @ left[i], right[new] @ right[i])
        crossed = np.minimum(left[new] @ right[i], right[new] @ left[i])
        new[i] = not (np.maximum(straight, crossed) >= merge).any()
    return new
