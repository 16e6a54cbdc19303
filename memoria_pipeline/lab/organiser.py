"""A perfect organiser: answers every question from the truth, one answer at a time.

One answer is one yes or no about one pair of persons, or one set of faces split off a person (or
that none is), for every way of asking alike. A face is in the right person when it is of the
identity that owns its person (whom most of the faces are, as `measure.corrections` has it), and
that person is the identity's largest.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from memoria_pipeline.people.linkage import Groups, Vectors, unit
from memoria_pipeline.people.suggest import Question, Standing, questions
from memoria_pipeline.people.thresholds import Thresholds

Index = NDArray[np.int64]

PATIENCE = 10
"""Answers between two looks at the queue, about."""

GONE = np.float32(-2)
"""The cosine of a pair that is no question any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One event: (n, d) unit vectors, photo, quality, the start's labels 0 … k-1, and the truth."""

    vectors: Vectors
    photo: Index
    quality: NDArray[np.float64]
    person: Index
    truth: Index


@dataclass(slots=True, eq=False)
class Review:
    """A scene under review: what was answered so far, and what came of it.

    reached: share of the faces in the right person after 0, 1, … answers. screens: questions shown
    until then.
    """

    scene: Scene
    person: Index = field(init=False)
    checked: NDArray[np.bool_] = field(init=False)
    rejected: set[tuple[int, int]] = field(default_factory=set)
    reached: list[float] = field(default_factory=list)
    screens: list[int] = field(default_factory=list)
    _shown: int = 0

    def __post_init__(self) -> None:
        self.person = self.scene.person.copy()
        self.checked = np.zeros(len(self.person), bool)
        self.reached.append(right(self.person, self.scene.truth))
        self.screens.append(0)

    @property
    def answers(self) -> int:
        return len(self.reached) - 1

    def standing(self) -> Standing:
        """What the queue is made from."""
        k = int(self.person.max()) + 1
        never = np.zeros(k, bool)
        apart = np.array(sorted(self.rejected), np.int64).reshape(-1, 2)
        scene = self.scene
        return Standing(
            scene.vectors,
            scene.photo,
            scene.quality,
            self.person,
            self.checked,
            never,
            never,
            apart,
        )

    def answer(self, question: Question) -> None:
        """All of one screen; what has become plain by then is skipped."""
        first, *others = question.persons
        if question.kind == "mixed":
            self._shown += 1
            self._look_through(first)
            return
        self._shown += any(self._open(first, other) for other in others)
        for other in others:
            if self._open(first, other):
                self._same(first, other)

    def _open(self, a: int, b: int) -> bool:
        """Both are there, and nothing keeps them apart."""
        left, right_ = np.flatnonzero(self.person == a), np.flatnonzero(self.person == b)
        if not len(left) or not len(right_):
            return False
        shared = np.isin(self.scene.photo[left], self.scene.photo[right_]).any()
        said = any((int(f), b) in self.rejected for f in left)
        return not (shared or said or any((int(f), a) in self.rejected for f in right_))

    def _same(self, a: int, b: int) -> None:
        """A yes joins them; a no holds for the faces of b that are not a, wherever they go."""
        owner = self._owner(a)
        if owner == self._owner(b):
            self.person[self.person == b] = a
            self.rejected = {(face, a if p == b else p) for face, p in self.rejected}
            self._count(changed=True)
            return
        strangers = np.flatnonzero((self.person == b) & (self.scene.truth != owner))
        self.rejected.update((int(face), a) for face in strangers)
        self._count(changed=False)

    def _owner(self, person: int) -> int:
        return int(owners(self.person, self.scene.truth)[person])

    def _look_through(self, person: int) -> None:
        """Split off every other identity, one answer each; what stays was looked at."""
        faces = np.flatnonzero(self.person == person)
        owner = self._owner(person)
        others = np.setdiff1d(self.scene.truth[faces], owner)
        for other in others:
            gone = faces[self.scene.truth[faces] == other]
            self.person[gone] = int(self.person.max()) + 1
            self.rejected.update((int(face), person) for face in gone)
            self._count(changed=True)
        if not len(others):
            self._count(changed=False)
        self.checked[faces] = True

    def _count(self, *, changed: bool) -> None:
        now = right(self.person, self.scene.truth) if changed else self.reached[-1]
        self.reached.append(now)
        self.screens.append(self._shown)


