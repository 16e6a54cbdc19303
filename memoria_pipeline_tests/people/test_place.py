"""A few new faces among those near them: the same people as with a look at everybody."""

from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memoria_pipeline.people.constraints import constraints
from memoria_pipeline.people.decisions import Decision, fold
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.place import Reach, loosest, place, reach
from memoria_pipeline.people.prepare import weights
from memoria_pipeline.people.regroup import Present, regroup
from memoria_pipeline_tests.people.made_up_log import face, person
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

CLASSES = np.array(["A", "A", "A", "B", "C"])


def grouped(seed: int, people: int = 14, each: int = 6, noise: float = 0.09) -> Present:
    """An event whose last faces are new, the others grouped by a machine: hard enough to err."""
    chance = np.random.default_rng(seed)
    faces = event(people, each, noise=noise, d=64, seed=seed)
    n = len(faces.truth)
    now = Present(
        faces.vectors,
        faces.photo,
        chance.uniform(0.1, 1, n).astype(np.float32),
        chance.choice(CLASSES, n),
        [None] * n,
        [],
        constraints(fold([]), [face(i) for i in range(n)], faces.photo.tolist(), []),
    )
    return decided(now, regroup(now, THRESHOLDS, "full").people, new=3 + seed % 3)


def decided(now: Present, people: np.ndarray, new: int, log: tuple[Decision, ...] = ()) -> Present:
    """With these people, but for the last faces of quality; and what a human said of them."""
    n = len(people)
    placed = np.flatnonzero(now.quality_class != "C")
    last = set(placed[-new:].tolist())
    who: list[UUID | None] = [
        None if i in last or label == NOBODY else person(label)
        for i, label in enumerate(people.tolist())
    ]
    persons = sorted({each for each in who if each is not None})
    rules = constraints(fold(log), [face(i) for i in range(n)], now.photo.tolist(), persons)
    return replace(now, person=who, persons=persons, constraints=rules)


def those(now: Present, rows: np.ndarray) -> Present:
    """Some of the faces, with the persons whom they are."""
    who = [now.person[i] for i in rows.tolist()]
    persons = sorted({each for each in who if each is not None})
    code = [now.persons.index(each) for each in persons]
    rules = now.constraints
    position = np.full(len(now.vectors), NOBODY)
    position[rows] = np.arange(len(rows))
    return Present(
        now.vectors[rows],
        now.photo[rows],
        now.quality[rows],
        now.quality_class[rows],
        who,
        persons,
        replace(
            rules,
            anchor=np.full(len(rows), NOBODY),
            out=rules.out[rows],
            reviewed=rules.reviewed[code],
        ),
    )


def within(now: Present, reached: Reach) -> np.ndarray:
    """The rows that the database gives: the new faces, and whoever is near one of them."""
    codes = now.codes
    new = np.flatnonzero((codes == NOBODY) & (now.classes != "C"))
    weight = np.where(now.classes == "C", 0.05, weights(now.quality)).astype(float)
    alike = now.vectors[new] @ now.vectors.T
    near = set(new.tolist())
    for code in range(len(now.persons)):
        rows = np.flatnonzero(codes == code)
        square, mass = (weight[rows] ** 2).sum(), weight[rows].sum()
        least = np.sqrt(square + max(reached.loosest, 0) * (mass**2 - square))
        hit = alike[:, rows].max() >= reached.face
        if hit and (alike[:, rows] @ weight[rows]).max() >= reached.cosine * least:
            near |= set(rows.tolist())
    return np.array(sorted(near))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_the_people_are_those_that_a_look_at_everybody_gives(seed: int) -> None:
    now = grouped(seed, noise=(0.07, 0.09, 0.11)[seed % 3])
    whole = regroup(now, THRESHOLDS, "incremental")
    reached = reach(THRESHOLDS, loosest(now.vectors, now.quality, now.classes, now.codes))
    rows = within(now, reached)
    found = place(those(now, rows), THRESHOLDS, reached)
    moved = whole.diff.faces_moved or whole.redirects
    assert (found is None) == bool(moved)
    if found is None:
        return
    new = [i for i, row in enumerate(rows.tolist()) if now.person[row] is None]
    for i in new:
        label, there = found.grouping.labels[i], whole.grouping.labels[rows[i]]
        assert found.persons[label] == whole.persons[there]
        mates = rows[found.grouping.labels == label]
        assert set(mates) == set(np.flatnonzero(whole.grouping.labels == there))


def test_most_of_an_event_is_left_alone() -> None:
    now = grouped(3, people=80, noise=0.06)
    reached = reach(THRESHOLDS, loosest(now.vectors, now.quality, now.classes, now.codes))
    assert len(within(now, reached)) < len(now.vectors) / 4


def test_a_rival_out_of_reach_counts_as_one_just_within() -> None:
    now = grouped(3, people=80, noise=0.06)
    reached = reach(THRESHOLDS, loosest(now.vectors, now.quality, now.classes, now.codes))
    alone = those(now, np.flatnonzero(now.codes == NOBODY))
    found = place(alone, THRESHOLDS, reached)
    assert found is not None
    placed = found.grouping.labels != NOBODY
    assert (found.grouping.margin[placed] <= 1 - np.float32(reached.cosine)).all()


@pytest.mark.parametrize(("mates", "least"), [([0, 0], 0.5), ([0, 1], 1.0), ([-1, -1], 1.0)])
def test_the_loosest_person_is_the_one_whose_faces_are_least_alike(
    mates: list[int], least: float
) -> None:
    vectors = np.array([[1, 0], [0.5, 3**0.5 / 2]], np.float32)
    found = loosest(vectors, np.ones(2), np.array(["A", "A"]), np.array(mates))
    assert found == pytest.approx(least, abs=1e-6)
