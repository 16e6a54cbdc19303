"""What an automatic run would change, and whether it may."""

from dataclasses import replace

import pytest

from memoria_pipeline.people.constraints import constraints
from memoria_pipeline.people.decisions import Decision, fold
from memoria_pipeline.people.diff import Diff, diff, publishes_itself, without
from memoria_pipeline_tests.people.made_up_log import decide, face, person

NOTHING = Diff(0, 0, 0, 0, 0, 0, 0, 0, 0.0)
PERSONS = [person(1), person(2)]


def under(log: list[Decision], before: str, after: str) -> Diff:
    """Letters are faces: 1 and 2 are persons, - is nobody, all else someone new."""
    known = {"1": person(1), "2": person(2), "-": None}
    n = len(before)
    found = constraints(fold(log), [face(i) for i in range(n)], range(n), PERSONS)
    old, new = ([known.get(each, each) for each in side] for side in (before, after))
    return diff(old, new, found, PERSONS)


def test_nothing_changes() -> None:
    assert diff([], []) == NOTHING
    found = diff(["a", "a", None], ["a", "a", None])
    assert found == replace(NOTHING, faces=3)
    assert found.sentences() == "Nothing you decided changes."


def test_new_faces_move_nobody() -> None:
    found = diff(["a", None, None], ["a", "a", "b"])
    assert found == replace(NOTHING, faces=3, persons_new=1)
    assert found.sentences() == "1 person is new; nothing you decided changes."


def test_a_part_that_becomes_someone_new_is_a_split() -> None:
    found = diff(list("aaaab"), list("aaccb"))
    assert (found.persons_split, found.persons_new, found.faces_moved) == (1, 1, 2)
    assert found.churn == pytest.approx(4 / 5)
    assert found.sentences() == (
        "2 faces move to another person; 1 person is split; 1 person is new;"
        " 80.0% of the faces get other mates; nothing you decided changes."
    )


def test_a_person_that_ends_in_another_is_merged() -> None:
    found = diff(list("aab"), list("aaa"))
    assert (found.persons_merged, found.persons_gone, found.persons_split) == (1, 1, 0)
    found = diff(list("aab"), ["a", "a", None])
    assert (found.persons_merged, found.persons_gone, found.faces_moved) == (0, 1, 1)


def test_a_reviewed_face_that_moves_is_counted_and_violates() -> None:
    log = [decide(1, "confirm", [0], 1)]
    assert under(log, "112", "112").violations == 0
    found = under(log, "112", "212")
    assert (found.reviewed_faces_moved, found.violations) == (1, 1)
    assert "1 of your decisions would not hold." in found.sentences()


@pytest.mark.parametrize(
    "log",
    [
        [decide(1, "reject", [0], 2)],
        [decide(1, "reject", [0], 1, rest=[2])],
        [decide(1, "not_a_face", [0])],
    ],
)
def test_a_decision_that_would_not_hold_is_counted(log: list[Decision]) -> None:
    assert under(log, "-12", "-12").violations == 0
    assert under(log, "-12", "212").violations == 1


def test_only_what_changes_little_and_breaks_nothing_publishes_itself() -> None:
    assert publishes_itself(replace(NOTHING, churn=0.01), 0.01)
    assert not publishes_itself(replace(NOTHING, churn=0.011), 0.01)
    assert not publishes_itself(replace(NOTHING, violations=1), 1.0)
    assert not publishes_itself(replace(NOTHING, reviewed_faces_moved=1), 1.0)


def test_faces_that_another_model_does_not_find_are_told_and_count_as_churn() -> None:
    found = without(diff(list("aaab"), list("aaab")), 4, 1, 0)
    assert (found.churn, found.not_found) == (0.2, 1)
    assert publishes_itself(found, 0.2)
    found = without(diff(list("aaab"), list("aaab")), 4, 1, 1)
    assert not publishes_itself(found, 1.0)
    assert found.sentences().startswith("1 face is found no more; 1 of these is what you decided")


def test_a_diff_survives_the_database() -> None:
    found = without(diff(list("aaaab"), list("aaccb")), 5, 2, 1)
    assert Diff.of({**found.as_table(), "more": 1}) == found
    with pytest.raises(KeyError, match="violations"):
        Diff.of({name: 0 for name in NOTHING.as_table() if name != "violations"})


def test_other_faces_are_refused() -> None:
    with pytest.raises(ValueError, match="1 faces before and 2 after"):
        diff(["a"], ["a", "b"])
