"""Evidence faces."""

import numpy as np
import pytest

from memoria_pipeline.people import support
from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.support import supporters
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

FACES = event(people=40, each=6)
EVEN = np.ones(len(FACES.truth), np.float32)


def test_evidence_is_the_most_alike_of_the_same_person() -> None:
    found = supporters(FACES.vectors, EVEN, FACES.truth, FACES.photo)
    cosine = FACES.vectors @ FACES.vectors.T
    cosine[FACES.truth[:, None] != FACES.truth[None, :]] = -2
    np.fill_diagonal(cosine, -2)
    nearest = np.take_along_axis(cosine, np.argsort(-cosine, axis=1)[:, :3], axis=1)
    assert np.take_along_axis(cosine, found, axis=1) == pytest.approx(nearest, abs=2e-4)


def test_a_face_alone_has_no_evidence_and_one_of_two_has_one() -> None:
    vectors = FACES.vectors[:3]
    found = supporters(vectors, EVEN[:3], np.array([0, 1, 1]), np.arange(3))
    assert found.tolist() == [[-1, -1, -1], [2, -1, -1], [1, -1, -1]]


def test_the_better_of_two_equal_faces_is_named_first() -> None:
    vectors = np.repeat(FACES.vectors[:1], 3, axis=0)
    quality = np.array([0.5, 0.3, 0.9], np.float32)
    found = supporters(vectors, quality, np.zeros(3, int), np.arange(3))
    assert found.tolist() == [[2, 1, -1], [2, 0, -1], [0, 1, -1]]


def test_a_face_of_the_same_photo_comes_last() -> None:
    vectors = FACES.vectors[FACES.truth == 0][:3]
    found = supporters(vectors, EVEN[:3], np.zeros(3, int), np.array([7, 7, 8]))
    assert found.tolist() == [[2, 1, -1], [2, 0, -1], [found[2, 0], 1 - found[2, 0], -1]]


def test_of_a_large_person_only_the_best_faces_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "GATHERED", 1)
    one = event(people=1, each=100)
    quality = np.linspace(1, 0, 100, dtype=np.float32)
    found = supporters(one.vectors, quality, one.truth, one.photo)
    assert found.min() >= 0
    assert found.max() < support.LOOKED_AT
    assert (found != np.arange(100)[:, None]).all()


def test_a_grouping_names_evidence_in_the_callers_positions() -> None:
    classes = np.where(np.arange(len(EVEN)) % 7 == 0, "C", "A")
    found = cluster(FACES.vectors, FACES.photo, thresholds=THRESHOLDS, quality_class=classes)
    row, column = np.nonzero(found.evidence >= 0)
    assert len(row) > len(EVEN)
    assert (found.labels[found.evidence[row, column]] == found.labels[row]).all()
    assert (found.evidence[row, column] != row).all()
    assert (found.evidence[classes == "C"] == -1).all()


def test_nobody_speaks_for_nobody() -> None:
    nothing = np.empty(0, int)
    vectors = np.empty((0, 1), np.float32)
    assert supporters(vectors, EVEN[:0], nothing, nothing).shape == (0, 3)
