"""Two faces of one photo that came to one person by no run: which of them has to look elsewhere."""

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Vectors
from memoria_pipeline.people.measure import NOBODY

Flags = NDArray[np.bool_]


def surplus(vectors: Vectors, photo: Rows, person: Rows, pinned: Flags) -> Rows:
    """Positions of the faces that a machine has to place anew: a photo shows their person already.

    No run puts two faces of one photo into one person, but a human may bring that about: a merge
    that counts again takes along whom runs placed meanwhile, and whoever is confirmed may stand
    beside somebody whom a machine took for the same. vectors: (n, d) of unit length. photo, person:
    (n,) codes, -1 is nobody. pinned: (n,) faces that humans decided on: these stay, even two
    (a mirror). Without any the face stays that is most like the person's faces in other photos.
    """
    known = np.flatnonzero(person != NOBODY)
    both = np.stack([person[known], photo[known]], axis=1)
    _, group, size = np.unique(both, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    crowded = np.unique(group[(size[group] > 1) & ~pinned[known]])
    found = [_surplus(known[group == each], vectors, photo, person, pinned) for each in crowded]
    return np.sort(np.concatenate([*found, np.empty(0, np.int64)]))


def _surplus(those: Rows, vectors: Vectors, photo: Rows, person: Rows, pinned: Flags) -> Rows:
    """Of these faces of one photo and one person."""
    loose = those[~pinned[those]]
    if len(loose) < len(those):
        return loose
    elsewhere = (person == person[those[0]]) & (photo != photo[those[0]])
    return np.delete(loose, np.argmax(vectors[loose] @ vectors[elsewhere].sum(axis=0)))
