"""An event's own thresholds."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from memoria_pipeline.people import measure
from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.confidence import pair_probability, probability
from memoria_pipeline.people.linkage import unit
from memoria_pipeline.people.tighten import moved, tighten
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event
from memoria_pipeline_tests.people.test_confidence import CERTAINTY

KNOWN = replace(THRESHOLDS, certainty=CERTAINTY, stranger=0.0, stranger_90=0.115, far=1e-6)
GUESTS = event(people=100, each=4)


def blurred(share: float, seed: int = 0) -> NDArray[np.float32]:
    """The guests, with a share of their cosines that is the same for everybody."""
    way = np.random.default_rng(seed).normal(size=GUESTS.vectors.shape[1])
    mixed = np.sqrt(1 - share) * GUESTS.vectors + np.sqrt(share) * way / np.linalg.norm(way)
    return unit(mixed.astype(np.float32))


def test_an_event_like_any_other_keeps_the_packs_thresholds() -> None:
    assert tighten(KNOWN, GUESTS.vectors, GUESTS.photo) == KNOWN
    assert tighten(KNOWN, blurred(0.08), GUESTS.photo) == KNOWN


def test_what_all_faces_have_in_common_moves_all_thresholds_up() -> None:
    own = tighten(KNOWN, blurred(0.4), GUESTS.photo)
    assert own.merge == pytest.approx(0.4 + 0.6 * KNOWN.merge, abs=0.03)
    assert KNOWN.attach < own.attach < own.merge
    assert own.trust > KNOWN.trust


def test_faces_with_something_in_common_are_grouped_better() -> None:
    found = []
    for thresholds in (KNOWN, tighten(KNOWN, blurred(0.4), GUESTS.photo)):
        labels = cluster(blurred(0.4), GUESTS.photo, thresholds=thresholds).labels
        found.append(measure.b_cubed(labels, GUESTS.truth).f)
    assert found[0] < 0.6
    assert found[1] > 0.9


def test_look_alikes_side_by_side_do_not_tighten() -> None:
    # One pair of look-alikes stands in half of the photos: that is two people, not an event.
    vectors = GUESTS.vectors.copy()
    for photo in np.unique(GUESTS.photo)[::2]:
        first, second = np.flatnonzero(GUESTS.photo == photo)[:2]
        vectors[first], vectors[second] = vectors[0], 0.8 * vectors[0] + 0.6 * vectors[1]
    assert tighten(KNOWN, unit(vectors), GUESTS.photo) == KNOWN


def test_many_different_like_pairs_in_the_same_photos_tighten() -> None:
    # Everybody stands beside somebody else who is .55 like them: that is no chance.
    vectors = GUESTS.vectors.copy()
    for photo in np.unique(GUESTS.photo):
        first, second = np.flatnonzero(GUESTS.photo == photo)[:2]
        vectors[second] = 0.55 * vectors[first] + 0.83 * vectors[second]
    own = tighten(KNOWN, unit(vectors), GUESTS.photo)
    assert 0.5 < own.merge < 0.75


def test_few_pairs_and_old_calibrations_change_nothing() -> None:
    vectors = blurred(0.4)
    few = GUESTS.photo < 10
    assert tighten(KNOWN, vectors[few], GUESTS.photo[few]) == KNOWN
    assert tighten(THRESHOLDS, vectors, GUESTS.photo) == THRESHOLDS
    assert tighten(KNOWN, vectors[:0], GUESTS.photo[:0]) == KNOWN


def test_weak_faces_say_nothing() -> None:
    classes = np.where(np.arange(400) < 50, "A", "B")
    assert tighten(KNOWN, blurred(0.4), GUESTS.photo, classes) == KNOWN


def test_the_order_of_the_faces_does_not_matter() -> None:
    shuffled = np.random.default_rng(0).permutation(400)
    vectors = blurred(0.4)
    once = tighten(KNOWN, vectors, GUESTS.photo)
    assert tighten(KNOWN, vectors[shuffled], GUESTS.photo[shuffled]) == once


def test_p_follows_cosines_that_were_moved() -> None:
    own, rival = np.array([0.5, 0.6, -1], np.float32), np.array([0.1, 0.3, 0.35], np.float32)
    higher = moved(KNOWN, 0.25)
    up = np.where(own < 0, own, 0.25 + 0.75 * own).astype(np.float32)
    plain, after = (
        probability(own, rival, KNOWN),
        probability(up, (0.25 + 0.75 * rival).astype(np.float32), higher),
    )
    assert after == pytest.approx(plain, abs=1e-5)
    before = pair_probability([0.4], [2], [3], [0.3], KNOWN)
    assert pair_probability([0.55], [2], [3], [0.475], higher) == pytest.approx(before, abs=1e-6)
