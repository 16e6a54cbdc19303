"""Whatever happens to an event, what humans decided stays."""

from collections import Counter
from uuid import UUID

import numpy as np
import pytest

from memoria_pipeline.people.constraints import Constraints
from memoria_pipeline.people.regroup import Kind, Present, regroup
from memoria_pipeline_tests.people.histories import History, live_through
from memoria_pipeline_tests.people.judge import breaches
from memoria_pipeline_tests.people.random_steps import random_steps
from memoria_pipeline_tests.people.synthetic import THRESHOLDS


@pytest.fixture(scope="module")
def lived() -> list[History]:
    return [live_through(seed) for seed in range(40)]


def test_no_automatic_run_breaks_what_humans_decided(lived: list[History]) -> None:
    assert sum((each.broken for each in lived), Counter()) == Counter()


def test_much_happens_in_these_histories(lived: list[History]) -> None:
    seen = sum((each.seen for each in lived), Counter())
    assert seen["incremental"] > 200
    for what in ("full", "model", "hdbscan", "held", "lost", "everyone else"):
        assert seen[what] > 5, what
    kinds = Counter(taken.kind for each in lived for taken in each.log)
    assert len(kinds) == 11
    assert min(kinds.values()) > 5


def test_a_history_is_the_same_each_time() -> None:
    one, other = live_through(3), live_through(3)
    assert one.log == other.log
    assert {face: known.machine for face, known in one.faces.items()} == {
        face: known.machine for face, known in other.faces.items()
    }


def test_steps_are_known_without_the_event() -> None:
    assert list(random_steps(1)) == list(random_steps(1))


RULES = Constraints(
    anchor=np.array([0, 0, 1, -1, -1]),
    out=np.array([False, False, False, False, True]),
    rejected=np.array([[3, 1]]),
    cannot=np.array([[0, 3]]),
    reviewed=np.array([True, True]),
    conflicts=[],
)


@pytest.mark.parametrize(
    ("labels", "broken"),
    [
        ([0, 0, 1, 2, -1], {}),
        ([0, 2, 1, 3, -1], {"parted": 1}),
        ([0, 0, 0, 1, -1], {"persons joined": 2}),
        ([0, 0, 1, 2, 3], {"nobody's face in a group": 1}),
        ([0, 0, 1, 1, -1], {"rejected": 1, "twice in a photo": 1}),
        ([0, 0, 1, 0, -1], {"told apart": 1}),
    ],
)
def test_bare_labels_are_judged(labels: list[int], broken: dict[str, int]) -> None:
    found = breaches(np.array(labels), RULES.anchor, RULES, photo=[0, 0, 1, 1, 2])
    assert found == broken


@pytest.mark.parametrize("kind", ["full", "incremental", "model"])
def test_a_run_keeps_a_rejected_face_out_by_itself(kind: Kind) -> None:
    someone = UUID(int=1)
    vectors = np.eye(8, dtype=np.float32)[[0, 0, 0, 5]]
    grades, even = np.array(["A"] * 4), np.ones(4, np.float32)
    nobody, no_pairs = np.zeros(4, bool), np.empty((0, 2), np.int64)
    anchor, rejected = np.array([0, 0, -1, -1]), np.array([[2, 0]])
    rules = Constraints(anchor, nobody, rejected, no_pairs, np.array([True]), [])
    present = Present(
        vectors, np.arange(4), even, grades, [someone, someone, None, None], [someone], rules
    )
    labels = regroup(present, THRESHOLDS, kind).grouping.labels
    assert not breaches(labels, anchor, rules, present.photo)
    assert labels[0] == labels[1]
