"""New faces → the persons who are there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.incremental import Extended, extend
from memoria_pipeline.people.measure import b_cubed, churn, impure
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, Event, as_sets, event


def axis(*weights: float) -> np.ndarray:
    """A vector of eight numbers with these first ones."""
    vector = np.zeros(8, np.float32)
    vector[: len(weights)] = weights
    return vector


def labels_of(found: Extended) -> list[int]:
    return [int(label) for label in found.grouping.labels]


def test_new_faces_join_the_persons_who_are_there() -> None:
    faces = event(people=30, each=6)
    old = np.arange(180) < 120
    person = np.where(old, faces.truth, -1)
    found = extend(faces.vectors, faces.photo, person=person, thresholds=THRESHOLDS)
    assert b_cubed(found.grouping.labels, faces.truth).f == 1
    assert (found.continues[found.grouping.labels] == faces.truth).all()


def test_who_was_not_there_is_someone_new() -> None:
    faces = event(people=10, each=4)
    person = np.where((faces.truth < 7) & (np.arange(40) < 30), faces.truth, -1)
    found = extend(faces.vectors, faces.photo, person=person, thresholds=THRESHOLDS)
    assert b_cubed(found.grouping.labels, faces.truth).f == 1
    assert sorted(found.continues.tolist()) == [-1, -1, -1, 0, 1, 2, 3, 4, 5, 6]


def test_with_nobody_there_it_groups_as_cluster_does() -> None:
    faces = event(people=20, each=6, noise=0.1)
    found = extend(faces.vectors, faces.photo, person=np.full(120, -1), thresholds=THRESHOLDS)
    whole = cluster(faces.vectors, faces.photo, thresholds=THRESHOLDS)
    assert found.grouping.labels.tolist() == whole.labels.tolist()
    assert (found.continues == -1).all()


BETWEEN = np.stack([axis(1), axis(1), axis(0, 1), axis(0, 1), axis(1, 1.02)])
"""Two persons, and a face that is a hair nearer to the second."""


def test_a_face_between_two_reviewed_persons_is_left_for_a_human() -> None:
    found = extend(
        BETWEEN, range(5), person=[0, 0, 1, 1, -1], reviewed=[True, True], thresholds=THRESHOLDS
    )
    assert labels_of(found) == [0, 0, 1, 1, 2]
    assert found.continues.tolist() == [0, 1, -1]


@pytest.mark.parametrize(("reviewed", "label"), [([True, False], 1), ([False, True], 2)])
def test_only_persons_whom_nobody_reviewed_take_a_face_that_is_too_close_a_call(
    reviewed: list[bool], label: int
) -> None:
    person = [0, 0, 1, 1, -1]
    found = extend(BETWEEN, range(5), person=person, reviewed=reviewed, thresholds=THRESHOLDS)
    assert labels_of(found) == [0, 0, 1, 1, label]  # nor does the runner-up get it


def test_faces_too_close_a_call_may_be_someone_new_together() -> None:
    three = np.concatenate([BETWEEN, BETWEEN[4:]])
    found = extend(
        three, range(6), person=[0, 0, 1, 1, -1, -1], reviewed=[True, True], thresholds=THRESHOLDS
    )
    assert labels_of(found) == [0, 0, 1, 1, 2, 2]


def test_new_faces_that_are_like_a_reviewed_person_only_together_are_someone_new() -> None:
    side = [axis(0.43, 0.9, 0.1), axis(0.43, 0.9, -0.1), axis(0.43, -0.1, 0.9)]
    vectors = np.stack([axis(1), axis(1), *side, axis(0.43, 0.4, 0.8)])
    for reviewed, persons in (([False], 1), ([True], 3)):
        found = extend(
            vectors, range(6), person=[0, 0, *[-1] * 4], reviewed=reviewed, thresholds=THRESHOLDS
        )
        assert len(set(labels_of(found))) == persons


def test_a_blurred_face_joins_nobody_of_whom_only_blurred_ones_are_known() -> None:
    same = np.stack([axis(1), axis(1, 0.01)])
    found = extend(same, range(2), person=[0, -1], quality_class=["B", "B"], thresholds=THRESHOLDS)
    assert labels_of(found) == [0, 1]


def test_a_blurred_face_joins_who_is_sure_before_new_faces_make_a_rival() -> None:
    blurred = axis(0.42, 0.4, 0.81)
    new = [axis(0, 1), axis(0, 1, 0.01), axis(0, 1, 0.02)]
    vectors = np.stack([axis(1), axis(1, 0, 0.01), axis(1, 0, 0.02), blurred, *new])
    found = extend(
        vectors, range(7), person=[0, 0, 0, *[-1] * 4], quality_class=[*"AAABAAA"],
        thresholds=THRESHOLDS,
    )  # fmt: skip
    assert labels_of(found) == [0, 0, 0, 0, 1, 1, 1]


def test_persons_who_are_there_meet_less_easily_than_new_faces_do() -> None:
    near = [axis(1, 0.55 * x) for x in (-1, -1, 1, 1, 1)]  # .54 alike: above `merge`
    found = extend(np.stack(near), range(5), person=[0, 0, 1, 1, -1], thresholds=THRESHOLDS)
    assert len(set(labels_of(found)[:4])) == 2


def test_persons_whom_no_new_face_joined_never_meet() -> None:
    found = extend(
        np.stack([axis(1), axis(1, 0.1), axis(0, 0, 1)]),
        range(3),
        person=[0, 1, -1],
        thresholds=THRESHOLDS,
    )
    assert labels_of(found) == [0, 1, 2]


def test_a_poor_face_that_a_human_confirmed_takes_sharp_ones_in() -> None:
    same = np.stack([axis(1), axis(1, 0.01), axis(1, 0.02), axis(1, 0.03)])
    classes = ["C", "A", "A", "C"]
    person = [0, -1, -1, -1]
    found = extend(
        same, range(4), person=person, quality_class=classes, reviewed=[True],
        thresholds=THRESHOLDS,
    )  # fmt: skip
    assert labels_of(found) == [0, 0, 0, -1]
    assert found.continues.tolist() == [0]
    afresh = cluster(same, range(4), anchor=person, quality_class=classes, thresholds=THRESHOLDS)
    assert afresh.labels.tolist() == [0, 0, 0, -1]


def test_two_persons_whom_new_faces_show_to_be_one_are_merged() -> None:
    near = [axis(1, 0.75 * x) for x in (-1, -1, 1, 1, 0, 0, 0)]
    person = [4, 4, 2, 2, -1, -1, -1]
    found = extend(np.stack(near), range(7), person=person, thresholds=THRESHOLDS)
    assert labels_of(found) == [0] * 7
    assert found.continues.tolist() == [2]


def test_of_two_persons_who_meet_the_one_with_more_faces_goes_on() -> None:
    near = [axis(1, 0.7 * x) for x in (-1, -1, 1, 1, 1, 0, 0, 0, 0, 0, 0)]
    person = [2, 2, 4, 4, 4, *[-1] * 6]
    found = extend(np.stack(near), range(11), person=person, thresholds=THRESHOLDS)
    assert labels_of(found) == [0] * 11
    assert found.continues.tolist() == [4]


@pytest.mark.parametrize("reviewed", [[True, True], [True, False], [False, True]])
def test_a_reviewed_person_is_never_merged(reviewed: list[bool]) -> None:
    near = [axis(1, 0.75 * x) for x in (-1, -1, 1, 1, 0, 0, 0)]
    person = [0, 0, 1, 1, -1, -1, -1]
    found = extend(
        np.stack(near), range(7), person=person, reviewed=reviewed, thresholds=THRESHOLDS
    )
    assert len(set(labels_of(found)[:4])) == 2


def test_a_face_that_was_rejected_from_a_person_does_not_come_back() -> None:
    same = np.stack([axis(1), axis(1), axis(1, 0.01), axis(1, 0.02)])
    found = extend(same, range(4), person=[0, 0, -1, -1], rejected=[(2, 0)], thresholds=THRESHOLDS)
    assert labels_of(found) == [0, 0, 1, 0]


def test_faces_rejected_from_one_person_may_be_another_together() -> None:
    same = np.stack([axis(1), axis(1), axis(1, 0.01), axis(1, 0.02)])
    found = extend(
        same, range(4), person=[0, 0, -1, -1], rejected=[(2, 0), (3, 0)], thresholds=THRESHOLDS
    )
    assert labels_of(found) == [0, 0, 1, 1]


def test_a_mirror_may_be_twice_in_a_photo_but_takes_nobody_else_from_it() -> None:
    same = np.stack([axis(1), axis(1, 0.1), axis(1, 0.05)])
    found = extend(same, ["a"] * 3, person=[0, 0, -1], thresholds=THRESHOLDS)
    assert labels_of(found) == [0, 0, 1]


def test_a_poor_face_keeps_its_person_and_without_one_stays_in_no_group() -> None:
    same = np.stack([axis(1), axis(1), axis(1), axis(0, 1)])
    found = extend(
        same, range(4), person=[0, 0, -1, 1], quality_class=["A", "C", "C", "C"],
        thresholds=THRESHOLDS,
    )  # fmt: skip
    assert labels_of(found) == [0, 0, -1, 1]


def test_too_few_reviews_and_codes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="reviewed"):
        extend(np.eye(2, 8), [0, 1], person=[0, 5], reviewed=[True], thresholds=THRESHOLDS)
    with pytest.raises(ValueError, match="person codes"):
        extend(np.eye(2, 8), [0, 1], person=[0, -2], thresholds=THRESHOLDS)


@pytest.mark.parametrize("faces", [event(20, 6, noise=0.08), event(40, 8, noise=0.09)])
def test_photo_by_photo_is_hardly_worse_than_all_at_once(faces: Event) -> None:
    person = np.full(len(faces.truth), -1)
    for photos in np.array_split(np.unique(faces.photo), 12):
        now = faces.photo <= photos[-1]
        found = extend(faces.vectors[now], faces.photo[now], person=person[now],
                       thresholds=THRESHOLDS)  # fmt: skip
        person[now] = found.grouping.labels
    whole = cluster(faces.vectors, faces.photo, thresholds=THRESHOLDS).labels
    assert b_cubed(person, faces.truth).f > b_cubed(whole, faces.truth).f - 0.02


events = st.builds(
    event,
    people=st.integers(1, 12),
    each=st.integers(1, 6),
    noise=st.floats(0.0, 0.4),
    d=st.sampled_from([3, 8, 16]),
    seed=st.integers(0, 999),
)


@settings(max_examples=60, deadline=None)
@given(faces=events, seed=st.integers(0, 99))
def test_old_faces_stay_and_nobody_meets_who_must_not(faces: Event, seed: int) -> None:
    chance = np.random.default_rng(seed)
    n = len(faces.truth)
    person = np.where(chance.random(n) < 0.6, chance.integers(0, 6, n), -1)
    reviewed = chance.random(6) < 0.5
    rejected = [(int(face), int(chance.integers(6))) for face in np.flatnonzero(person == -1)]
    classes = chance.choice(["A", "A", "B", "C"], n)

    def people(rows: np.ndarray) -> Extended:
        where = {int(face): at for at, face in enumerate(rows)}
        return extend(
            faces.vectors[rows], faces.photo[rows], person=person[rows], reviewed=reviewed,
            rejected=[(where[face], code) for face, code in rejected],
            quality_class=classes[rows], thresholds=THRESHOLDS,
        )  # fmt: skip

    found = people(np.arange(n))
    labels = found.grouping.labels
    kept = (person >= 0) & reviewed[person]
    assert churn(person[kept], labels[kept]) == 0
    assert (found.continues[labels[kept]] == person[kept]).all()
    for code in np.unique(person[person >= 0]):
        assert len(set(labels[person == code])) == 1
    for face, code in rejected:
        assert not (labels[person == code] == labels[face]).any()
    new = person == -1
    assert impure(labels[new], faces.photo[new]) == 0
    order = chance.permutation(n)
    back = np.empty(n, np.int64)
    back[order] = people(order).grouping.labels
    assert as_sets(back) == as_sets(labels)
