"""Sides take turns, medians count, and CPU seconds hold what a child used."""

import subprocess
import sys
import time

import pytest

from memoria_pipeline_tests.bench import ratio
from memoria_pipeline_tests.bench.ratio import Cost, Measured, Turns


def test_sides_take_turns_and_every_second_turn_begins_with_the_other() -> None:
    seen: list[str] = []
    sides = {name: lambda name=name: seen.append(name) for name in "ab"}
    turns = ratio.alternating(sides, 3, warm=False)
    assert "".join(seen) == "abbaab"
    assert [len(each) for each in turns.taken.values()] == [3, 3]


def test_a_turn_to_warm_up_does_not_count() -> None:
    seen: list[str] = []
    turns = ratio.alternating({"a": lambda: seen.append("a")}, 2)
    assert len(seen) == 3
    assert len(turns.taken["a"]) == 2


def test_a_ratio_is_that_of_a_turn_not_of_two_medians() -> None:
    """Who is disturbed in one turn is disturbed on both sides of it."""
    mine = [Cost(2, 3), Cost(20, 30), Cost(2, 9)]
    other = [Cost(1, 1), Cost(10, 10), Cost(4, 3)]
    turns = Turns({"mine": mine, "other": other})
    assert turns.cpu("mine", "other") == 2
    assert turns.wall("mine", "other") == 3
    assert turns.cost("mine") == Cost(2, 9)


def test_a_sleeper_takes_time_and_no_processor() -> None:
    spent = ratio.cost(lambda: time.sleep(0.05))
    assert spent.wall >= 0.05
    assert spent.cpu < spent.wall


def test_what_an_ended_child_used_counts() -> None:
    busy = "sum(i * i for i in range(300_000))"
    spent = ratio.cost(lambda: subprocess.run([sys.executable, "-S", "-c", busy], check=True))
    alone = ratio.cost(lambda: None)
    assert spent.cpu > alone.cpu + 0.001


@pytest.mark.parametrize(
    ("value", "asked", "enough"),
    [(1.5, {"most": 1.6}, True), (1.7, {"most": 1.6}, False), (7.0, {"least": 8}, False)],
)
def test_a_row_says_what_was_asked_and_whether_it_is_reached(
    value: float, asked: dict[str, float], enough: bool
) -> None:
    made = ratio.row("ours ÷ theirs", value, Cost(0.5, 0.25), **asked)
    figure, wanted, reached, good = made
    assert (figure, good) == ("ours ÷ theirs", enough)
    assert wanted.startswith(("<= ", ">= "))
    assert reached == f"{value:.2f}×, 500 CPU-ms, 250 ms"
    assert made.cost == Cost(0.5, 0.25)


def test_a_row_without_anything_asked_is_always_enough() -> None:
    made = ratio.row("a", 0.3, Cost(12, 3))
    assert tuple(made) == ("a", "–", "0.30×, 12 CPU-s, 3 s", True)
    assert isinstance(made, Measured)


def test_a_cost_is_shared_by_its_parts() -> None:
    assert Cost(6, 3).each(3) == Cost(2, 1)
