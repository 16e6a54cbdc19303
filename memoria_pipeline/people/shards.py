"""Grouping in parts: each part by itself, then what the parts have found among each other."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memoria_pipeline.people.attach import attach_weak, trusted
from memoria_pipeline.people.cluster import Grouping, described
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Groups, agglomerate
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.prepare import Faces, Links, prepare, start
from memoria_pipeline.people.thresholds import Thresholds


def cluster_shards(
    embeddings: NDArray[np.floating],
    photo: ArrayLike,
    quality: ArrayLike | None = None,
    *,
    shards: int,
    thresholds: Thresholds,
    quality_class: ArrayLike | None = None,
    cannot_link: Links = (),
    anchor: ArrayLike | None = None,
    rejected: Links = (),
) -> Grouping:
    """As `cluster`, but the photos are dealt into so many shards which are grouped one by one.

    Nothing of another shard is needed to group one: a machine gets the vectors, weights and photos
    of its faces and gives back a label for each. To join, each group is its sum, its size and its
    photos, a fraction of the faces, and meets the others as single faces do. Here it all happens in
    one process. Faces a human said something of wait for the join, where all that was said is
    known. Pairs may meet in another order than in one piece, so a face in doubt may end elsewhere.
    """
    faces = prepare(
        embeddings,
        photo,
        quality,
        quality_class,
        person=anchor,
        rejected=rejected,
        cannot_link=cannot_link,
    )
    own, sure = _joined(faces, shards, thresholds)
    return described(faces, own, sure, thresholds)


def _joined(faces: Faces, shards: int, thresholds: Thresholds) -> tuple[Rows, Rows]:
    """The name of each face's group, and the trusted groups."""
    groups, _ = start(faces)
    for rows in _dealt(faces, shards):
        shard = faces.vectors[rows], faces.weight[rows], faces.photo[rows]
        name = rows[shard_labels(*shard, thresholds.merge)]
        gone = name != rows
        if gone.any():
            groups.join(name[gone], rows[gone])
    agglomerate(groups, thresholds.merge, faces.strong)
    attach_weak(groups, faces, thresholds)
    return groups.label, trusted(groups, faces.vectors, thresholds)


def shard_labels(
    vectors: NDArray[np.float32], weight: NDArray[np.float32], photo: Rows, merge: float
) -> Rows:
    """(m,) the position of the face that names each face's group, of one shard's sharp faces.

    vectors: (m, d) unit rows. weight: (m,). photo: (m,) codes.
    """
    every = np.arange(len(vectors))
    groups = Groups(vectors * weight[:, None], every, np.unique(photo, return_inverse=True)[1])
    agglomerate(groups, merge, np.ones(len(every), bool))
    return groups.label


def _dealt(faces: Faces, shards: int) -> list[Rows]:
    """The sharp faces nothing was said of, in parts of whole photos next to each other."""
    if shards < 1:
        raise ValueError(f"{shards} shards were asked for; ask for 1 or more.")
    free = faces.strong & (faces.person == NOBODY)
    free[faces.cannot.reshape(-1)] = False
    photos = int(faces.photo.max(initial=NOBODY)) + 1
    part = faces.photo * shards // max(photos, 1)
    return [np.flatnonzero(free & (part == i)) for i in range(shards)]
