"""Faces that may not be of their person."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from memoria_pipeline.people import mixed as room
from memoria_pipeline.people.mixed import Mixed, mixed
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event
from memoria_pipeline_tests.people.test_confidence import CERTAINTY

SURE = replace(THRESHOLDS, certainty=CERTAINTY)
GUESTS = event(people=20, each=4)
N = len(GUESTS.truth)


def looked_at(
    vectors: NDArray[np.float32] = GUESTS.vectors,
    person: NDArray[np.int64] = GUESTS.truth,
    photo: NDArray[np.int64] = GUESTS.photo,
) -> Mixed:
    return mixed(vectors, np.ones(N, np.float32), photo, person, np.zeros(N, bool), SURE)


def test_a_face_in_the_wrong_person_is_doubted_most() -> None:
    person = GUESTS.truth.copy()
    person[7] = (person[7] + 1) % 20
    found = looked_at(person=person)
    assert found.doubt.argmax() == 7
    assert found.person[found.wrong.argmax()] == person[7]


def test_a_look_alike_in_the_same_photo_is_no_rival() -> None:
    one, other = np.flatnonzero(GUESTS.truth == 0), np.flatnonzero(GUESTS.truth == 1)
    vectors = GUESTS.vectors.copy()
    vectors[other] = 0.9 * vectors[one] + 0.4 * vectors[other]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    together = GUESTS.photo.copy()
    together[one] = together[other] = 1000 + np.arange(4)
    apart = together.copy()
    apart[one] += 10
    doubt = [looked_at(vectors, photo=photo).doubt[one] for photo in (together, apart)]
    assert (doubt[0] < 0.5 * doubt[1]).all()


def test_of_many_faces_those_least_like_their_person_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = GUESTS.truth.copy()
    person[70] = (person[70] + 1) % 20
    every = looked_at(person=person).doubt
    monkeypatch.setattr(room, "SUSPECTS", 10)
    few = looked_at(person=person).doubt
    assert (few > 0).sum() == 10
    assert few[70] == pytest.approx(every[70])


def test_faces_of_nobody_and_persons_without_a_face_are_left_out() -> None:
    person = np.where(GUESTS.truth == 3, -1, GUESTS.truth)
    found = looked_at(person=person)
    assert (found.doubt[person < 0] == 0).all()
    assert 3 not in found.person
