"""Grouping in parts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.measure import b_cubed, impure
from memoria_pipeline.people.shards import cluster_shards
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, as_sets, event


@pytest.mark.parametrize("shards", [1, 2, 5, 40])
def test_parts_find_the_people_that_one_piece_finds(shards: int) -> None:
    faces = event(people=30, each=8, noise=0.07)
    found = cluster_shards(faces.vectors, faces.photo, shards=shards, thresholds=THRESHOLDS)
    whole = cluster(faces.vectors, faces.photo, thresholds=THRESHOLDS)
    assert as_sets(found.labels) == as_sets(whole.labels) == as_sets(faces.truth)
    assert (found.trusted == whole.trusted).all()


def test_one_shard_is_one_piece() -> None:
    faces = event(people=40, each=5, noise=0.11)
    found = cluster_shards(faces.vectors, faces.photo, shards=1, thresholds=THRESHOLDS)
    whole = cluster(faces.vectors, faces.photo, thresholds=THRESHOLDS)
    assert as_sets(found.labels) == as_sets(whole.labels)


def test_no_face_and_no_shard() -> None:
    nobody = cluster_shards(np.empty((0, 8)), [], shards=3, thresholds=THRESHOLDS)
    assert len(nobody.labels) == 0
    with pytest.raises(ValueError, match="0 shards"):
        cluster_shards(np.eye(2, 8), [0, 1], shards=0, thresholds=THRESHOLDS)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), shards=st.integers(1, 6), noise=st.floats(0.05, 0.3))
def test_what_humans_said_holds_across_shards(seed: int, shards: int, noise: float) -> None:
    chance = np.random.default_rng(seed)
    faces = event(people=8, each=5, noise=noise, d=16, seed=seed)
    n = len(faces.truth)
    anchor = np.where(chance.random(n) < 0.2, chance.integers(0, 4, n), -1)
    free = np.flatnonzero(anchor == -1)
    rejected = [(int(face), int(chance.integers(4))) for face in free[::2]]
    apart = [(int(a), int(b)) for a, b in chance.choice(free, (6, 2)) if a != b]
    labels = cluster_shards(
        faces.vectors,
        faces.photo,
        shards=shards,
        anchor=anchor,
        rejected=rejected,
        cannot_link=apart,
        thresholds=THRESHOLDS,
    ).labels
    codes = np.unique(anchor[anchor >= 0])
    assert len(set(zip(labels[anchor >= 0], anchor[anchor >= 0], strict=True))) == len(codes)
    assert not any((labels[anchor == code] == labels[face]).any() for face, code in rejected)
    assert all(labels[a] != labels[b] for a, b in apart)
    assert impure(labels[free], faces.photo[free]) == 0


def test_hard_people_come_out_nearly_as_well() -> None:
    faces = event(people=150, each=6, noise=0.095)
    found = cluster_shards(faces.vectors, faces.photo, shards=4, thresholds=THRESHOLDS).labels
    whole = cluster(faces.vectors, faces.photo, thresholds=THRESHOLDS).labels
    assert abs(b_cubed(found, faces.truth).f - b_cubed(whole, faces.truth).f) < 0.02
