"""Pairs found once say the same as products made again: who meets, who is a rival."""

import numpy as np
import pytest

from memoria_pipeline.people.cluster import Grouping, cluster
from memoria_pipeline.people.confidence import evidence
from memoria_pipeline.people.groups import Groups, unit
from memoria_pipeline.people.linkage import _best_of, _known, agglomerate
from memoria_pipeline.people.near import Near, near
from memoria_pipeline.people.workers import in_order
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, Event, as_sets, event

PAIRS = event(people=300, each=2, noise=0.09)
CROWD = event(people=20, each=30, noise=0.09)


@pytest.fixture(autouse=True)
def _looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events as small as these are compared afresh otherwise."""
    monkeypatch.setattr("memoria_pipeline.people.linkage.LOOK", 0)


def few(vectors: np.ndarray, each: int) -> Near:
    """So many pairs per face that bounds decide, as they do in a large event."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("memoria_pipeline.people.near.EACH", each)
        return near(vectors, THRESHOLDS.merge)


def start(faces: Event) -> Groups:
    return Groups(faces.vectors.copy(), np.arange(len(faces.photo)), faces.photo)


@pytest.mark.parametrize("faces", [PAIRS, CROWD], ids=["pairs", "crowd"])
@pytest.mark.parametrize("each", [1, 5, 1000])
def test_the_same_people_meet_as_by_a_product_of_all(faces: Event, each: int) -> None:
    by_pairs, by_product = start(faces), start(faces)
    seeds = np.ones(len(faces.photo), bool)
    agglomerate(by_pairs, THRESHOLDS.merge, seeds, near=few(faces.vectors, each))
    agglomerate(by_product, THRESHOLDS.merge, seeds)
    assert as_sets(by_pairs.label) == as_sets(by_product.label)


def test_with_more_pairs_than_are_kept_the_people_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = grouped(CROWD)
    monkeypatch.setattr("memoria_pipeline.people.near.MOST", 200)
    monkeypatch.setattr("memoria_pipeline.people.linkage.ROUND", 100)
    assert near(CROWD.vectors, THRESHOLDS.merge).floor > THRESHOLDS.merge
    assert grouped(CROWD).labels.tolist() == expected.labels.tolist()


def test_merging_some_pairs_at_a_time_comes_to_the_same_people(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = grouped(CROWD)
    monkeypatch.setattr("memoria_pipeline.people.linkage.ROUND", 50)
    assert as_sets(grouped(CROWD).labels) == as_sets(expected.labels)


@pytest.mark.parametrize("most", [20, 100, 1000])
def test_of_single_faces_the_most_alike_pairs_follow_without_a_look_at_the_others(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups, near = start(CROWD), few(CROWD.vectors, 5)
    every, least = np.ones(len(CROWD.photo), bool), max(THRESHOLDS.merge, near.floor)
    assert near.reached_by(most) > least
    monkeypatch.setattr("memoria_pipeline.people.linkage.ROUND", most)
    found = _known(groups, near, every, every, least)
    expected = _best_of(near.between(groups, every, every, least), most)
    assert found.floor == expected.floor
    assert found.a.tolist() == expected.a.tolist()
    assert found.b.tolist() == expected.b.tolist()
    assert found.cosine.tolist() == expected.cosine.tolist()


@pytest.mark.parametrize("faces", [PAIRS, CROWD], ids=["pairs", "crowd"])
def test_groups_that_are_few_are_compared_afresh_with_the_same_result(
    faces: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_looking = grouped(faces)
    monkeypatch.setattr("memoria_pipeline.people.linkage.LOOK", 10**9)
    afresh = grouped(faces)
    assert afresh.labels.tolist() == by_looking.labels.tolist()
    assert afresh.margin.tolist() == by_looking.margin.tolist()


def grouped(faces: Event, workers: int | None = None) -> Grouping:
    return cluster(faces.vectors, faces.photo, thresholds=THRESHOLDS, workers=workers)


@pytest.mark.parametrize("faces", [PAIRS, CROWD], ids=["pairs", "crowd"])
@pytest.mark.parametrize("each", [1, 5, 40])
def test_the_rival_is_the_nearest_of_all(
    faces: Event, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memoria_pipeline.people.confidence.PAIR", 0)
    weight = np.random.default_rng(0).uniform(0.1, 1, len(faces.photo)).astype(np.float32)
    put = faces.vectors, weight, grouped(faces).labels, faces.photo
    for mine, expected in zip(
        evidence(*put, few(faces.vectors, each)), evidence(*put), strict=True
    ):
        assert mine == pytest.approx(expected, abs=2e-6)


def test_a_pair_of_groups_is_named_once_with_the_cosine_of_their_sums() -> None:
    groups, all_of_them = start(CROWD), np.ones(len(CROWD.photo), bool)
    known = few(CROWD.vectors, 1000)
    groups.join(np.array([0, 1]), np.array([20, 21]))  # twenty people, one after the other
    taking = groups.label == np.arange(len(groups.label))
    found = known.between(groups, taking, all_of_them, 0.5)
    assert found.cosine == pytest.approx((groups.means[found.a] * groups.means[found.b]).sum(1))
    names = groups.names()
    product = np.triu(groups.means[names] @ groups.means[names].T >= 0.5, 1)
    expected = {(int(names[i]), int(names[j])) for i, j in np.argwhere(product)}
    expected = {(a, b) for a, b in expected if groups.may_meet(np.array([a]), np.array([b]))[0]}
    assert set(zip(found.a.tolist(), found.b.tolist(), strict=True)) == expected
    assert len(found) == len(expected)


def test_any_number_of_workers_comes_to_the_very_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memoria_pipeline.people.graph.TILE", (64, 96))
    monkeypatch.setattr("memoria_pipeline.people.rivals.BLOCK", 4_000)
    one, three = grouped(PAIRS, 1), grouped(PAIRS, 3)
    for name in ("labels", "probability", "margin", "trusted", "representative", "evidence"):
        assert getattr(one, name).tobytes() == getattr(three, name).tobytes()


def test_results_come_in_the_order_of_their_parts_and_errors_come_through() -> None:
    assert list(in_order(lambda part: part * part, range(50), 4)) == [i * i for i in range(50)]
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda part: 1 // part, [2, 1, 0], 2))


def test_groups_of_many_are_summed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, pieces = start(CROWD), start(CROWD)
    gone = np.setdiff1d(np.arange(600), np.arange(0, 600, 30))
    whole.join(gone // 30 * 30, gone)
    monkeypatch.setattr("memoria_pipeline.people.groups.GATHERED", 128 * 40)
    pieces.join(gone // 30 * 30, gone)
    assert whole.sums.tobytes() == pieces.sums.tobytes()
    assert pieces.means[::30] == pytest.approx(unit(pieces.sums[::30]))
