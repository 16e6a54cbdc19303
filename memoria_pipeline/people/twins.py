"""Two faces of one photo that may be one person twice: a mirror, a poster, a collage.

Grouping takes two faces of one photo for two people, so such a pair splits a person. It is no
error: a human is asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from memoria_pipeline.people.confidence import NONE, logistic
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Cosines, Vectors
from memoria_pipeline.people.thresholds import Thresholds

CROWD = 512
"""Faces of one photo that are compared; no camera takes more that can be told apart."""

COLLAGE = 3
"""Twins from which on a photo is a collage: a mirror rarely shows more than two people."""

SHARE = 0.5
"""Of the faces of a collage, those that are somewhere else in it."""


@dataclass(frozen=True, slots=True)
class Twin:
    """Positions a < b of two faces of one photo, their cosine, and p that they are one person.

    p: by the cosine alone, against the most alike stranger, one as likely as the other beforehand;
        how rare mirrors are, no calibration can say.
    collage: the photo shows many people more than once, so that one answer may do for all of it.
    """

    a: int
    b: int
    cosine: float
    p: float
    collage: bool = False


def twins(
    vectors: Vectors,
    photo: ArrayLike,
    quality_class: ArrayLike | None,
    thresholds: Thresholds,
    label: ArrayLike | None = None,
) -> list[Twin]:
    """Pairs of faces in the same photo that are at least as much alike as two groups that merge.

    vectors: (n, d) unit rows. photo: (n,). quality_class: (n,) of A, B, C; only A against A says
    something, as blurred faces are all alike. label: (n,) the person of each face, -1 is nobody;
    two faces that are one person already (somebody said so) are no question. Surest first; three
    copies of a face are two pairs, as the third follows.
    """
    codes = np.unique(np.asarray(photo), return_inverse=True)[1].reshape(-1)
    strong = np.ones(len(codes), bool)
    if quality_class is not None:
        strong = np.asarray(quality_class) == "A"
    person = np.full(len(codes), -1) if label is None else np.asarray(label)
    found: list[Twin] = []
    for part in photos(codes, np.flatnonzero(strong)):
        found += _in_photo(vectors[part], part, person[part], thresholds)
    return sorted(found, key=lambda twin: (-twin.p, twin.a, twin.b))


def photos(photo: Rows, rows: Rows) -> Iterator[Rows]:
    """Of some rows those of each photo that has two and more of them; of a crowd the first 512.

    photo: (n,) of all rows. rows: positions in it.
    """
    rows = rows[np.argsort(photo[rows], kind="stable")]
    for part in np.split(rows, np.flatnonzero(np.diff(photo[rows])) + 1):
        if len(part) > 1:
            yield part[:CROWD]


def _in_photo(vectors: Vectors, part: Rows, person: Rows, thresholds: Thresholds) -> list[Twin]:
    cosine = vectors @ vectors.T
    np.fill_diagonal(cosine, NONE)
    if cosine.max() < thresholds.merge:  # nearly every photo
        return []
    known = (person[:, None] == person[None, :]) & (person[:, None] >= 0)
    a, b = np.nonzero(np.triu((cosine >= thresholds.merge) & ~known, 1))
    if not len(a):
        return []
    kept = _links(a, b, cosine[a, b])
    repeated = np.unique(np.concatenate([a, b]))
    collage = len(kept) >= COLLAGE and len(repeated) >= SHARE * len(part)
    a, b = a[kept], b[kept]
    return [
        Twin(int(part[i]), int(part[j]), float(cosine[i, j]), float(p), collage)
        for i, j, p in zip(a, b, logistic(cosine[a, b], thresholds), strict=True)
    ]


def _links(a: Rows, b: Rows, cosine: Cosines) -> Rows:
    """The most alike pairs that join all copies of a face: a tree, so that no answer is asked for
    that follows from two others."""
    name = {int(face): int(face) for face in np.concatenate([a, b])}
    kept = []
    for i in np.argsort(-cosine, kind="stable"):
        left, right = name[int(a[i])], name[int(b[i])]
        if left != right:
            kept.append(int(i))
            name = {face: left if own == right else own for face, own in name.items()}
    return np.array(kept, np.int64)
