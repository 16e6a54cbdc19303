"""Left-over faces join persons one-to-one, photo by photo, and only by a margin."""

import numpy as np
import pytest

from memoria_pipeline.people.attach import attach, nearest
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Groups, Vectors

PEOPLE = [0, 1]
"""The first two faces are the persons."""


def flat(*degrees: float) -> Vectors:
    """Unit vectors in a plane."""
    angle = np.radians(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def joined(vectors: Vectors, photo: list[int], apart: list[tuple[int, int]], margin: float) -> Rows:
    """The group of each face after all but the first two were offered to these."""
    pairs = np.array(apart, np.int64).reshape(-1, 2)
    face = np.concatenate([np.arange(len(vectors)), pairs.reshape(-1)])
    token = np.concatenate([photo, 100 + np.repeat(np.arange(len(pairs)), 2)]).astype(np.int64)
    groups = Groups(vectors, face, token)
    loose = np.arange(2, len(vectors))
    attach(groups, loose, np.array(PEOPLE), np.array(photo), 0.5, margin)
    return groups.label


@pytest.mark.parametrize(("margin", "label"), [(0.0, 1), (0.1, 1), (0.3, 2)])
def test_a_face_joins_only_by_a_margin_over_the_runner_up(margin: float, label: int) -> None:
    # .68 and .87 alike.
    assert joined(flat(0, 77, 47), [0, 1, 2], [], margin)[2] == label


def test_a_runner_up_below_the_threshold_counts_in_the_margin_too() -> None:
    # .52 and .48 alike.
    assert joined(flat(0, 120, 58.7), [0, 1, 2], [], 0.1)[2] == 2


def test_who_is_somebody_else_in_the_photo_is_no_runner_up() -> None:
    assert joined(flat(0, 40, 18, 40), [0, 1, 2, 2], [], 0.1).tolist() == [0, 1, 0, 1]


def test_of_two_faces_in_one_photo_a_person_takes_one() -> None:
    assert joined(flat(0, 170, 10, 5), [0, 1, 2, 2], [], 0.1).tolist() == [0, 1, 2, 0]


def test_of_faces_told_apart_in_two_photos_the_most_alike_is_taken() -> None:
    assert joined(flat(0, 170, 10, 5), [0, 1, 2, 3], [(2, 3)], 0.1).tolist() == [0, 1, 2, 0]
    assert joined(flat(0, 170, 10, 5), [0, 1, 2, 3], [], 0.1).tolist() == [0, 1, 0, 0]


def test_the_nearest_is_one_that_may_be_met() -> None:
    vectors = flat(0, 30, 12, 100)
    groups = Groups(vectors, np.arange(4), np.array([2, 3, 2, 4]))
    face, host = nearest(groups, np.array([2, 3]), np.array(PEOPLE), 0.5)
    assert (face.tolist(), host.tolist()) == ([2], [1])
