"""New photos of an event: new faces → the persons who are there, who stay as they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memoria_pipeline.people.attach import attach, attach_to_sure, attach_weak, nearest, trusted
from memoria_pipeline.people.cluster import Grouping, described
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Groups, agglomerate
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.prepare import Faces, Links, prepare, start
from memoria_pipeline.people.thresholds import Thresholds

STRICT = 0.3
"""Two persons who are there meet only when they are more alike than the threshold, by this share of
the way from it to 1: what was shown to people is not taken back lightly. On LFW, a tenth coming
last, 0.2 changes the mates of 0.36 % of the faces with dlib's pack, and 0.3 of 0.003 %, at the same
F; with InsightFace's nobody's either way."""


Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Extended:
    """grouping: of all faces, old and new. continues: (k,) the code of the person that each group
    was before, of the one with most faces where two were merged; -1 for someone new."""

    grouping: Grouping
    continues: NDArray[np.int64]


def extend(
    embeddings: NDArray[np.floating],
    photo: ArrayLike,
    quality: ArrayLike | None = None,
    *,
    person: ArrayLike,
    thresholds: Thresholds,
    quality_class: ArrayLike | None = None,
    reviewed: ArrayLike | None = None,
    rejected: Links = (),
    cannot_link: Links = (),
    unseen: float | None = None,
) -> Extended:
    """Find the persons of the faces that have none yet; every other face keeps its own.

    embeddings, photo, quality, quality_class: of all faces, as in `cluster`. person: (n,) the code
    of each face's person, or -1. reviewed: (codes,) bool, persons a human has looked at; None is
    nobody. Two other persons may become one where new faces show that they are; nobody who is
    reviewed ever does, and new faces join them only by a margin over the runner-up. rejected: pairs
    of a face and the code of a person who it is not. cannot_link: pairs of faces; what persons
    there are goes before it. unseen: there are others who are not given, less like a new face than
    this cosine.

    Faces of class C without a person stay in no group. The people do not depend on the order of the
    faces. Raises ValueError as `cluster` does, and where `reviewed` is too short.
    """
    faces = prepare(
        embeddings,
        photo,
        quality,
        quality_class,
        person=person,
        rejected=rejected,
        cannot_link=cannot_link,
    )
    own, sure = _extended(faces, _reviewed(reviewed, faces.person), thresholds)
    found = described(faces, own, sure, thresholds, unseen=unseen)
    return Extended(found, _continues(found.labels[faces.used], faces.person))


def _extended(faces: Faces, kept: Flags, thresholds: Thresholds) -> tuple[Rows, Rows]:
    """The name of each face's group, and the trusted groups; their sums are free afterwards."""
    groups, known = start(faces)
    _place(groups, faces, thresholds)
    doubtful = _doubtful(groups, faces, kept, thresholds)
    _join(groups, faces, kept, doubtful, thresholds)
    _merge_known(groups, faces, kept | doubtful, known, thresholds)
    return groups.label, trusted(groups, faces.vectors, thresholds)


def _reviewed(reviewed: ArrayLike | None, person: Rows) -> Flags:
    """(m,) faces of persons whom a human has looked at."""
    codes = int(person.max(initial=NOBODY)) + 1
    flags = np.zeros(codes, bool) if reviewed is None else np.asarray(reviewed, bool)
    if flags.ndim != 1 or len(flags) < codes:
        raise ValueError(f"Person codes go up to {codes - 1}; give `reviewed` for each of them.")
    of_face: Flags = np.append(flags, False)[person]
    return of_face


def _place(groups: Groups, faces: Faces, thresholds: Thresholds) -> None:
    """Each new face against the persons, photo by photo; sharp and blurred ones at once."""
    old = faces.person != NOBODY
    hosts = np.unique(groups.label[old & faces.strong])
    loose = np.flatnonzero(~old)
    attach(groups, loose, hosts, faces.photo, thresholds.merge, thresholds.margin)
    attach_to_sure(groups, faces, thresholds)


def _doubtful(groups: Groups, faces: Faces, kept: Flags, thresholds: Thresholds) -> Flags:
    """(m,) sharp new faces nearest to a reviewed person, but too close a call: a human is asked.

    The runner-up does not get them either.
    """
    left = np.setdiff1d(_fresh(faces), np.flatnonzero(groups.size[groups.label] > 1))
    hosts = np.unique(groups.label[(faces.person != NOBODY) & faces.strong])
    face, host = nearest(groups, left, hosts, thresholds.merge)
    found = np.zeros(len(kept), bool)
    found[face[np.isin(host, groups.label[kept])]] = True
    return found


def _join(
    groups: Groups, faces: Faces, kept: Flags, doubtful: Flags, thresholds: Thresholds
) -> None:
    """What is left over meets, and may join one person each whom nobody has reviewed; two persons
    do not meet here. Without a margin nobody joins who a human has looked at."""
    seeds = faces.strong & ~np.isin(groups.label, groups.label[kept])
    fresh = _fresh(faces)
    agglomerate(groups, thresholds.merge, seeds & ~doubtful, fresh)
    if doubtful.any():
        known = np.isin(groups.label, groups.label[faces.person != NOBODY])
        agglomerate(groups, thresholds.merge, seeds & ~known, np.flatnonzero(doubtful))
    attach_weak(groups, faces, thresholds)


def _merge_known(
    groups: Groups, faces: Faces, kept: Flags, known: int, thresholds: Thresholds
) -> None:
    """Persons whom no human has looked at, and whom new faces have made more alike."""
    groups.forget(known)
    grown = np.unique(groups.label[_fresh(faces)])
    seeds = faces.strong & ~np.isin(groups.label, groups.label[kept])
    fresh = np.flatnonzero(seeds & np.isin(groups.label, grown))
    strict = thresholds.merge + STRICT * (1 - thresholds.merge)
    agglomerate(groups, strict, seeds, fresh)


def _fresh(faces: Faces) -> Rows:
    """The new faces that may seed a person."""
    return np.flatnonzero((faces.person == NOBODY) & faces.strong)


def _continues(labels: Rows, person: Rows) -> Rows:
    """(k,) the person with most faces in each group; at a tie the smaller code."""
    found = np.full(int(labels.max(initial=NOBODY)) + 1, NOBODY)
    old = person != NOBODY
    pairs, count = np.unique(np.stack([labels[old], person[old]]), axis=1, return_counts=True)
    best = np.lexsort((-pairs[1], count))  # the last one of a group wins
    found[pairs[0][best]] = pairs[1][best]
    return found
