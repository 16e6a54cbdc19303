"""An event's own thresholds."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from memoria_pipeline.people import measure
from memoria_pipeline.people.candidates import same_probability
from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.confidence import probability
from memoria_pipeline.people.linkage import unit
from memoria_pipeline.people.tighten import MOST, moved, tighten
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
    assert tighten(KNOWN, blurred(0.12), GUESTS.photo) == KNOWN


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


def side_by_side(vectors: NDArray[np.float32], alike: float) -> NDArray[np.float32]:
    """In every photo the second face made as much like the first."""
    vectors = vectors.copy()
    for photo in np.unique(GUESTS.photo):
        first, second = np.flatnonzero(GUESTS.photo == photo)[:2]
        vectors[second] = alike * vectors[first] + (1 - alike**2) ** 0.5 * vectors[second]
    return unit(vectors)


@pytest.mark.parametrize("alike", [0.55, 0.9, 1.0])
def test_like_pairs_alone_are_mirrors_or_families_and_do_not_tighten(alike: float) -> None:
    assert tighten(KNOWN, side_by_side(GUESTS.vectors, alike), GUESTS.photo) == KNOWN


def test_like_pairs_and_something_in_common_tighten_by_what_is_in_common() -> None:
    assert tighten(KNOWN, blurred(0.1), GUESTS.photo) == KNOWN
    own = tighten(KNOWN, side_by_side(blurred(0.1), 0.6), GUESTS.photo)
    assert own.merge == pytest.approx(0.1 + 0.9 * KNOWN.merge, abs=0.02)
    for unknown in (None, 0.0):
        old = replace(KNOWN, far=unknown)
        assert tighten(old, side_by_side(blurred(0.1), 0.6), GUESTS.photo) == old


@pytest.mark.parametrize(("people", "times"), [(20, 2), (40, 3), (10, 4)])
def test_mirrors_strips_and_collages_do_not_tighten(people: int, times: int) -> None:
    photo = GUESTS.photo.copy()
    for who in range(people):
        photo[np.flatnonzero(GUESTS.truth == who)[:times]] = 1000 + who
    assert tighten(KNOWN, GUESTS.vectors, photo) == KNOWN
    collage = np.where(photo >= 1000, 1000, photo)
    assert tighten(KNOWN, GUESTS.vectors, collage) == KNOWN


def test_a_single_mirror_means_nothing_where_no_stranger_was_ever_so_like() -> None:
    never = replace(KNOWN, far=0.0)
    photo = GUESTS.photo.copy()
    photo[np.flatnonzero(GUESTS.truth == 0)[:2]] = 1000
    assert tighten(never, GUESTS.vectors, photo) == never


def test_copies_of_all_faces_are_no_error() -> None:
    faces = unit(np.random.default_rng(0).normal(size=(400, 64)).astype(np.float32))
    twice, photo = np.repeat(faces, 2, axis=0), np.repeat(np.arange(400), 2)
    assert tighten(KNOWN, twice, photo) == KNOWN
    one_face = np.repeat(faces[:1], 800, axis=0)
    assert tighten(KNOWN, one_face, photo) == moved(KNOWN, MOST)


def test_like_by_like_in_each_photo_is_a_seating_order_and_no_event() -> None:
    middle = np.random.default_rng(0).normal(size=(GUESTS.photo.max() + 1, 128))
    vectors = unit((GUESTS.vectors + 0.07 * middle[GUESTS.photo]).astype(np.float32))
    assert tighten(KNOWN, vectors, GUESTS.photo) == KNOWN


def test_an_event_of_one_person_with_each_guest_in_turn_has_nothing_in_common() -> None:
    portraits = event(people=1, each=600).vectors
    guests = event(people=200, each=1, seed=1).vectors
    photo = np.append(np.arange(600), np.arange(200))
    assert tighten(KNOWN, np.concatenate([portraits, guests]), photo) == KNOWN


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
    two, three = np.array([2]), np.array([3])
    before = same_probability(np.array([0.4]), two, three, 800, KNOWN)
    later = same_probability(np.array([0.55]), two, three, 800, higher)
    assert later == pytest.approx(before, abs=1e-6)
