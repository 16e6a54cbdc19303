"""New groups → the persons who were there already."""

from uuid import UUID

import pytest

from memoria_pipeline.people.reconcile import reconcile, redirects

ANN, BOB, EVE = UUID(int=9), UUID(int=1), UUID(int=5)


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
    assert reconcile([-1, -1], [ANN, None]) == []


def test_another_number_of_faces_is_refused() -> None:
    with pytest.raises(ValueError, match="1 labels were given for 2 faces"):
        reconcile([0], [ANN, BOB])


def test_faces_that_humans_confirmed_decide_against_any_overlap() -> None:
    labels, old = [0, 0, 0, 1], [ANN, ANN, BOB, ANN]
    assert reconcile(labels, old) == [ANN, None]
    assert reconcile(labels, old, [False, False, True, False]) == [BOB, ANN]
    assert reconcile(labels, old, [False, False, True, True]) == [BOB, ANN]


def test_the_majority_of_confirmed_faces_decides() -> None:
    assert reconcile([0, 0, 0], [ANN, BOB, BOB], [True] * 3) == [BOB]
    assert reconcile([0, 0, 0, 1], [ANN, BOB, BOB, ANN], [True] * 4) == [BOB, ANN]


def test_a_person_without_faces_leads_to_who_has_most_of_them() -> None:
    before = [ANN, ANN, ANN, BOB, None]
    assert redirects(before, [BOB, EVE, EVE, BOB, EVE]) == {ANN: EVE}
    assert redirects(before, [BOB, ANN, EVE, BOB, EVE]) == {}
    assert redirects(before, [None, None, None, BOB, EVE]) == {}
    # The number of a group that is no person yet will do as well.
    assert redirects(before, [7, 7, BOB, BOB, 7]) == {ANN: 7}


def test_whom_humans_decided_on_never_leads_elsewhere() -> None:
    assert redirects([ANN, BOB], [BOB, BOB], {ANN}) == {}
