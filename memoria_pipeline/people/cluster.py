"""Faces → people: constrained centroid linkage; HDBSCAN beside it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memoria_pipeline.people.attach import attach_weak, trusted
from memoria_pipeline.people.confidence import NONE, evidence, probability
from memoria_pipeline.people.density import Density, density_labels
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import agglomerate
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.near import Near, near
from memoria_pipeline.people.prepare import FAINTEST as FAINTEST
from memoria_pipeline.people.prepare import Faces, Links, prepare, start
from memoria_pipeline.people.support import SHOWN, supporters
from memoria_pipeline.people.thresholds import Thresholds

Method = Literal["constrained", "hdbscan"]


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


def cluster(
    embeddings: NDArray[np.floating],
    photo: ArrayLike,
    quality: ArrayLike | None = None,
    *,
    thresholds: Thresholds,
    quality_class: ArrayLike | None = None,
    cannot_link: Links = (),
    must_link: Links = (),
    anchor: ArrayLike | None = None,
    rejected: Links = (),
    method: Method = "constrained",
    density: Density | None = None,
    workers: int | None = None,
) -> Grouping:
    """Group the faces of one event into people.

    embeddings: (n, d), any length but zero; cosine counts. photo: (n,) whatever names the photo:
    two faces of one photo are two people, unless must_link joins them. quality: (n,) in [0, 1],
    weighs the face in the mean of its person; None counts all the same. quality_class: (n,) of A
    (seeds people), B (only attaches), C (left out); None is A. cannot_link, must_link: pairs of
    face positions. anchor: (n,) the code of the person a human says the face is, or -1: faces of
    one code are one group whatever their photos, links and class say, and groups of different codes
    never meet. rejected: pairs of a face position and the code of a person whom it is not.
    density: settings of method="hdbscan", which knows neither photos nor links nor persons.
    workers: cores that share the work, None is all that there are; the people are the same.

    The people do not depend on the order of the faces; only their numbers do. A person of one face
    is a person. Raises ValueError for what cannot be grouped: another number of photos than faces,
    vectors that are zero or not finite, links that contradict each other.
    """
    faces = prepare(
        embeddings,
        photo,
        quality,
        quality_class,
        person=anchor,
        rejected=rejected,
        cannot_link=cannot_link,
        must_link=must_link,
    )
    if method == "hdbscan":
        own = density_labels(faces.vectors, density or Density())
        return described(faces, own, np.empty(0, np.int64), thresholds, workers=workers)
    alike = near(faces.vectors, thresholds.merge, workers)
    own, sure = _constrained(faces, thresholds, alike, workers)
    return described(faces, own, sure, thresholds, alike, workers)


def _constrained(
    faces: Faces, thresholds: Thresholds, alike: Near, workers: int | None
) -> tuple[Rows, Rows]:
    """The name of each face's group, and the trusted groups; their sums are free afterwards."""
    groups, _ = start(faces)
    agglomerate(groups, thresholds.merge, faces.strong, near=alike, workers=workers)
    attach_weak(groups, faces, thresholds)
    return groups.label, trusted(groups, faces.vectors, thresholds)


def described(
    faces: Faces,
    own: Rows,
    sure: Rows,
    thresholds: Thresholds,
    alike: Near | None = None,
    workers: int | None = None,
    unseen: float | None = None,
) -> Grouping:
    """What is said of faces in groups named `own`, in the caller's order; `sure` are trusted.

    alike: pairs of the faces, where they are known and nobody is in no group. unseen: the cosine
    that a rival has who is not among them.
    """
    used, weight = faces.used, faces.given
    names = np.full(len(weight), NOBODY)
    names[used] = own
    labels, order = _numbered(names)
    somebody = own != NOBODY
    # Of all, a view: a copy of 100,000 vectors is 200 MB.
    inside = slice(None) if somebody.all() else np.flatnonzero(somebody)
    put = faces.vectors[inside], faces.weight[inside], labels[used[inside]], faces.photo[inside]
    with_own, rival = evidence(*put, alike, workers)
    sides = with_own, rival if unseen is None else np.maximum(rival, np.float32(unseen))
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
