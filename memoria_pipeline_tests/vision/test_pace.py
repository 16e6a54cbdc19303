"""Batches and progress, with a clock of their own."""

from collections.abc import Callable, Iterator

import pytest

from memoria_pipeline.vision.pace import MOST, Pace, batched


def ticks(*times: float) -> Callable[[], float]:
    """A clock that shows these, one after the other."""
    each = iter(times)
    return lambda: next(each)


def test_results_come_in_order_in_full_batches_and_a_rest() -> None:
    found = list(batched(range(2 * MOST + 3), clock=lambda: 0.0))
    assert [len(batch) for batch in found] == [MOST, MOST, 3]
    assert [each for batch in found for each in batch] == list(range(2 * MOST + 3))
    assert list(batched([])) == []


def test_a_batch_that_is_a_second_old_is_passed_on() -> None:
    clock = ticks(0.0, 0.0, 0.6, 1.2, 5.0, 5.1)
    assert list(batched("abcd", clock=clock)) == [["a", "b", "c"], ["d"]]


def test_what_came_before_a_failure_is_passed_on_first() -> None:
    def failing() -> Iterator[int]:
        yield from (1, 2)
        raise RuntimeError("the power is gone")

    batches = batched(failing(), clock=lambda: 0.0)
    assert next(batches) == [1, 2]
    with pytest.raises(RuntimeError, match="the power is gone"):
        next(batches)


def test_closing_it_closes_what_it_reads() -> None:
    closed = []

    def source() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.append(True)

    batches = batched(source(), clock=lambda: 0.0)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert closed


def test_progress_is_told_every_ten_seconds_in_numbers_only() -> None:
    pace = Pace(10_000, clock=ticks(0, 4, 10, 12, 30, 40))
    told = [pace.after(100) for _ in range(5)]
    assert told == [
        None,
        "200 of 10,000 photos, 20.0 a second; about 8 min left",
        None,
        "400 of 10,000 photos, 13.3 a second; about 12 min left",
        "500 of 10,000 photos, 12.5 a second; about 13 min left",
    ]


@pytest.mark.parametrize(("total", "left"), [(260, "40 s"), (90_000, "2.5 h")])
def test_the_time_left_is_in_the_unit_that_people_use(total: int, left: str) -> None:
    pace = Pace(total, clock=ticks(0, 10) if total < 300 else ticks(0, 10))
    assert (pace.after(52 if total < 300 else 100) or "").endswith(f"about {left} left")
