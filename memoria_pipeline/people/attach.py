"""Weak and left-over faces join the people that are sure, photo by photo."""

import numpy as np

from memoria_pipeline.people.confidence import group_sums
from memoria_pipeline.people.graph import Found, Rows, above, joined
from memoria_pipeline.people.linkage import Cosines, Groups, Vectors
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.prepare import Faces
from memoria_pipeline.people.thresholds import Thresholds

BLOCK = 2_000_000
"""Cosines in memory at once: 8 MB."""


def attach_weak(groups: Groups, faces: Faces, thresholds: Thresholds) -> None:
    """Blurred faces that are with nobody yet join who is sure, or very like them; in place.

    So do persons of whom no sharp face is known, as where a human confirmed one of class C.
    """
    attach_to_sure(groups, faces, thresholds)
    # The rest may meet a person who is not sure, but no more easily than two cores do, and never
    # each other: blurred faces look alike, whoever they are. Sharp faces that are left over get no
    # looser threshold: on LFW .42 in place of .44 cost .001 of precision for .0005 of recall.
    hosts = np.unique(groups.label[faces.strong])
    loose = np.setdiff1d(groups.names(), hosts)
    attach(groups, loose, hosts, faces.photo, thresholds.merge, thresholds.margin)


def attach_to_sure(groups: Groups, faces: Faces, thresholds: Thresholds) -> None:
    """Blurred faces join trusted groups, from a looser threshold on; in place."""
    weak = _weak(groups, faces)
    hosts = np.setdiff1d(trusted(groups, faces.vectors, thresholds), weak)
    attach(groups, weak, hosts, faces.photo, thresholds.attach, thresholds.margin)


def _weak(groups: Groups, faces: Faces) -> Rows:
    """The groups that may attach: with a weak face, and without one that may seed a person."""
    return np.setdiff1d(groups.label[faces.weak], groups.label[faces.strong])


def trusted(groups: Groups, vectors: Vectors, thresholds: Thresholds) -> Rows:
    """The groups with enough faces that are alike enough among each other; vectors are unit rows.

    The mean cosine of a group's pairs is (|sum|² - n) / (n (n - 1)), here with all faces counting
    the same: it judges how tight the group is, not where its middle lies.
    """
    names = groups.names()
    names = names[groups.size[names] >= max(thresholds.trust_faces, 2)]
    if not len(names):
        return names
    code = np.full(len(groups.label), NOBODY)
    code[names] = np.arange(len(names))
    sums = group_sums(vectors, np.ones(len(vectors), np.float32), code[groups.label])
    sums = sums.astype(np.float64)
    n = groups.size[names]
    tightness = (np.einsum("nd,nd->n", sums, sums) - n) / (n * (n - 1))
    sure: Rows = names[tightness >= thresholds.trust]
    return sure


def attach(
    groups: Groups, loose: Rows, hosts: Rows, photo: Rows, threshold: float, margin: float
) -> None:
    """Each loose face joins at most one host, each host takes at most one face per photo; in place.

    loose: groups, mostly of one face; they go by the photo of the face that names them. hosts:
    groups that may take them in. photo: (n,) of each face.
    A face joins the host that the best one-to-one assignment of its photo gives it, from the
    threshold on, and only if no host that is still free in its photo comes within the margin.
    All are compared with the hosts as they were, so the order of the photos does not matter.
    """
    near = _near(groups, loose, hosts, threshold - margin)
    chosen = [_assign(*part, threshold, margin) for part in _by_photo(*near, photo)]
    face, host, cosine = joined(chosen)
    order = np.lexsort((face, host, -cosine))
    face, host = face[order], host[order]
    welcome = groups.first_come(host, face)  # only cannot-links between photos still matter here
    if welcome.any():
        groups.join(host[welcome], face[welcome])


def nearest(groups: Groups, loose: Rows, hosts: Rows, threshold: float) -> tuple[Rows, Rows]:
    """The loose groups that may meet a host and are as much alike, and the nearest host of each."""
    face, host, cosine = _near(groups, loose, hosts, threshold)
    order = np.lexsort((host, -cosine, face))
    face, first = np.unique(face[order], return_index=True)
    return face, host[order][first]


def _near(groups: Groups, loose: Rows, hosts: Rows, floor: float) -> Found:
    """Face, host and cosine of all that may meet and are at least `floor` alike."""
    found: list[Found] = []
    means = groups.means[hosts]
    step = max(1, BLOCK // max(len(hosts), 1))
    for i in range(0, len(loose), step):
        row, column, cosine = above(groups.means[loose[i : i + step]] @ means.T, floor)
        keep = groups.may_meet(loose[i + row], hosts[column])
        found.append((loose[i + row[keep]], hosts[column[keep]], cosine[keep]))
    return joined(found)


def _by_photo(face: Rows, host: Rows, cosine: Cosines, photo: Rows) -> list[Found]:
    order = np.argsort(photo[face], kind="stable")
    cuts = np.flatnonzero(np.diff(photo[face[order]])) + 1
    parts = np.split(order, cuts) if len(order) else []
    return [(face[part], host[part], cosine[part]) for part in parts]


def _assign(face: Rows, host: Rows, cosine: Cosines, threshold: float, margin: float) -> Found:
    """The best one-to-one assignment of one photo, less what is too far or too close a call."""
    from scipy.optimize import linear_sum_assignment  # a third of a CPU-second to import

    faces, i = np.unique(face, return_inverse=True)
    hosts, j = np.unique(host, return_inverse=True)
    table = np.full((len(faces), len(hosts)), -1.0)
    table[i, j] = cosine
    # Below the threshold nothing is gained, so that such a pair never displaces a good one.
    row, column = linear_sum_assignment(np.where(table >= threshold, table, 0), maximize=True)
    good = table[row, column] >= threshold
    row, column = row[good], column[good]
    free = np.ones(len(hosts), bool)
    free[column] = False
    rival = np.where(free, table, -1.0).max(axis=1)[row]
    clear = table[row, column] - rival >= margin
    row, column = row[clear], column[clear]
    return faces[row], hosts[column], table[row, column].astype(np.float32)
