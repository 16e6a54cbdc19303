import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoria_pipeline.people.match import MIN_IOU, iou, match_boxes

_BOX = st.tuples(*[st.floats(0, 0.5)] * 2, *[st.floats(0.01, 0.5)] * 2)


Boxes = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def _boxes(*rows: tuple[float, float, float, float]) -> Boxes:
    return np.array(rows, np.float64).reshape(-1, 4)


def test_the_overlap_of_a_box_with_itself_is_one_and_with_one_elsewhere_zero() -> None:
    overlap = iou(_boxes((0, 0, 0.2, 0.2)), _boxes((0, 0, 0.2, 0.2), (0.5, 0.5, 0.1, 0.1)))
    assert overlap.tolist() == [[1, 0]]


def test_a_box_is_matched_from_an_overlap_of_35_percent() -> None:
    old = _boxes((0, 0, 1, 1))
    assert match_boxes(old, _boxes((0, 0, 0.36, 1))) == [(0, 0)]
    assert match_boxes(old, _boxes((0, 0, 0.34, 1))) == []


def test_two_neighbours_are_not_both_taken_for_the_same_face() -> None:
    old = _boxes((0, 0, 1, 1), (0.4, 0, 1, 1))
    new = _boxes((0.3, 0, 1, 1))
    assert match_boxes(old, new) == [(1, 0)]


def test_the_best_sum_wins_over_the_best_pair() -> None:
    old = _boxes((0, 0, 1, 1), (0.3, 0, 1, 1))
    new = _boxes((0.2, 0, 1, 1), (0.75, 0, 1, 1))
    assert match_boxes(old, new) == [(0, 0), (1, 1)]


def test_without_boxes_there_is_no_pair() -> None:
    assert match_boxes(np.array([]), _boxes((0, 0, 1, 1))) == []
    assert match_boxes(_boxes((0, 0, 1, 1)), _boxes()) == []


@given(st.lists(_BOX, max_size=6), st.lists(_BOX, max_size=6))
def test_pairs_are_one_to_one_and_none_is_below_the_limit(
    old: list[tuple[float, float, float, float]], new: list[tuple[float, float, float, float]]
) -> None:
    pairs = match_boxes(_boxes(*old), _boxes(*new))
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    if pairs:
        overlap = iou(_boxes(*old), _boxes(*new))
        assert min(overlap[i, j] for i, j in pairs) >= MIN_IOU


@given(st.lists(_BOX, min_size=1, max_size=6, unique=True))
def test_the_same_boxes_in_another_order_find_one_another(
    boxes: list[tuple[float, float, float, float]],
) -> None:
    pairs = match_boxes(_boxes(*boxes), _boxes(*reversed(boxes)))
    total = sum(iou(_boxes(*boxes), _boxes(*reversed(boxes)))[i, j] for i, j in pairs)
    assert total == pytest.approx(len(boxes))