def by_queue(scene: Scene, thresholds: Thresholds, until: float, most: int) -> Review:
    """The review as `suggest.questions` leads it, until that share is right or nothing is left."""
    review = Review(scene)
    while review.reached[-1] < until and review.answers < most:
        queue = questions(review.standing(), thresholds, PATIENCE, kinds=("same_person", "mixed"))
        if not queue.questions:
            break
        before = review.answers
        for question in queue.questions:
            if review.answers < before + PATIENCE:
                review.answer(question)
    return review


def by_similarity(scene: Scene, until: float, most: int) -> list[float]:
    """Share right after 0, 1, … answers when the two persons most alike are asked about next.

    The means are those of the persons as they are after each yes; a no is remembered, also for
    what the two are merged with; persons that share a photo are never asked about.
    """
    person = scene.person.copy()
    reached = [right(person, scene.truth)]
    for a, b, same in _pairs_by_similarity(scene, person):
        if same:
            person[person == b] = a
        reached.append(right(person, scene.truth) if same else reached[-1])
        if reached[-1] >= until or len(reached) > most:
            break
    return reached


def _pairs_by_similarity(scene: Scene, person: Index) -> Iterator[tuple[int, int, bool]]:
    """Pairs of persons, most alike first, and whether they are one. `person` follows the caller."""
    k = int(person.max()) + 1
    weight = np.maximum(np.square(np.clip(scene.quality, 0, 1)), 0.05).astype(np.float32)
    sums = np.zeros((k, scene.vectors.shape[1]), np.float32)
    np.add.at(sums, person, scene.vectors * weight[:, None])
    groups = Groups(sums, person, scene.photo)
    owner = owners(person, scene.truth)
    apart = np.zeros((k, k), bool)
    np.fill_diagonal(apart, True)
    a, b = np.triu_indices(k, 1)
    closed = ~groups.may_meet(a, b)
    apart[a[closed], b[closed]] = apart[b[closed], a[closed]] = True
    means = unit(sums)
    cosine = np.where(apart, GONE, means @ means.T).astype(np.float32)
    nearest = cosine.max(axis=1)
    while nearest.max(initial=GONE) > GONE:
        one = int(np.argmax(nearest))
        other = int(np.argmax(cosine[one]))
        same = bool(owner[one] == owner[other])
        yield one, other, same
        cosine[one, other] = cosine[other, one] = GONE
        apart[one, other] = apart[other, one] = True
        if same:
            apart[one] |= apart[other]
            apart[:, one] = apart[one]
            apart[other] = apart[:, other] = True
            sums[one] += sums[other]
            means[one] = unit(sums[one : one + 1])[0]
            cosine[one] = cosine[:, one] = np.where(apart[one], GONE, means @ means[one])
            cosine[other] = cosine[:, other] = GONE
            nearest = cosine.max(axis=1)
        nearest[[one, other]] = cosine[[one, other]].max(axis=1)


def owners(person: Index, truth: Index) -> Index:
    """(k,) whom most of each person's faces are; -1 for a number that nobody has."""
    rows, columns, _ = _most(person, truth)
    found = np.full(int(person.max()) + 1, -1)
    found[rows] = columns
    return found


def right(person: Index, truth: Index) -> float:
    """Share of the faces that are in the right person."""
    _, owner, count = _most(person, truth)
    largest = np.zeros(int(truth.max(initial=-1)) + 1, np.int64)
    np.maximum.at(largest, owner, count)
    return float(largest.sum() / max(len(truth), 1))


def _most(person: Index, truth: Index) -> tuple[Index, Index, Index]:
    """Per person that is there: its number, its owner, and how many faces are the owner's."""
    table = coo_array((np.ones(len(truth), np.int64), (person, truth)))
    table.sum_duplicates()
    share = table.data / np.bincount(truth)[table.col]
    order = np.lexsort((table.col, -share, -table.data, table.row))
    rows, first = np.unique(table.row[order], return_index=True)
    chosen = order[first]
    return rows.astype(np.int64), table.col[chosen].astype(np.int64), table.data[chosen]
