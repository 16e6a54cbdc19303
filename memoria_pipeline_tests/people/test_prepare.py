"""Faces on their way into grouping."""

import numpy as np
import pytest

from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.prepare import FAINTEST, prepare, weights
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

GUESTS = event(people=6, each=4)


def test_poor_faces_weigh_less_and_none_weighs_nothing() -> None:
    found = weights([0.0, 0.1, 0.5, 1.0, 2.0])
    assert found.tolist() == pytest.approx([FAINTEST, FAINTEST, 0.25, 1, 1])
    assert found.dtype == np.float32


def test_a_face_of_class_c_weighs_least_whatever_its_quality() -> None:
    faces = prepare(GUESTS.vectors, GUESTS.photo, np.ones(24), ["C"] + ["A"] * 23, person=[0] * 24)
    assert faces.given[0] == np.float32(FAINTEST)
    assert (faces.given[1:] == 1).all()


def test_a_confirmed_face_that_shows_nothing_does_not_pull_its_person_away() -> None:
    # The first face is noise that a human confirmed; the others of the person still come together.
    mine = np.flatnonzero(GUESTS.truth == GUESTS.truth[0])
    vectors = GUESTS.vectors.copy()
    vectors[0] = event(people=1, each=1, seed=9).vectors[0]
    anchor = np.full(24, -1)
    anchor[mine[:2]] = 0
    classes = np.where(np.arange(24) == 0, "C", "A")
    found = cluster(
        vectors, np.arange(24), quality_class=classes, anchor=anchor, thresholds=THRESHOLDS
    )
    assert len(set(found.labels[mine].tolist())) == 1
