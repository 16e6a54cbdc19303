"""Two faces of one photo in one person, as no run would have it."""

import numpy as np

from memoria_pipeline.people.surplus import surplus

EAST, NORTH, BETWEEN = np.eye(2)[0], np.eye(2)[1], np.full(2, 0.5**0.5)


def _surplus(
    vectors: list[np.ndarray], photo: list[int], person: list[int], pinned: tuple[int, ...] = ()
) -> list[int]:
    sure = np.isin(np.arange(len(photo)), pinned)
    stacked = np.array(vectors, np.float32)
    return [*map(int, surplus(stacked, np.array(photo), np.array(person), sure))]


def test_the_face_stays_that_is_most_like_its_person_elsewhere() -> None:
    assert _surplus([NORTH, EAST, BETWEEN, EAST], [1, 1, 1, 2], [0, 0, 0, 0]) == [0, 2]


def test_beside_a_pinned_face_nobody_else_stays_and_pinned_ones_always_do() -> None:
    assert _surplus([NORTH, EAST, EAST], [1, 1, 2], [0, 0, 0], pinned=(0,)) == [1]
    assert _surplus([NORTH, EAST, BETWEEN], [1, 1, 1], [0, 0, 0], pinned=(0, 2)) == [1]
    assert _surplus([NORTH, EAST], [1, 1], [0, 0], pinned=(0, 1)) == []


def test_of_a_person_who_is_in_no_other_photo_one_face_stays() -> None:
    assert len(_surplus([NORTH, EAST], [1, 1], [0, 0])) == 1


def test_faces_of_nobody_of_several_persons_or_of_several_photos_are_not_parted() -> None:
    assert _surplus([NORTH, EAST], [1, 1], [-1, -1]) == []
    assert _surplus([NORTH, EAST], [1, 1], [0, 1]) == []
    assert _surplus([NORTH, EAST], [1, 2], [0, 0]) == []
    assert _surplus([], [], []) == []
