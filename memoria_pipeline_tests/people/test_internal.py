"""Measures that need no truth."""

import numpy as np
import pytest

from memoria_pipeline.people import internal as room
from memoria_pipeline.people import measure
from memoria_pipeline.people.internal import internal
from memoria_pipeline_tests.people.synthetic import event

FACES = event(people=40, each=5)
GOOD = internal(FACES.vectors, FACES.truth, FACES.photo, before=FACES.truth)


def test_all_is_counted_in_plain_floats() -> None:
    assert all(type(value) is float for value in GOOD.values())
    assert (GOOD["faces"], GOOD["persons"], GOOD["impure"], GOOD["single"]) == (200, 40, 0, 0)
    assert GOOD["noise_ratio"] == 0


def test_cohesion_is_the_mean_cosine_with_the_others_of_the_group() -> None:
    cosine = FACES.vectors @ FACES.vectors.T
    same = (FACES.truth[:, None] == FACES.truth[None, :]) & ~np.eye(200, dtype=bool)
    assert GOOD["cohesion"] == pytest.approx(cosine[same].mean(), abs=1e-5)
    assert GOOD["cohesion_low"] < GOOD["cohesion"]


def test_separation_is_the_mean_cosine_with_the_nearest_other_group() -> None:
    cosine = FACES.vectors @ FACES.vectors.T
    means = np.stack([cosine[:, FACES.truth == who].mean(axis=1) for who in range(40)], axis=1)
    means[np.arange(200), FACES.truth] = -1
    assert GOOD["separation"] == pytest.approx(means.max(axis=1).mean(), abs=1e-5)
    assert GOOD["separation_high"] > GOOD["separation"]


def test_the_silhouette_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BLOCK", 1000)
    labels = np.where(np.arange(200) % 9 == 0, 1000 + np.arange(200), FACES.truth)
    found = internal(FACES.vectors, labels, FACES.photo)
    assert found["silhouette"] == pytest.approx(measure.silhouette(FACES.vectors, labels), abs=1e-4)


def test_a_sample_says_about_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SAMPLE", 70)
    found = internal(FACES.vectors, FACES.truth, FACES.photo)
    assert found["cohesion"] == GOOD["cohesion"]
    assert found["silhouette"] == pytest.approx(GOOD["silhouette"], abs=0.02)


def test_a_worse_grouping_looks_worse() -> None:
    mixed = internal(FACES.vectors, FACES.truth // 2, FACES.photo)
    split = internal(FACES.vectors, np.arange(200) // 2, FACES.photo)
    for worse in (mixed, split):
        assert worse["silhouette"] < GOOD["silhouette"]
    assert mixed["cohesion"] < GOOD["cohesion"]
    assert mixed["impure"] > 0


def test_faces_of_nobody_count_as_noise_only() -> None:
    labels = np.where(FACES.truth < 4, -1, FACES.truth)
    found = internal(FACES.vectors, labels, FACES.photo)
    assert found["noise_ratio"] == pytest.approx(0.1)
    assert (found["faces"], found["persons"]) == (200, 36)


def test_the_classes_shares_are_named() -> None:
    classes = np.where(np.arange(200) < 150, "A", "B")
    found = internal(FACES.vectors, FACES.truth, FACES.photo, classes)
    assert (found["quality_a"], found["quality_b"], found["quality_c"]) == (0.75, 0.25, 0)


def test_churn_counts_the_faces_that_were_somewhere() -> None:
    before = np.array([None] * 20 + [-1] * 20 + list(FACES.truth[40:]), object)
    assert internal(FACES.vectors, FACES.truth, FACES.photo, before=before)["churn"] == 0
    after = FACES.truth.copy()
    after[199] = 99
    found = internal(FACES.vectors, after, FACES.photo, before=before)["churn"]
    assert found == pytest.approx(4 / 160)
    nothing = internal(FACES.vectors, after, FACES.photo, before=np.full(200, -1))
    assert "churn" not in nothing


def test_what_is_not_defined_is_left_out() -> None:
    nothing = internal(FACES.vectors[:0], np.empty(0, int), np.empty(0, int), np.empty(0, str))
    assert nothing == {"faces": 0, "persons": 0, "impure": 0, "noise_ratio": 0}
    one = internal(FACES.vectors[:1], [0], [0])
    assert not {"cohesion", "separation", "silhouette"} & set(one)
