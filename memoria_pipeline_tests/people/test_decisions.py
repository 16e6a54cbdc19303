"""What humans decided, and what follows from it."""

from dataclasses import replace
from uuid import UUID

import pytest

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.people.decisions import Decision, State, active, fold
from memoria_pipeline.people.refusals import refuse
from memoria_pipeline_tests.people.made_up_log import decide, entry, face, person


def who(state: State, number: int, machine: int | None = None) -> UUID | None:
    return state.current(face(number), None if machine is None else person(machine))


def test_a_face_nobody_decided_on_is_the_machines() -> None:
    state = fold([])
    assert who(state, 1, 7) == person(7)
    assert who(state, 1) is None


def test_a_confirmed_face_is_that_person_whatever_the_machine_says() -> None:
    state = fold([decide(1, "confirm", [1], 1)])
    assert who(state, 1, 7) == person(1)
    assert state.touched == {face(1)}
    assert state.reviewed == {person(1)}


def test_a_rejected_face_is_nobody_until_the_machine_says_someone_else() -> None:
    state = fold([decide(1, "confirm", [1], 1), decide(2, "reject", [1], 1, rest=[2])])
    assert face(1) not in state.verdict
    assert who(state, 1, 1) is None
    assert who(state, 1, 2) == person(2)
    assert state.reviewed == frozenset()
    assert state.edits == {person(1): 2}


def test_a_confirmed_face_is_no_longer_rejected() -> None:
    state = fold([decide(1, "reject", [1], 1), decide(2, "confirm", [1], 1)])
    assert who(state, 1) == person(1)
    assert state.rejected == {}


def test_a_merge_redirects_and_takes_the_member_along() -> None:
    log = [decide(1, "assign", [2], 2, user=5), decide(2, "merge", [1, 2], 1, 2)]
    state = fold(log)
    assert state.persons[person(1)].user == log[0].user
    assert state.persons[person(1)].status == "linked"
    assert state.persons[person(2)].merged_into == person(1)
    assert state.persons[person(2)].user is None
    assert {who(state, 1), who(state, 2), who(state, 3, 2)} == {person(1)}


def test_a_merge_keeps_the_member_of_the_one_that_stays() -> None:
    log = [decide(1, "assign", [1], 1, user=5), decide(2, "invite", [2], 2)]
    state = fold([*log, decide(3, "merge", [1, 2], 1, 2)])
    assert state.persons[person(1)].user == log[0].user
    assert state.persons[person(1)].email is None


def test_a_rejection_counts_for_the_person_it_was_merged_into() -> None:
    state = fold([decide(1, "reject", [3], 2), decide(2, "merge", [1, 2], 1, 2)])
    assert state.rejected[face(3)] == {person(1), person(2)}
    assert who(state, 3, 1) is None


def test_merges_chain() -> None:
    state = fold([decide(1, "merge", [1, 2], 2, 3), decide(2, "merge", [1, 2, 3], 1, 2)])
    assert state.resolve(person(3)) == person(1)
    assert who(state, 9, 3) == person(1)


def test_undos_that_leave_merges_in_a_ring_keep_the_last_one() -> None:
    log = [decide(1, "merge", [1, 2], 1, 2), decide(2, "undo", supersedes=1)]
    log += [decide(3, "merge", [1, 2], 2, 1), decide(4, "undo", supersedes=2)]
    state = fold(log)
    assert state.resolve(person(1)) == state.resolve(person(2)) == person(2)
    assert state.persons[person(2)].status == "pending"


def test_a_split_and_a_move_pin_what_leaves() -> None:
    state = fold([decide(1, "split", [1], 1, 2, rest=[3]), decide(2, "move", [4], 1, 3, rest=[3])])
    assert who(state, 1, 1) == person(2)
    assert who(state, 4, 1) == person(3)
    assert who(state, 3, 1) == person(1)
    assert state.rejected == {face(1): {person(1)}, face(4): {person(1)}}
    assert face(3) not in state.touched


def test_an_ignored_person_keeps_its_faces_and_an_ignored_face_has_nobody() -> None:
    state = fold([decide(1, "ignore", [1], 1), decide(2, "ignore", [2])])
    assert state.persons[person(1)].status == "ignored"
    assert who(state, 1, 9) == person(1)
    assert state.verdict[face(2)].kind == "ignored"
    assert who(state, 2, 9) is None


