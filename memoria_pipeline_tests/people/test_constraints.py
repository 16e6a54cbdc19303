"""What decisions forbid a grouping, and where they contradict each other."""

import pytest

from memoria_pipeline.people.constraints import MOST_PAIRS, Constraints, constraints
from memoria_pipeline.people.decisions import Decision, fold
from memoria_pipeline_tests.people.made_up_log import decide, entry, face, person

PERSONS = [person(number) for number in range(4)]


def of(log: list[Decision], n: int = 8, photos: list[int] | None = None) -> Constraints:
    faces = [face(number) for number in range(n)]
    return constraints(fold(log), faces, photos or list(range(n)), PERSONS)


def kinds(found: Constraints) -> list[str]:
    return [each.kind for each in found.conflicts]


def test_without_decisions_nothing_is_forbidden() -> None:
    found = of([])
    assert found.anchor.tolist() == [-1] * 8
    assert found.rejected.shape == found.cannot.shape == (0, 2)
    assert not found.out.any()
    assert not found.reviewed.any()
    assert not found.pinned.any()
    assert found.conflicts == []


def test_pinned_faces_are_anchors_and_their_persons_reviewed() -> None:
    found = of([decide(1, "confirm", [2], 1), decide(2, "ignore", [3]), decide(3, "ignore", [], 2)])
    assert found.anchor.tolist() == [-1, -1, 1, -1, -1, -1, -1, -1]
    assert found.out.tolist() == [False] * 3 + [True] + [False] * 4
    assert found.reviewed.tolist() == [False, True, True, False]
    assert found.pinned.tolist() == [False, False, True, True] + [False] * 4


def test_a_rejection_names_face_and_live_person() -> None:
    log = [decide(1, "reject", [2], 1), decide(2, "merge", [4, 5], 3, 1)]
    faces, live = [face(number) for number in range(8)], [person(0), person(2), person(3)]
    found = constraints(fold(log), faces, range(8), live)
    assert found.rejected.tolist() == [[2, 2]]


def test_faces_and_persons_that_are_gone_say_nothing() -> None:
    found = of([decide(1, "reject", [99, 2], 77, rest=[98]), decide(2, "confirm", [97], 1)])
    assert found.rejected.tolist() == found.cannot.tolist() == []


def test_a_face_pinned_to_a_person_left_out_is_refused() -> None:
    with pytest.raises(ValueError, match="not among the 4 persons"):
        of([decide(1, "confirm", [1], 9)])


def test_what_was_split_may_not_meet_and_one_face_speaks_for_all_pinned_ones() -> None:
    found = of([decide(1, "split", [5, 3, 4], 1, 2, rest=[0, 1])])
    assert found.cannot.tolist() == [[0, 3], [1, 3]]
    found = of([decide(1, "confirm", [0, 1], 1), decide(2, "split", [3, 4], 1, 2, rest=[0, 1, 7])])
    assert found.cannot.tolist() == [[3, 7]]  # two anchors never meet anyhow


def test_thousands_of_rejected_faces_give_no_millions_of_pairs() -> None:
    log = [decide(1, "reject", range(3000), 1, rest=range(3000, 6000))]
    found = of(log, 6000)
    assert 0 < len(found.cannot) <= 1.1 * MOST_PAIRS
    assert len(found.rejected) == 3000
    assert set(found.cannot[:, 0].tolist()) == set(range(3000))


def test_what_was_split_and_then_confirmed_together_is_a_conflict() -> None:
    log = [decide(1, "split", [1], 1, 2, rest=[2]), decide(2, "confirm", [1, 2], 1)]
    found = of(log)
    assert kinds(found) == ["apart"]
    assert found.conflicts[0].faces == (face(1), face(2))
    assert found.conflicts[0].decisions == (entry(1), entry(2))
    assert "say which holds" in found.conflicts[0].sentence
    assert found.cannot.tolist() == []


def test_a_change_of_mind_is_no_conflict() -> None:
    log = [decide(1, "split", [1], 1, 2, rest=[2])]
    assert kinds(of([*log, decide(2, "merge", [1, 2], 1, 2, supersedes=1)])) == []
    log = [decide(1, "reject", [1], 1)]
    assert kinds(of([*log, decide(2, "confirm", [1], 1, supersedes=1)])) == []
    log = [decide(1, "confirm", [1], 1)]
    assert kinds(of([*log, decide(2, "confirm", [2], 1, supersedes=1)], photos=[0] * 8)) == []


def test_two_faces_of_one_photo_in_one_person_are_a_conflict_unless_said() -> None:
    log = [decide(1, "confirm", [1], 1)]
    found = of([*log, decide(2, "confirm", [2], 1)], photos=[0] * 8)
    assert kinds(found) == ["same_photo"]
    twice = [*log, decide(2, "confirm", [2], 1, twice=True)]
    assert kinds(of(twice, photos=[0] * 8)) == []
    # What was said of a mirror holds when the person is named later.
    assert kinds(of([*twice, decide(3, "assign", [1, 2], 1, user=1)], photos=[0] * 8)) == []


def test_confirming_what_was_rejected_is_a_conflict_and_rejecting_what_was_confirmed_is_not() -> (
    None
):
    reject, confirm = decide(1, "reject", [1], 1), decide(2, "confirm", [1], 1)
    assert kinds(of([reject, confirm])) == ["rejected"]
    assert kinds(of([confirm, decide(3, "reject", [1], 1)])) == []


def test_a_rejection_that_a_merge_turned_against_a_verdict_is_a_conflict() -> None:
    log = [decide(1, "confirm", [1], 1), decide(2, "reject", [1], 2)]
    assert kinds(of(log)) == []
    found = of([*log, decide(3, "merge", [], 1, 2)])
    assert kinds(found) == ["rejected"]
    assert found.conflicts[0].decisions == (entry(1), entry(2))


def test_two_members_in_one_person_are_a_conflict_until_one_is_taken_back() -> None:
    log = [decide(1, "assign", [1], 1, user=1), decide(3, "assign", [2], 2, user=2)]
    merged = [*log, decide(4, "merge", [1, 2], 1, 2)]
    assert kinds(of(merged)) == ["members"]
    assert kinds(of([*merged, decide(2, "unassign", who=1)])) == []
    assert kinds(of([*merged, decide(5, "unassign", who=1)])) == []
    assert kinds(of([*log[:1], decide(2, "assign", [1], 1, user=2)])) == ["members"]
    assert kinds(of([*log[:1], decide(2, "assign", [1], 1, user=2, supersedes=1)])) == []


def test_two_persons_of_one_member_are_reported() -> None:
    found = of([decide(1, "assign", [1], 1, user=1), decide(2, "assign", [2], 2, user=1)])
    assert kinds(found) == ["same_member"]
    assert found.conflicts[0].persons == (person(1), person(2))


def test_a_rejected_face_that_is_no_face_is_rejected_from_nobody() -> None:
    reject = decide(1, "reject", [2, 3], 1)
    assert of([reject, decide(2, "not_a_face", [2])]).rejected.tolist() == [[3, 1]]
    assert of([reject, decide(2, "ignore", [3])]).rejected.tolist() == [[2, 1]]
