"""How good a grouping is."""

import numpy as np
import pytest

from memoria_pipeline.people import measure
from memoria_pipeline_tests.people.synthetic import event

TRUTH = ["ann", "ann", "ann", "bob", "bob", "cy"]


def test_a_perfect_grouping_needs_no_correction() -> None:
    labels = [4, 4, 4, 0, 0, 2]
    assert measure.b_cubed(labels, TRUTH) == measure.pairwise(labels, TRUTH)
    assert measure.b_cubed(labels, TRUTH).f == 1
    assert measure.corrections(labels, TRUTH) == 0


def test_b_cubed_is_the_mean_over_the_faces() -> None:
    labels = [0, 0, 1, 1, 1, 2]
    found = measure.b_cubed(labels, TRUTH)
    # Groups {ann ann}, {ann bob bob}, {cy}.
    assert found.precision == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3 + 1) / 6)
    assert found.recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1 + 1) / 6)


def test_pairs_are_counted_once() -> None:
    found = measure.pairwise([0, 0, 1, 1, 1, 2], TRUTH)
    assert (found.precision, found.recall) == (2 / 4, 2 / 4)


def test_without_pairs_there_is_nothing_wrong_with_them() -> None:
    assert measure.pairwise([0, 1], ["ann", "bob"]).f == 1


@pytest.mark.parametrize(
    ("labels", "acts"),
    [
        ([0, 0, 1, 1, 1, 2], 1),  # move ann's third face
        ([0, 0, 1, 2, 2, 3], 1),  # merge ann's two groups
        ([0, 0, 0, 0, 0, 0], 3),  # move bob twice and cy once
        ([0, 1, 2, 3, 4, 5], 3),  # merge ann's three and bob's two
        ([-1, -1, -1, 3, 4, 5], 3),  # noise is everyone by themselves
        ([0, 0, 1, 0, 1, 1], 3),  # {ann ann bob} loses bob; {ann bob cy} is cy's
    ],
)
def test_corrections_are_moves_and_merges(labels: list[int], acts: int) -> None:
    assert measure.corrections(labels, TRUTH) == acts
    assert measure.effort(labels, TRUTH) == pytest.approx(100 * acts / 6)


def test_impure_groups_hold_two_faces_of_one_photo() -> None:
    photo = ["p", "p", "q", "q", "r", "r"]
    assert measure.impure([0, 0, 0, 1, 1, 1], photo) == 2
    assert measure.impure([0, 1, 0, 1, 0, 1], photo) == 0
    assert measure.impure([-1, -1, -1, -1, -1, -1], photo) == 0


def test_faces_in_no_group_are_no_people() -> None:
    assert measure.people([0, 0, -1, -1, 5]) == 2
    assert measure.single_ratio([0, 0, -1, -1, 5]) == 3 / 5


def test_churn_counts_faces_whose_mates_changed() -> None:
    assert measure.churn([0, 0, 1, 1], [7, 7, 3, 3]) == 0
    assert measure.churn([0, 0, 1, 1], [7, 7, 3, 4]) == 0.5
    assert measure.churn([0, 0, 1, 1], [1, 1, 1, 1]) == 1


def test_empty_events_measure_as_perfect() -> None:
    none: list[int] = []
    assert measure.b_cubed(none, none).f == 1
    assert (
        measure.effort(none, none) == measure.churn(none, none) == measure.impure(none, none) == 0
    )
    assert measure.people(none) == measure.single_ratio(none) == 0


def test_another_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="2 labels were given for 3 faces"):
        measure.b_cubed([0, 1], ["ann", "bob", "cy"])


def test_silhouette_is_the_textbooks() -> None:
    faces = event(people=6, each=4, noise=0.1)
    distance = 1 - faces.vectors.astype(float) @ faces.vectors.T.astype(float)
    scores = []
    for face, who in enumerate(faces.truth):
        own = distance[face, faces.truth == who].sum() / 3
        other = min(distance[face, faces.truth == each].mean() for each in range(6) if each != who)
        scores.append((other - own) / max(own, other))
    assert measure.silhouette(faces.vectors, faces.truth) == pytest.approx(
        np.mean(scores), abs=1e-5
    )


def test_silhouette_of_one_group_is_not_a_number() -> None:
    assert np.isnan(measure.silhouette(np.eye(3, dtype=np.float32), [0, 0, 0]))


def test_a_face_is_right_where_most_of_the_others_are_its_person() -> None:
    labels = [0, 0, 0, 0, 1, 1, 2, 3, 4, 4, 4]
    truth = ["a", "a", "a", "b", "b", "c", "c", "d", "e", "f", "f"]
    found = measure.right(labels, truth).tolist()
    #               a, a, a with one b   b, c apart      c is elsewhere, d is not   e among f
    assert found == [True, True, True, False, False, False, False, True, False, True, True]


def test_a_group_belongs_to_whom_it_shows_most() -> None:
    assert measure.majority([7, 7, 7, 2, 2], [5, 6, 6, 6, 5]).tolist() == [0, 1]


def test_a_p_that_is_right_on_average_has_no_calibration_error() -> None:
    p = np.repeat([0.25, 0.75], 400)
    right = np.tile([True, False, False, False], 200)
    right[400:] = ~right[400:]
    assert measure.calibration_error(p, right) == pytest.approx(0)
    assert measure.calibration_error(p, right, mass=True) == pytest.approx(0)
    assert measure.calibration_error(p, ~right) == pytest.approx(0.5)
    assert measure.calibration_error(np.ones(4), np.array([True] * 3 + [False])) == 0.25
    assert measure.calibration_error(np.empty(0), np.empty(0, bool)) == 0
