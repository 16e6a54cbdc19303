"""A perfect organiser: answers every question from the truth of the faces that it shows.

One answer is one yes or no about one pair of persons, one face that is split off a person, or that
none is, for every way of asking alike. A face is in the right person when it is of the identity
that owns its person (whom most of the faces are, as `measure.corrections` has it), and that person
is the identity's largest.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from memoria_pipeline.people.linkage import Vectors
from memoria_pipeline.people.standing import Standing
from memoria_pipeline.people.suggest import Question, questions
from memoria_pipeline.people.thresholds import Thresholds

Index = NDArray[np.int64]

PATIENCE = 10
"""Answers between two looks at the queue, about."""


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
        if question.kind == "mixed":
            self._shown += 1
            self._look_through(question.persons[0], np.array(question.faces))
            return
        (first, *others), (best, *shown) = question.persons, question.faces
        asked = self.answers
        for other, face in zip(others, shown, strict=True):
            if self._open(first, other) and self.person[[best, face]].tolist() == [first, other]:
                self._shown += self.answers == asked
                self._same(best, face)

    def _open(self, a: int, b: int) -> bool:
        """Both are there, and nothing keeps them apart."""
        left, right_ = np.flatnonzero(self.person == a), np.flatnonzero(self.person == b)
        if not len(left) or not len(right_):
            return False
        shared = np.isin(self.scene.photo[left], self.scene.photo[right_]).any()
        said = any((int(f), b) in self.rejected for f in left)
        return not (shared or said or any((int(f), a) in self.rejected for f in right_))

    def _same(self, best: int, face: int) -> None:
        """Of two faces: a yes joins their persons; a no holds for the second, wherever it goes."""
        a, b = int(self.person[best]), int(self.person[face])
        same = bool(self.scene.truth[best] == self.scene.truth[face])
        if same:
            self.person[self.person == b] = a
            self.rejected = {(each, a if p == b else p) for each, p in self.rejected}
        else:
            self.rejected.add((face, a))
        self._count(changed=same)

    def _look_through(self, person: int, shown: Index) -> None:
        """Split off every other identity, one answer for each face; what stays was looked at."""
        faces = shown[self.person[shown] == person]
        truth = self.scene.truth
        others = faces[truth[faces] != owners(self.person, truth)[person]]
        for other in np.unique(truth[others]):
            gone, name = others[truth[others] == other], int(self.person.max()) + 1
            self.rejected.update((int(face), person) for face in gone)
            for face in gone:
                self.person[face] = name
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
