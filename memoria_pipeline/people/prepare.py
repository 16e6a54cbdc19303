"""Faces as grouping wants them: checked, in an order of their own, with what may not meet."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Groups, Vectors, unit
from memoria_pipeline.people.measure import NOBODY

Links = Iterable[tuple[int, int]]

FAINTEST = 0.05
"""Weight of the worst face: with none at all, a person of such faces would have no mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """m of the caller's n faces, in an order that does not depend on the caller's.

    vectors: (m, d) unit rows. weight: (m,). photo: (m,) codes. strong, weak: (m,) bool, class A and
    class B. person: (m,) the code of the person that the face is known to be, or -1.
    cannot, must: (·, 2) rows. used: (m,) the caller's position of each. given: (n,) all weights.
    """

    vectors: Vectors
    weight: NDArray[np.float32]
    photo: Rows
    strong: NDArray[np.bool_]
    weak: NDArray[np.bool_]
    person: Rows
    cannot: Rows
    must: Rows
    used: Rows
    given: NDArray[np.float32]


def prepare(
    embeddings: NDArray[np.floating],
    photo: ArrayLike,
    quality: ArrayLike | None,
    quality_class: ArrayLike | None,
    *,
    person: ArrayLike | None = None,
    rejected: Links = (),
    cannot_link: Links = (),
    must_link: Links = (),
) -> Faces:
    """The faces that are grouped: all but those of class C who are nobody yet.

    Raises ValueError for lengths that differ, vectors without a direction, and links of faces that
    do not exist.
    """
    vectors = _checked(embeddings)
    n = len(vectors)
    classes = _column(quality_class, n, "quality classes", "A")
    weight = np.where(classes == "C", np.float32(FAINTEST), weights(_given(quality, n)))
    codes = np.unique(_column(photo, n, "photos", ""), return_inverse=True)[1].reshape(-1)
    known = _known(person, n)
    used = np.flatnonzero((classes != "C") | (known != NOBODY))
    used = _canonical(vectors, (codes, weight, known), used)
    position = np.full(n, NOBODY)
    position[used] = np.arange(len(used))
    apart = [
        _faces(cannot_link, position),
        _rejections(_face_and_code(rejected, position), known[used]),
    ]
    return Faces(
        vectors[used],
        weight[used],
        codes[used],
        classes[used] == "A",
        classes[used] == "B",
        known[used],
        np.concatenate(apart),
        _faces(must_link, position),
        used,
        weight,
    )


def start(faces: Faces) -> tuple[Groups, int]:
    """Known persons and must-links as groups, every other face by itself; and a token.

    All known persons share that token, so that no two of them meet. What a human said of two faces
    wins over their photo, and a person over a cannot-link. ValueError where links contradict links,
    or join two known persons.
    """
    component = _started(faces)
    cannot = faces.cannot[component[faces.cannot[:, 0]] != component[faces.cannot[:, 1]]]
    every, known = np.arange(len(component)), np.flatnonzero(faces.person != NOBODY)
    # A cannot-link is a photo that only its two faces are in; the last one has all who are known.
    photos = int(faces.photo.max(initial=NOBODY)) + 1
    shared = photos + len(cannot)
    extra = [photos + np.repeat(np.arange(len(cannot)), 2), np.full(len(known), shared)]
    groups = Groups(
        faces.vectors * faces.weight[:, None],
        np.concatenate([every, cannot.reshape(-1), known]),
        np.concatenate([faces.photo, *extra]),
    )
    keep = np.unique(component, return_index=True)[1][component]
    gone = np.flatnonzero(keep != every)
    if len(gone):
        groups.join(keep[gone], gone)
    return groups, shared


def _started(faces: Faces) -> Rows:
    """(m,) the same number for faces that start as one group."""
    n = len(faces.vectors)
    linked = _component(faces.must, n)
    if (linked[faces.cannot[:, 0]] == linked[faces.cannot[:, 1]]).any():
        raise ValueError("A cannot-link contradicts the must-links; take one of them back.")
    known = np.flatnonzero(faces.person != NOBODY)
    _, first, code = np.unique(faces.person[known], return_index=True, return_inverse=True)
    persons = np.stack([known[first][code.reshape(-1)], known], axis=1)
    component = _component(np.concatenate([faces.must, persons]), n)
    if len(np.unique(component[known[first]])) < len(first):
        raise ValueError("A must-link joins two known persons; take it back or merge them.")
    return component


def _component(pairs: Rows, n: int) -> Rows:
    """(n,) the same number for rows that are joined by pairs."""
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    component: Rows = connected_components(graph, directed=False)[1].astype(np.int64)
    return component


