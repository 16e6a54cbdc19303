"""Faces → people: constrained centroid linkage; HDBSCAN beside it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from memoria_pipeline.people.attach import attach, trusted
from memoria_pipeline.people.confidence import NONE, evidence, probability
from memoria_pipeline.people.density import Density, density_labels
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Groups, Vectors, agglomerate, unit
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.support import SHOWN, supporters
from memoria_pipeline.people.thresholds import Thresholds

Method = Literal["constrained", "hdbscan"]
Links = Iterable[tuple[int, int]]

FAINTEST = 0.05
"""Weight of the worst face: with none at all, a person of such faces would have no mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """n faces in k people.

    labels: (n,) 0 … k-1, numbered in the order of each person's first face; -1 for faces that are
        in no group: class C, and HDBSCAN's noise.
    probability: (n,) estimate that the face is with its person; 0 where the label is -1.
    margin: (n,) cosine with the rest of its person less that with the nearest other person; of a
        face that is alone, 1 less that with the nearest other; 0 where the label is -1.
    trusted: (k,) people with enough faces, alike enough, to take in weak ones.
    representative: (k,) the face of best quality; at a tie the first.
    evidence: (n, 3) positions of up to three faces of the same person that speak most for the
        assignment, the most alike first; -1 is nobody.
    """

    labels: NDArray[np.int64]
    probability: NDArray[np.float32]
    margin: NDArray[np.float32]
    trusted: NDArray[np.bool_]
    representative: NDArray[np.int64]
    evidence: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Faces:
    """The faces that are grouped, in an order of their own, and their constraints."""

    vectors: Vectors
    weight: NDArray[np.float32]
    photo: Rows
    strong: NDArray[np.bool_]
    cannot: Rows
    must: Rows


def cluster(
    embeddings: NDArray[np.floating],
    photo: ArrayLike,
    quality: ArrayLike | None = None,
    *,
    thresholds: Thresholds,
    quality_class: ArrayLike | None = None,
    cannot_link: Links = (),
    must_link: Links = (),
    method: Method = "constrained",
    density: Density | None = None,
) -> Grouping:
    """Group the faces of one event into people.

    embeddings: (n, d), any length but zero; cosine counts. photo: (n,) whatever names the photo:
    two faces of one photo are two people, unless must_link joins them. quality: (n,) in [0, 1],
    weighs the face in the mean of its person; None counts all the same. quality_class: (n,) of A
    (seeds people), B (only attaches), C (left out); None is A. cannot_link, must_link: pairs of
    face positions. density: settings of method="hdbscan", which knows neither photos nor links.

    The people do not depend on the order of the faces; only their numbers do. A person of one face
    is a person. Raises ValueError for what cannot be grouped: another number of photos than faces,
    vectors that are zero or not finite, links that contradict each other.
    """
    vectors = _checked(embeddings)
    n = len(vectors)
    classes = _column(quality_class, n, "quality classes", "A")
    weight = _weights(quality, n)
    codes = np.unique(_column(photo, n, "photos", ""), return_inverse=True)[1].reshape(-1)
    used = _canonical(vectors, codes, weight, np.flatnonzero(classes != "C"))
    faces = _Faces(
        vectors[used],
        weight[used],
        codes[used],
        classes[used] == "A",
        _links(cannot_link, used, n),
        _links(must_link, used, n),
    )
    if method == "hdbscan":
        own, sure = density_labels(faces.vectors, density or Density()), np.empty(0, np.int64)
    else:
        own, sure = _constrained(faces, thresholds)
    return _grouping(faces, own, sure, used, thresholds, weight)


def _constrained(faces: _Faces, thresholds: Thresholds) -> tuple[Rows, Rows]:
    """The name of each face's group, and the names of the trusted groups."""
    groups = _start(faces)
    agglomerate(groups, thresholds.merge, faces.strong)
    weak = _weak(groups, faces)
    hosts = np.setdiff1d(trusted(groups, faces.vectors, thresholds), weak)
    attach(groups, weak, hosts, faces.photo, thresholds.attach, thresholds.margin)
    # The rest may meet a person who is not sure, but no more easily than two cores do, and never
    # each other: blurred faces look alike, whoever they are. Sharp faces that are left over get no
    # looser threshold: on LFW .42 in place of .44 cost .001 of precision for .0005 of recall.
    weak = _weak(groups, faces)
    hosts = np.setdiff1d(groups.names(), weak)
    attach(groups, weak, hosts, faces.photo, thresholds.merge, thresholds.margin)
    return groups.label, trusted(groups, faces.vectors, thresholds)


def _weak(groups: Groups, faces: _Faces) -> Rows:
    """The groups without a face that may seed a person."""
    return np.setdiff1d(groups.names(), groups.label[faces.strong])


