"""The contract, on random logs: undo is exact, pins hold, no contradiction is silent.

Every property is a function `holds_…`; at full size `make bench` calls `everything(examples)`.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.constraints import Constraints, constraints
from memoria_pipeline.people.decisions import KINDS, Decision, Kind, fold
from memoria_pipeline.people.incremental import extend
from memoria_pipeline_tests.people.judge import breaches
from memoria_pipeline_tests.people.made_up_log import decide, face, person
from memoria_pipeline_tests.people.synthetic import THRESHOLDS

FACES, PEOPLE = 8, 5
PHOTOS = [0, 0, 1, 1, 2, 2, 3, 4]
Log = list[Decision]
Made = TypeVar("Made")
ACTS: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind != "undo")


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Wilder than `refuse` lets in: old logs, undos and erased faces may leave any of it."""
    return [_decision(draw, seq) for seq in range(1, draw(st.integers(0, 9)) + 1)]


def _decision(draw: st.DrawFn, seq: int) -> Decision:
    earlier = st.integers(1, max(1, seq - 1))
    if seq > 1 and draw(st.integers(0, 3)) == 0:
        return decide(seq, "undo", supersedes=draw(earlier))
    kind = draw(st.sampled_from(ACTS))
    numbers = st.lists(st.integers(0, FACES - 1), unique=True, max_size=4)
    faces, whole = draw(numbers), st.integers(0, PEOPLE - 1)
    who, other = draw(whole), draw(whole)
    rest = [each for each in draw(numbers) if each not in faces]
    alone = kind == "not_a_face" or (kind in ("ignore", "move") and draw(st.booleans()))
    return decide(
        seq,
        kind,
        faces,
        None if alone else who,
        other if kind in ("merge", "split", "move") else None,
        rest=rest if kind in ("reject", "split", "move") else (),
        user=draw(st.integers(0, 2)) if kind == "assign" else None,
        twice=draw(st.booleans()),
        supersedes=draw(earlier) if seq > 1 and draw(st.integers(0, 3)) == 0 else None,
    )


def under(log: Log) -> Constraints:
    state = fold(log)
    live = [each for each in map(person, range(PEOPLE)) if state.resolve(each) == each]
    return constraints(state, [face(i) for i in range(FACES)], PHOTOS, live)


def holds_that_the_state_follows_from_the_log_alone(log: Log) -> None:
    shuffled = random.Random(len(log)).sample(log, len(log))
    assert fold(shuffled) == fold(log)


def holds_that_an_undo_is_the_log_without_the_decision(log: Log) -> None:
    state = fold(log)
    for each in state.active:
        undone = [*log, decide(100, "undo", supersedes=each.seq)]
        assert fold(undone) == fold([other for other in log if other != each])
        assert fold([*undone, decide(101, "undo", supersedes=100)]) == state


def holds_that_pins_move_only_by_decisions_that_name_them(log: Log) -> None:
    for size in range(1, len(log) + 1):
        before, after, last = fold(log[: size - 1]), fold(log[:size]), log[size - 1]
        if last.kind == "undo":
            continue
        named = {before.resolve(each) for each in last.named()}
        for which, said in before.verdict.items():
            changed_mind = last.supersedes is not None
            if which not in last.faces and said.person not in named and not changed_mind:
                assert after.verdict.get(which) == said


def holds_that_merges_resolve(log: Log) -> None:
    state = fold(log)
    for each, said in state.persons.items():
        live = state.resolve(each)
        assert live not in state.persons or state.persons[live].merged_into is None
        assert (said.status == "merged") == (said.merged_into is not None)
        assert (said.status == "linked") == (said.user is not None)


def holds_that_constraints_say_what_the_state_says(log: Log) -> None:
    state, found = fold(log), under(log)
    live = [each for each in map(person, range(PEOPLE)) if state.resolve(each) == each]
    for number in range(FACES):
        said = state.verdict.get(face(number))
        anchor = int(found.anchor[number])
        assert (live[anchor] if anchor >= 0 else None) == (said.person if said else None)
        assert found.out[number] == (said is not None and said.person is None)
        assert state.current(face(number), None) not in state.rejected.get(face(number), ())
    assert set(map(tuple, found.rejected.tolist())) == {
        (number, live.index(each))
        for number in np.flatnonzero(~found.out).tolist()
        for each in state.rejected.get(face(number), ())
        if each in live
    }
    for which, code in found.rejected.tolist():
        assert found.anchor[which] != code
        assert state.current(face(which), live[code]) != live[code]
    for one, other in found.cannot.tolist():
        assert found.anchor[one] < 0 or found.anchor[other] < 0
        assert not found.out[[one, other]].any()
    assert found.reviewed[found.anchor[found.anchor >= 0]].all()


