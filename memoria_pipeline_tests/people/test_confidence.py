"""p(same person) of faces, and what it is made of."""

from dataclasses import replace

import numpy as np
import pytest

from memoria_pipeline.people.confidence import (
    NONE,
    evidence,
    group_sums,
    logistic,
    probability,
    with_rest,
    with_rival,
)
from memoria_pipeline.people.linkage import unit
from memoria_pipeline.people.thresholds import Certainty, Thresholds
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

CERTAINTY = Certainty(
    own=5, margin=14, base=-2.5, alone=-37, alone_base=17, pair=55, pair_base=-24,
)  # fmt: skip
SURE = replace(THRESHOLDS, certainty=CERTAINTY)
GUESTS = event(people=30, each=4)
WEIGHT = np.random.default_rng(0).uniform(0.1, 1, len(GUESTS.truth)).astype(np.float32)


def test_a_face_that_is_nearer_and_further_ahead_is_surer() -> None:
    own = np.array([0.4, 0.6, 0.6], np.float32)
    rival = np.array([0.35, 0.35, 0.1], np.float32)
    p = probability(own, rival, SURE)
    assert (np.diff(p) > 0).all()
    assert ((p > 0) & (p < 1)).all()


def test_a_face_alone_is_surer_the_further_the_nearest_other_is() -> None:
    nobody = np.full(3, NONE)
    p = probability(nobody, np.array([0.45, 0.2, NONE], np.float32), SURE)
    assert (np.diff(p) > 0).all()
    assert p[2] == pytest.approx(1)


def test_a_calibration_from_before_is_judged_by_slope_and_even() -> None:
    own, rival = np.array([0.5, NONE], np.float32), np.array([0.1, 0.3], np.float32)
    p = probability(own, rival, THRESHOLDS)
    assert p[0] == pytest.approx(logistic(own, THRESHOLDS)[0])
    assert p[1] == pytest.approx(1 - logistic(rival, THRESHOLDS)[1])


def test_a_face_is_held_against_the_weighted_rest_of_its_group() -> None:
    own, _ = evidence(GUESTS.vectors, WEIGHT, GUESTS.truth, GUESTS.photo)
    for face in (0, 17, 60):
        rest = (GUESTS.truth == GUESTS.truth[face]) & (np.arange(len(own)) != face)
        mean = (GUESTS.vectors[rest] * WEIGHT[rest, None]).sum(axis=0)
        expected = GUESTS.vectors[face] @ mean / np.linalg.norm(mean)
        assert own[face] == pytest.approx(expected, abs=1e-5)
    alone = np.arange(len(own))
    assert (evidence(GUESTS.vectors, WEIGHT, alone, GUESTS.photo)[0] == NONE).all()
    # What rounding leaves of a face alone is no rest.
    sums = group_sums(GUESTS.vectors, WEIGHT, alone) + np.float32(1e-7)
    assert (with_rest(GUESTS.vectors, WEIGHT, alone, sums, alone) == NONE).all()
    faces = np.repeat(GUESTS.vectors[:1], 2, axis=0) * np.array([[1], [-1]], np.float32)
    even = np.ones(2, np.float32)
    assert with_rest(faces, even, np.zeros(2, int), faces[:1], np.arange(2)).tolist()[0] == NONE


def test_a_rival_is_the_nearest_group_without_a_face_in_the_photo() -> None:
    _, rival = evidence(GUESTS.vectors, WEIGHT, GUESTS.truth, GUESTS.photo)
    means = unit(group_sums(GUESTS.vectors, WEIGHT, GUESTS.truth))
    cosine = GUESTS.vectors @ means.T
    for face, row in enumerate(cosine):
        row[GUESTS.truth[GUESTS.photo == GUESTS.photo[face]]] = NONE
    assert rival == pytest.approx(cosine.max(axis=1), abs=1e-6)


def test_some_faces_are_told_the_same_as_all_and_those_of_nobody_count_for_none() -> None:
    label = np.where(GUESTS.truth == 3, -1, GUESTS.truth)
    sums = group_sums(GUESTS.vectors, WEIGHT, label)
    assert not sums[3].any()
    every, some = np.flatnonzero(label >= 0), np.flatnonzero(label >= 0)[5::7]
    told = [
        (
            with_rest(GUESTS.vectors, WEIGHT, label, sums, faces),
            with_rival(GUESTS.vectors, unit(sums), label, GUESTS.photo, faces),
        )
        for faces in (every, some)
    ]
    for whole, part in zip(*told, strict=True):
        assert part == pytest.approx(whole[5::7], abs=1e-6)
    nobody = np.flatnonzero(label < 0)
    assert (with_rival(GUESTS.vectors, unit(sums), label, GUESTS.photo, nobody) < 0.5).all()


def test_a_lone_group_has_no_rival() -> None:
    one = np.zeros(len(GUESTS.truth), np.int64)
    assert (evidence(GUESTS.vectors, WEIGHT, one, GUESTS.photo)[1] == NONE).all()
    empty = evidence(GUESTS.vectors[:0], WEIGHT[:0], one[:0], one[:0])
    assert [len(each) for each in empty] == [0, 0]


def test_a_calibration_with_numbers_of_an_older_release_still_loads() -> None:
    older = SURE.as_table() | {"p_pair_size": 0.1, "p_rival": 50, "p_rival_margin": 10}
    assert Thresholds.of(older) == SURE


def test_thresholds_survive_a_table_with_and_without_certainty() -> None:
    for each in (THRESHOLDS, SURE):
        assert Thresholds.of(each.as_table()) == each


def test_half_a_certainty_is_refused() -> None:
    table = SURE.as_table()
    del table["p_pair"]
    with pytest.raises(ValueError, match="lack p_pair"):
        Thresholds.of(table)