def _start(faces: _Faces) -> Groups:
    """Every face by itself, but for the must-links; raises ValueError where links contradict."""
    n, every = len(faces.vectors), np.arange(len(faces.vectors))
    # A cannot-link is a photo that only its two faces are in.
    extra = len(faces.photo) + np.repeat(np.arange(len(faces.cannot)), 2)
    groups = Groups(
        faces.vectors * faces.weight[:, None],
        np.concatenate([every, faces.cannot.reshape(-1)]),
        np.concatenate([faces.photo, extra]),
    )
    ones = np.ones(len(faces.must), bool)
    graph = coo_array((ones, (faces.must[:, 0], faces.must[:, 1])), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    keep = np.unique(component, return_index=True)[1][component]
    gone = np.flatnonzero(keep != every)
    if len(gone):
        groups.join(keep[gone], gone)
    if (groups.label[faces.cannot[:, 0]] == groups.label[faces.cannot[:, 1]]).any():
        raise ValueError("A cannot-link contradicts the must-links; take one of them back.")
    return groups


def _grouping(
    faces: _Faces,
    own: Rows,
    sure: Rows,
    used: Rows,
    thresholds: Thresholds,
    weight: NDArray[np.float32],
) -> Grouping:
    """From names in our order to numbers in the caller's."""
    names = np.full(len(weight), NOBODY)
    names[used] = own
    labels, order = _numbered(names)
    inside = own != NOBODY
    put = faces.vectors[inside], faces.weight[inside], labels[used[inside]], faces.photo[inside]
    sides = evidence(*put)
    chance, margin = np.zeros((2, len(weight)), np.float32)
    chance[used[inside]] = probability(*sides, thresholds)
    margin[used[inside]] = np.where(sides[0] == NONE, 1, sides[0]) - sides[1]
    best = np.lexsort((-weight, labels))
    best = best[np.searchsorted(labels[best], np.arange(len(order)))]
    shown = np.full((len(weight), SHOWN), NOBODY)
    named = supporters(*put)
    shown[used[inside]] = np.where(named == NOBODY, NOBODY, used[inside][named])
    return Grouping(labels, chance, margin, np.isin(order, sure), best, shown)


def _numbered(names: Rows) -> tuple[Rows, Rows]:
    """Numbers by first appearance, and the name behind each number; nobody stays nobody."""
    found, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    by_first = np.argsort(np.where(found == NOBODY, len(names), first))
    number = np.empty(len(found), np.int64)
    number[by_first] = np.arange(len(found))
    number[found == NOBODY] = NOBODY
    labels: Rows = number[inverse.reshape(-1)]
    order: Rows = found[by_first][: (found != NOBODY).sum()]
    return labels, order


def _checked(embeddings: NDArray[np.floating]) -> Vectors:
    """(n, d) of unit length; ValueError for what has no direction."""
    vectors = np.asarray(embeddings, np.float32)
    if vectors.size == 0:
        return np.empty((0, 1), np.float32)
    if vectors.ndim != 2:
        raise ValueError(f"Embeddings of shape {vectors.shape} were given; give (faces, numbers).")
    lengths = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(bad):
        raise ValueError(
            f"{len(bad)} of {len(vectors)} embeddings are zero or not finite, the first at position"
            f" {bad[0]}; analyse those photos again or leave the faces out."
        )
    # Adding zero turns -0 into 0: equal vectors get equal bytes.
    return unit(vectors) + np.float32(0)


def _column(values: ArrayLike | None, n: int, what: str, default: str) -> NDArray[np.generic]:
    column = np.full(n, default) if values is None else np.asarray(values)
    if column.shape != (n,):
        raise ValueError(f"{n} faces have {what} of shape {column.shape}; give one per face.")
    return column


def _weights(quality: ArrayLike | None, n: int) -> NDArray[np.float32]:
    """How much each face counts in the mean of its person."""
    given = np.ones(n) if quality is None else np.asarray(quality, float)
    if given.shape != (n,) or not np.isfinite(given).all():
        raise ValueError(f"{n} faces need {n} finite qualities, of shape ({n},).")
    # Squared, the poorer faces of a person count less: on LFW a tenth fewer corrections.
    weights: NDArray[np.float32] = np.square(np.clip(given, 0, 1)).astype(np.float32)
    return np.maximum(weights, FAINTEST)


def _canonical(vectors: Vectors, photo: Rows, weight: NDArray[np.float32], used: Rows) -> Rows:
    """The faces used, in an order that depends on what they are and not on where they stood.

    Sums of floats depend on their order, and so does who of two equals comes first.
    """
    rows = np.ascontiguousarray(vectors[used])
    raw = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).reshape(-1)
    rank = np.unique(raw, return_inverse=True)[1].reshape(-1)
    order: Rows = np.lexsort((weight[used], photo[used], rank))
    return used[order]


def _links(links: Links, used: Rows, n: int) -> Rows:
    """(m, 2) positions in our order; links of faces that are left out say nothing."""
    pairs = np.array(list(links), np.int64).reshape(-1, 2)
    if ((pairs < 0) | (pairs >= n)).any() or (pairs[:, 0] == pairs[:, 1]).any():
        raise ValueError(f"A link must name two different faces of 0 to {n - 1}.")
    position = np.full(n, NOBODY)
    position[used] = np.arange(len(used))
    pairs = position[pairs]
    kept: Rows = pairs[(pairs != NOBODY).all(axis=1)]
    return kept
