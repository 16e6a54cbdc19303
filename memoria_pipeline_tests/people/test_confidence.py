"""p(same person) of faces and of pairs of groups."""

from dataclasses import replace

import numpy as np
import pytest

from memoria_pipeline.people.confidence import NONE, logistic, pair_probability, probability
from memoria_pipeline.people.thresholds import Certainty, Thresholds
from memoria_pipeline_tests.people.synthetic import THRESHOLDS

CERTAINTY = Certainty(
    own=5, margin=14, base=-2.5, alone=-37, alone_base=17, pair=55, pair_size=0.1, pair_base=-24,
    rival=50, rival_margin=10, rival_size=0.1, rival_base=-23,
)  # fmt: skip
SURE = replace(THRESHOLDS, certainty=CERTAINTY)


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
    same = pair_probability([0.4], [1], [1], None, THRESHOLDS)
    assert same == pytest.approx(0.5, abs=0.01)


def test_two_groups_are_surer_the_more_alike_they_are_and_the_less_others_are() -> None:
    p = pair_probability([0.40, 0.44, 0.44], [2, 2, 8], [1, 1, 1], None, SURE)
    assert (np.diff(p) > 0).all()
    p = pair_probability([0.44, 0.44], [2, 2], [1, 1], [0.43, 0.2], SURE)
    assert p[1] > p[0]


def test_thresholds_survive_a_table_with_and_without_certainty() -> None:
    for each in (THRESHOLDS, SURE):
        assert Thresholds.of(each.as_table()) == each


def test_half_a_certainty_is_refused() -> None:
    table = SURE.as_table()
    del table["p_pair"]
    with pytest.raises(ValueError, match="lack p_pair"):
        Thresholds.of(table)
