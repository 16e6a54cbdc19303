"""New groups → the persons who were there already."""

from uuid import UUID

import pytest

from memoria_pipeline.people.reconcile import reconcile

ANN, BOB = UUID(int=9), UUID(int=1)


def test_groups_keep_their_persons_whatever_their_numbers() -> None:
    assert reconcile([1, 1, 0, 2], [ANN, ANN, BOB, None]) == [BOB, ANN, None]


def test_the_larger_half_of_a_split_keeps_the_person() -> None:
    assert reconcile([0, 1, 1], [ANN, ANN, ANN]) == [None, ANN]


def test_of_two_persons_that_meet_the_one_with_more_faces_stays() -> None:
    assert reconcile([0, 0, 0], [BOB, ANN, ANN]) == [ANN]


def test_the_whole_counts_not_the_single_best() -> None:
    # Greedily group 0 would take Ann (3 faces) and leave group 1 with nobody: 3 faces kept, not 4.
    labels = [0, 0, 0, 0, 0, 1, 1]
    old = [ANN, ANN, ANN, BOB, BOB, ANN, ANN]
    assert reconcile(labels, old) == [BOB, ANN]


def test_nobody_is_matched_without_a_shared_face() -> None:
    assert reconcile([0, 1, -1], [None, None, ANN]) == [None, None]
    assert reconcile([], []) == []


def test_another_number_of_faces_is_refused() -> None:
    with pytest.raises(ValueError, match="1 labels were given for 2 faces"):
        reconcile([0], [ANN, BOB])