def _rejections(pairs: Rows, person: Rows) -> Rows:
    """Face and person as face and face: any one of the person's, as these are one group anyway."""
    codes, first = np.unique(person, return_index=True)
    at = np.minimum(np.searchsorted(codes, pairs[:, 1]), len(codes) - 1)
    there = (codes[at] == pairs[:, 1]) & (person[pairs[:, 0]] != pairs[:, 1])
    return np.stack([pairs[there, 0], first[at[there]]], axis=1)


def _checked(embeddings: NDArray[np.floating]) -> Vectors:
    """(n, d) of unit length; ValueError for what has no direction."""
    vectors = np.asarray(embeddings, np.float32)
    if vectors.size == 0:
        return np.empty((0, 1), np.float32)
    if vectors.ndim != 2:
        raise ValueError(f"Embeddings of shape {vectors.shape} were given; give (faces, numbers).")
    # Packs with fewer numbers are padded with zeros for the database; the cosines are the same.
    vectors = vectors[:, : int(np.flatnonzero(vectors.any(axis=0)).max(initial=0)) + 1]
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(bad):
        raise ValueError(
            f"{len(bad)} of {len(vectors)} embeddings are zero or not finite, the first at position"
            f" {bad[0]}; analyse those photos again or leave the faces out."
        )
    result = unit(vectors)
    result += np.float32(0)  # this turns -0 into 0: equal vectors get equal bytes
    return result


def _column(values: ArrayLike | None, n: int, what: str, default: str) -> NDArray[np.generic]:
    column = np.full(n, default) if values is None else np.asarray(values)
    if column.shape != (n,):
        raise ValueError(f"{n} faces have {what} of shape {column.shape}; give one per face.")
    return column


def _known(person: ArrayLike | None, n: int) -> Rows:
    known = np.full(n, NOBODY) if person is None else np.asarray(person, np.int64)
    if known.shape != (n,) or (known < NOBODY).any():
        raise ValueError(f"{n} faces need {n} person codes from -1 on, of shape ({n},).")
    return known


def _given(quality: ArrayLike | None, n: int) -> NDArray[np.float64]:
    given = np.ones(n) if quality is None else np.asarray(quality, float)
    if given.shape != (n,) or not np.isfinite(given).all():
        raise ValueError(f"{n} faces need {n} finite qualities, of shape ({n},).")
    return given


def weights(quality: ArrayLike) -> NDArray[np.float32]:
    """(n,) how much each face counts in the mean of its person; quality: (n,), from 0 to 1."""
    # Squared, the poorer faces of a person count less: on LFW a tenth fewer corrections.
    squared: NDArray[np.float32] = np.square(np.clip(quality, 0, 1)).astype(np.float32)
    return np.maximum(squared, np.float32(FAINTEST))


def _canonical(vectors: Vectors, keys: tuple[NDArray[np.generic], ...], used: Rows) -> Rows:
    """The faces used, in an order that depends on what they are and not on where they stood.

    Sums of floats depend on their order, and so does who of two equals comes first.
    """
    order: Rows = np.lexsort((*(key[used] for key in reversed(keys)), _digest(vectors)[used]))
    return used[order]


def _digest(vectors: Vectors) -> NDArray[np.uint64]:
    """(n,) a number of each row's bytes alone; two different rows share one by no real chance."""
    factor = np.random.default_rng(0).integers(2**63, size=vectors.shape[1], dtype=np.uint64)
    digest = np.empty(len(vectors), np.uint64)
    for i in range(0, len(vectors), 4096):
        words = vectors[i : i + 4096].view(np.uint32).astype(np.uint64)
        digest[i : i + 4096] = ((words + factor) * (words ^ (factor >> np.uint64(7)))).sum(axis=1)
    return digest


def _faces(links: Links, position: Rows) -> Rows:
    """(m, 2) in our order; links of faces that are left out say nothing."""
    pairs, n = _pairs(links), len(position)
    if (pairs >= n).any() or (pairs[:, 0] == pairs[:, 1]).any():
        raise ValueError(f"A link must name two different faces of 0 to {n - 1}.")
    pairs = position[pairs]
    kept: Rows = pairs[(pairs != NOBODY).all(axis=1)]
    return kept


def _face_and_code(links: Links, position: Rows) -> Rows:
    """(m, 2) faces in our order and the person's code."""
    pairs, n = _pairs(links), len(position)
    if (pairs[:, 0] >= n).any():
        raise ValueError(f"A rejection must name a face of 0 to {n - 1}.")
    pairs[:, 0] = position[pairs[:, 0]]
    kept: Rows = pairs[pairs[:, 0] != NOBODY]
    return kept


def _pairs(links: Links) -> Rows:
    pairs = np.array(list(links), np.int64).reshape(-1, 2)
    if (pairs < 0).any():
        raise ValueError("A link names a face or person below 0; give positions from 0 on.")
    return pairs
