"""Groups of faces while they grow: their sums, and who may not meet."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.graph import Rows, distinct

Vectors = NDArray[np.float32]
Cosines = NDArray[np.float32]
CHUNK = 32_768
"""Pairs looked at together."""

GATHERED = 500_000
"""Numbers of the vectors gathered at once: 2 MB. Four times as many take twice as long."""


@dataclass(slots=True, eq=False)
class Groups:
    """Disjoint groups of faces, each named by one of its faces.

    sums: (n, d) quality-weighted sum of the unit vectors; valid in the rows that name a group.
    face, token: what a face may share with no other of its group: its photo, and one token for
        each cannot-link it is part of. Two groups with a token in common never meet.
    label: (n,) the name of each face's group.
    means: (n, d) the sums at unit length. size: (n,) faces of the group. mass: (n,) the lengths of
        what was summed, one after the other.
    """

    sums: Vectors
    face: Rows
    token: Rows
    label: Rows = field(init=False)
    means: Vectors = field(init=False)
    size: Rows = field(init=False)
    mass: Cosines = field(init=False)
    _held: Rows = field(init=False)
    _first: Rows = field(init=False)
    _width: int = field(init=False)

    def __post_init__(self) -> None:
        self.label = np.arange(len(self.sums))
        self.means = unit(self.sums)
        self.mass = lengths(self.sums)
        self.size = np.ones(len(self.sums), np.int64)
        self._width = int(self.token.max(initial=0)) + 1
        self._index_tokens()

    def join(self, keep: Rows, gone: Rows) -> None:
        """Each group in `gone` becomes part of the one beside it in `keep`.

        A group may be kept for several others; none is gone twice, or gone and kept.
        """
        order = np.argsort(keep, kind="stable")
        kept, start = np.unique(keep[order], return_index=True)
        for some, faces, first in _gathered(kept, gone[order], start, self.sums.shape[1]):
            sums = self.sums[some] + np.add.reduceat(self.sums[faces], first)
            self.sums[some], self.means[some] = sums, unit(sums)
        self.size[kept] += np.add.reduceat(self.size[gone[order]], start)
        self.mass[kept] += np.add.reduceat(self.mass[gone[order]], start)
        target = np.arange(len(self.sums))
        target[gone] = keep
        self.label = target[self.label]
        self._index_tokens()

    def forget(self, token: int) -> None:
        """From now on groups that share this token may meet."""
        keep = self.token != token
        self.face, self.token = self.face[keep], self.token[keep]
        self._index_tokens()

    def names(self) -> Rows:
        """(k,) the groups that are left."""
        return np.flatnonzero(self.label == np.arange(len(self.label)))

    def compact(self, names: Rows) -> Cosines:
        """(k,) 1 of a group whose faces are all the same, less the more they differ."""
        compact = np.ones(len(names), np.float32)
        several = self.size[names] > 1  # at first none are, and their sums are all there is
        some = names[several]
        mass = np.maximum(self.mass[some], np.float32(1e-30))
        compact[several] = np.divide(lengths(self.sums[some]), mass, dtype=np.float32)
        return compact

    def cosine(self, a: Rows, b: Rows) -> Cosines:
        """Cosine between the sums of groups, pair by pair."""
        cosine = np.empty(len(a), np.float32)
        step = max(1, GATHERED // self.means.shape[1])
        for i in range(0, len(a), step):
            part = slice(i, i + step)
            cosine[part] = np.einsum("nd,nd->n", self.means[a[part]], self.means[b[part]])
        return cosine

    def may_meet(self, a: Rows, b: Rows) -> NDArray[np.bool_]:
        """False where two groups share a photo or a cannot-link."""
        allowed = np.empty(len(a), bool)
        for i in range(0, len(a), CHUNK):
            part = slice(i, i + CHUNK)
            allowed[part] = self._apart(a[part], b[part])
        return allowed

    def _apart(self, a: Rows, b: Rows) -> NDArray[np.bool_]:
        """Looks up the tokens of the group with fewer of them among those of the other."""
        count = np.diff(self._first)
        swap = count[a] > count[b]
        pair, token = self._tokens_of(np.where(swap, b, a))
        wanted = np.where(swap, a, b)[pair] * self._width + token
        at = np.searchsorted(self._held, wanted)
        shared = self._held[np.minimum(at, len(self._held) - 1)] == wanted
        apart = np.ones(len(a), bool)
        apart[pair[shared]] = False
        return apart

    def first_come(self, keep: Rows, gone: Rows) -> NDArray[np.bool_]:
        """Which of the groups in `gone` may all join theirs in `keep`: one token, one taker."""
        pair, token = self._tokens_of(gone)
        _, first = np.unique(keep[pair] * self._width + token, return_index=True)
        late = np.ones(len(pair), bool)
        late[first] = False
        welcome = np.ones(len(gone), bool)
        welcome[pair[late]] = False
        return welcome

    def _tokens_of(self, names: Rows) -> tuple[Rows, Rows]:
        """Position in `names` and token, for each token of each group."""
        count = np.diff(self._first)[names]
        pair = np.repeat(np.arange(len(names)), count)
        from_end = np.arange(len(pair)) - np.repeat(np.cumsum(count), count)
        return pair, self._held[self._first[names + 1][pair] + from_end] % self._width

    def _index_tokens(self) -> None:
        """Every (group, token) as one sorted number, and where each group's begin."""
        self._held = distinct(self.label[self.face] * self._width + self.token)
        self._first = np.searchsorted(self._held, np.arange(len(self.sums) + 1) * self._width)


def _gathered(kept: Rows, gone: Rows, start: Rows, d: int) -> Iterator[tuple[Rows, Rows, Rows]]:
    """Some of those kept, those of `gone` that they take, and where each one's begin.

    start: where each one's begin in all of `gone`. So many that their vectors are not much at once.
    """
    part = start * d // GATHERED
    cuts = [*np.flatnonzero(np.diff(part, prepend=-1)).tolist(), len(start)]
    ends = np.append(start, len(gone))
    for i, j in pairwise(cuts):
        yield kept[i:j], gone[ends[i] : ends[j]], start[i:j] - start[i]


def unit(vectors: Vectors) -> Vectors:
    """Each row of (n, d) at length 1; a row of zeros, as faces that cancel out sum to, stays so."""
    at_least = np.maximum(lengths(vectors), np.float32(1e-30))
    at_unit: Vectors = np.divide(vectors, at_least[:, None], dtype=np.float32)
    return at_unit


def lengths(vectors: Vectors) -> Cosines:
    """(n,) of the rows of (n, d)."""
    found: Cosines = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    return found