def test_everyone_else_in_a_photo_is_ignored_at_once() -> None:
    state = fold([decide(1, "ignore", [1, 2, 3], persons=[4, 4])])
    assert [who(state, each, 9) for each in (1, 2, 3)] == [person(4), person(4), None]
    assert state.persons[person(4)].status == "ignored"
    assert state.verdict[face(3)].kind == "ignored"


def test_not_a_face_is_nobody() -> None:
    state = fold([decide(1, "not_a_face", [1])])
    assert who(state, 1, 9) is None
    assert state.verdict[face(1)].kind == "not_a_face"


def test_unassigning_keeps_the_faces() -> None:
    state = fold([decide(1, "assign", [1], 1, user=5), decide(2, "unassign", who=1)])
    assert state.persons[person(1)].status == "pending"
    assert state.persons[person(1)].user is None
    assert who(state, 1, 9) == person(1)


def test_an_undone_decision_never_was_and_an_undone_undo_neither() -> None:
    log = [decide(1, "confirm", [1], 1), decide(2, "ignore", [1]), decide(3, "confirm", [2], 1)]
    undone = [*log, decide(4, "undo", supersedes=2)]
    assert fold(undone) == fold([log[0], log[2]])
    assert fold([*undone, decide(5, "undo", supersedes=4)]) == fold(log)


def test_the_order_in_which_a_log_is_read_does_not_matter() -> None:
    log = [decide(1, "confirm", [1], 1), decide(2, "confirm", [1], 2)]
    assert fold(reversed(log)) == fold(log)
    assert [each.seq for each in active(reversed(log))] == [1, 2]


def test_a_change_of_mind_frees_the_faces_that_both_name() -> None:
    log = [decide(1, "reject", [1, 2], 1), decide(2, "confirm", [1], 3, supersedes=1)]
    assert fold(log).rejected == {face(2): {person(1)}}


LOG = [
    decide(1, "assign", [1], 1, user=1),
    decide(2, "assign", [2], 2, user=2),
    decide(3, "merge", [3, 4], 3, 4),
    decide(4, "confirm", [5], 5),
    decide(5, "undo", supersedes=4),
]


@pytest.mark.parametrize(
    ("decision", "what"),
    [
        (decide(9, "confirm", (), 1), "without faces; name them"),
        (decide(9, "confirm", [1]), "without person"),
        (decide(9, "ignore"), "without person or faces"),
        (decide(9, "assign", [1], 1), "without user"),
        (decide(9, "confirm", [1, 1], 1), "names a face twice"),
        (decide(9, "split", [1], 1, 2, rest=[1]), "apart from itself"),
        (decide(9, "ignore", [1], persons=[1, 2]), "more persons than faces"),
        (decide(9, "merge", [1], 1, 1), "on both sides"),
        (decide(9, "merge", [1], 1, 4), "was merged into"),
        (decide(9, "merge", [1], 4, 1), "merge that one"),
        (decide(9, "merge", [1, 2], 1, 2), "unassign one of them first"),
        (decide(9, "undo", supersedes=8), "not in this event's log"),
        (decide(9, "confirm", [1], 1, supersedes=8), "not in this event's log"),
        (decide(9, "undo", supersedes=4), "undo that undo"),
        (decide(9, "confirm", [7, 8], 1), "in one photo"),
        (decide(9, "confirm", [8], 1), "in one photo"),
    ],
)
def test_what_cannot_be_is_refused_with_a_mend(decision: Decision, what: str) -> None:
    photo = {face(1): "a", face(7): "a", face(8): "a"}
    with pytest.raises(DecisionError, match=what):
        refuse(decision, LOG, photo)


@pytest.mark.parametrize(
    "decision",
    [
        decide(9, "confirm", [7, 8], 1, twice=True),
        decide(9, "confirm", [9], 1),
        decide(9, "merge", [1], 1, 5),
        decide(9, "undo", supersedes=5),
        decide(9, "move", [1], None, 2),
        decide(9, "unassign", who=1),
        decide(9, "ignore", [7]),
    ],
)
def test_what_can_be_is_not_refused(decision: Decision) -> None:
    photo = {face(1): "a", face(7): "a", face(8): "a"}
    refuse(decision, LOG, photo, state=fold(LOG))
    refuse(replace(decision, supersedes=entry(5)), LOG, photo)
