"""Faces that are in one photo twice."""

import numpy as np

from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Vectors, unit
from memoria_pipeline.people.twins import CROWD, photos, twins
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

GUESTS = event(people=50, each=4)


def copies(face: int, number: int) -> Vectors:
    """So many other faces of the same person, as a mirror or a poster shows them."""
    noise = 0.04 * np.random.default_rng(face).normal(size=(number, GUESTS.vectors.shape[1]))
    return unit((GUESTS.vectors[face] + noise).astype(np.float32))


def with_copies(faces: list[int], number: int = 1) -> tuple[Vectors, Rows]:
    """The guests, and in the photos of some of them further faces of theirs at the end."""
    more = [copies(face, number) for face in faces]
    return (
        np.concatenate([GUESTS.vectors, *more]),
        np.concatenate([GUESTS.photo, np.repeat(GUESTS.photo[faces], number)]),
    )


def test_strangers_in_one_photo_are_no_question() -> None:
    assert twins(GUESTS.vectors, GUESTS.photo, None, THRESHOLDS) == []
    assert twins(GUESTS.vectors[:0], GUESTS.photo[:0], None, THRESHOLDS) == []


def test_a_mirror_is_a_question_with_its_likeness() -> None:
    vectors, photo = with_copies([7])
    [twin] = twins(vectors, photo, None, THRESHOLDS)
    assert (twin.a, twin.b) == (7, 200)
    assert twin.cosine > THRESHOLDS.merge
    assert twin.p > 0.9
    assert not twin.collage


def test_three_copies_of_a_face_are_two_questions() -> None:
    vectors, photo = with_copies([7], 2)
    found = twins(vectors, photo, None, THRESHOLDS)
    assert len(found) == 2
    assert {7, 200, 201} == {face for twin in found for face in (twin.a, twin.b)}


def test_a_photo_of_which_most_faces_repeat_is_a_collage() -> None:
    together = np.flatnonzero(GUESTS.photo == GUESTS.photo[0]).tolist()
    found = twins(*with_copies(together), None, THRESHOLDS)
    assert len(found) == len(together)
    assert all(twin.collage for twin in found)


def test_faces_that_somebody_called_one_person_are_no_question() -> None:
    vectors, photo = with_copies([7])
    label = np.append(GUESTS.truth, GUESTS.truth[7])
    assert twins(vectors, photo, None, THRESHOLDS, label) == []
    label[[7, 200]] = -1
    assert len(twins(vectors, photo, None, THRESHOLDS, label)) == 1


def test_blurred_faces_are_no_twins() -> None:
    vectors, photo = with_copies([7])
    classes = np.append(np.full(200, "A"), "B")
    assert twins(vectors, photo, classes, THRESHOLDS) == []


def test_the_surest_comes_first() -> None:
    vectors, photo = with_copies([7, 60, 120])
    found = [twin.p for twin in twins(vectors, photo, None, THRESHOLDS)]
    assert len(found) == 3
    assert found == sorted(found, reverse=True)


def test_of_a_crowd_the_first_are_compared_and_of_a_portrait_nobody() -> None:
    photo = np.append(np.zeros(600, np.int64), [1, 2, 2])
    parts = [part.tolist() for part in photos(photo, np.arange(603))]
    assert parts == [list(range(CROWD)), [601, 602]]
    assert [part.tolist() for part in photos(photo, np.array([602, 601, 3]))] == [[602, 601]]
