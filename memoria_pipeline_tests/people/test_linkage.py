"""Agglomeration."""

import numpy as np
import pytest

from memoria_pipeline.people.linkage import Groups, agglomerate, unit
from memoria_pipeline_tests.people.synthetic import Event, as_sets, event


def grouped(faces: Event, threshold: float) -> Groups:
    every = np.arange(len(faces.truth))
    groups = Groups(faces.vectors.copy(), every, faces.photo)
    agglomerate(groups, threshold, np.ones(len(every), bool))
    return groups


def slow(faces: Event, threshold: float) -> set[frozenset[int]]:
    """The recipe as one would say it: the best pair that may meet, again and again."""
    groups = [[face] for face in range(len(faces.truth))]
    while True:
        best, pair = threshold, None
        means = unit(np.stack([faces.vectors[group].sum(axis=0) for group in groups]))
        cosine = means @ means.T
        for a, b in zip(*np.nonzero(np.triu(cosine >= threshold, 1)), strict=True):
            apart = not set(faces.photo[groups[a]]) & set(faces.photo[groups[b]])
            if apart and cosine[a, b] >= best:
                best, pair = cosine[a, b], (a, b)
        if pair is None:
            return {frozenset(group) for group in groups}
        groups[pair[0]] += groups.pop(pair[1])


@pytest.mark.parametrize("seed", range(8))
def test_it_groups_as_merging_the_best_pair_again_and_again(seed: int) -> None:
    faces = event(people=12, each=4, noise=0.1, seed=seed)
    assert as_sets(grouped(faces, 0.44).label) == slow(faces, 0.44)


def test_no_two_groups_that_may_meet_are_left_as_alike_as_the_threshold() -> None:
    faces = event(people=30, each=12, noise=0.11)
    groups = grouped(faces, 0.4)
    names = groups.names()
    a, b = np.triu_indices(len(names), 1)
    a, b = names[a], names[b]
    assert not (groups.may_meet(a, b) & (groups.cosine(a, b) >= 0.4 + 1e-6)).any()


def test_sums_and_sizes_are_those_of_the_faces() -> None:
    faces = event(people=10, each=20, noise=0.08)
    groups = grouped(faces, 0.4)
    for name in groups.names():
        members = groups.label == name
        assert groups.size[name] == members.sum()
        assert groups.sums[name] == pytest.approx(faces.vectors[members].sum(axis=0), abs=1e-5)


def test_a_small_budget_changes_the_memory_not_the_people(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = event(people=10, each=20, noise=0.05)
    expected = as_sets(grouped(faces, 0.4).label)
    monkeypatch.setattr("memoria_pipeline.people.linkage.BUDGET", 300)
    assert as_sets(grouped(faces, 0.4).label) == expected == as_sets(faces.truth)


def test_only_fresh_faces_start_a_merge_but_what_grows_goes_on() -> None:
    near = unit(np.array([[1, 0, 0], [1, 0.1, 0], [0, 1, 0], [0, 1, 0.1], [0, 1, 0.2]], np.float32))
    every = np.arange(5)
    groups = Groups(near, every, every)
    agglomerate(groups, 0.9, np.ones(5, bool), fresh=np.array([4]))
    assert as_sets(groups.label) == {frozenset({0}), frozenset({1}), frozenset({2, 3, 4})}


def test_groups_meet_again_once_their_token_is_forgotten() -> None:
    same = np.ones((3, 4), np.float32)
    groups = Groups(same, np.array([0, 1, 2, 0, 1]), np.array([0, 1, 2, 7, 7]))
    first, second = np.array([0, 0]), np.array([1, 2])
    assert groups.may_meet(first, second).tolist() == [False, True]
    groups.forget(7)
    assert groups.may_meet(first, second).tolist() == [True, True]


def test_a_row_of_zeros_stays_one() -> None:
    rows = unit(np.array([[0, 0], [3, 4]], np.float32))
    assert rows == pytest.approx(np.array([[0, 0], [0.6, 0.8]]))