def holds_that_no_contradiction_is_silent(log: Log) -> None:
    state, found = fold(log), under(log)
    told = [(each.kind, set(each.faces)) for each in found.conflicts]
    minds = {(each.supersedes, which) for each in state.active for which in each.faces}
    for each in state.active:
        if each.kind not in ("reject", "split", "move"):
            continue
        for one in each.faces:
            for other in each.rest:
                said = [state.verdict.get(which) for which in (one, other)]
                if said[0] is None or said[1] is None or said[0].person is None:
                    continue
                settled = {(each.id, one), (each.id, other)} & minds
                if said[0].person == said[1].person and not settled:
                    assert any(kind == "apart" and {one, other} <= faces for kind, faces in told)
    by_id = {each.id: each for each in state.active}
    for one, other in combinations(sorted(state.verdict), 2):
        a, b = state.verdict[one], state.verdict[other]
        if a.person is None or a.person != b.person or PHOTOS[one.int] != PHOTOS[other.int]:
            continue
        says = any(each.twice and {one, other} & {*each.faces} for each in state.active)
        minded = (
            by_id[a.decision].supersedes == b.decision or by_id[b.decision].supersedes == a.decision
        )
        assert says or minded or ("same_photo", {one, other}) in told


@st.composite
def rules(draw: st.DrawFn) -> Constraints:
    """Wilder than what follows from a log: rejections without the rest that goes with them."""
    faces, codes = st.integers(0, FACES - 1), st.integers(0, 2)
    anchor = np.array(draw(st.lists(st.integers(-1, 2), min_size=FACES, max_size=FACES)))
    out = np.array(draw(st.lists(st.booleans(), min_size=FACES, max_size=FACES)))
    rejected = draw(st.lists(st.tuples(faces, codes), max_size=5))
    pairs = st.tuples(faces, faces).filter(lambda pair: pair[0] != pair[1])
    cannot = draw(st.lists(pairs, max_size=3))
    reviewed = np.array(draw(st.lists(st.booleans(), min_size=3, max_size=3)))
    links = [np.array(each, np.int64).reshape(-1, 2) for each in (rejected, cannot)]
    return Constraints(anchor, out & (anchor < 0), links[0], links[1], reviewed, [])


def holds_that_groupings_keep_to_the_log(log: Log) -> None:
    holds_that_groupings_keep_to_rules(under(log))


def holds_that_groupings_keep_to_rules(found: Constraints) -> None:
    # Faces i and i + 4 look alike: what is told apart would otherwise meet.
    vectors = np.tile(np.eye(4, 6, dtype=np.float32), (2, 1))
    vectors[:, 5] = 0.05 * np.arange(FACES)
    classes = np.where(found.out, "C", "A")
    afresh = cluster(
        vectors,
        PHOTOS,
        thresholds=THRESHOLDS,
        quality_class=classes,
        anchor=found.anchor,
        rejected=found.rejected.tolist(),
        cannot_link=found.cannot.tolist(),
    ).labels
    everybody = replace(found, reviewed=np.ones_like(found.reviewed))  # who is an anchor is
    assert not breaches(afresh, found.anchor, everybody, PHOTOS)
    extended = extend(
        vectors,
        PHOTOS,
        person=found.anchor,
        thresholds=THRESHOLDS,
        quality_class=classes,
        reviewed=found.reviewed,
        rejected=found.rejected.tolist(),
        cannot_link=found.cannot.tolist(),
    )
    labels = extended.grouping.labels
    assert not breaches(labels, found.anchor, found, PHOTOS)
    kept = np.append(found.reviewed, False)[found.anchor]
    np.testing.assert_array_equal(extended.continues[labels[kept]], found.anchor[kept])


CONTRACT: list[Callable[[Log], None]] = [
    holds_that_the_state_follows_from_the_log_alone,
    holds_that_an_undo_is_the_log_without_the_decision,
    holds_that_pins_move_only_by_decisions_that_name_them,
    holds_that_merges_resolve,
    holds_that_constraints_say_what_the_state_says,
    holds_that_no_contradiction_is_silent,
    holds_that_groupings_keep_to_the_log,
]


def everything(examples: int) -> int:
    """Try each property on so many random logs; how many tries. Raises where one falls."""
    for each in CONTRACT:
        _try(each, logs(), examples)
    _try(holds_that_groupings_keep_to_rules, rules(), examples)
    return examples * (len(CONTRACT) + 1)


def _try(holds: Callable[[Made], None], strategy: st.SearchStrategy[Made], examples: int) -> None:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    profile = settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=slow,
    )
    profile(given(strategy)(holds))()


@pytest.mark.parametrize("holds", CONTRACT, ids=lambda each: each.__name__.removeprefix("holds_"))
def test_the_contract_holds(holds: Callable[[Log], None]) -> None:
    _try(holds, logs(), 60)


def test_groupings_keep_to_whatever_rules() -> None:
    _try(holds_that_groupings_keep_to_rules, rules(), 100)
