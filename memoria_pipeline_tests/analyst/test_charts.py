"""Charts say in their title what they show, and stand tables with nothing in them."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from memoria_pipeline.analyst import charts
from memoria_pipeline.analyst.canvas import Chart

EVENTS = [f"{i:08}-0000-0000-0000-000000000000" for i in range(30)]


def table(columns: str, *rows: Sequence[object]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split())


def title(chart: Chart) -> str:
    axes = chart.axes[0]
    return axes.get_title(loc="left") or chart.get_suptitle()


def bars(chart: Chart) -> list[Rectangle]:
    return [each for each in chart.axes[0].patches if isinstance(each, Rectangle)]


COVERAGE = "event_id photos analysed failed photos_with_faces"
REVIEW = "event_id people awaiting reviewed linked invited ignored"
TRIED = "method threshold persons noise_ratio silhouette agreement compared_at"


def compared(at: int = 1) -> pd.DataFrame:
    grid = [("constrained", 0.4 + i / 100, 10 + i, 0.1, 0.5, 0.9, at) for i in range(9)]
    return table(TRIED, *grid, ("hdbscan", None, 8, 0.2, 0.4, 0.8, at))


def test_coverage_is_photos_with_faces_by_photos() -> None:
    chart = charts.coverage(table(COVERAGE, (EVENTS[0], 10, 8, 1, 6), (EVENTS[1], 10, 10, 0, 3)))
    assert title(chart) == "Somebody is to be seen on 9 of 20 photos (45 %)"
    assert [each.get_text() for each in chart.axes[0].get_yticklabels()] == ["00000000", "00000001"]


def test_of_many_events_the_largest_are_drawn_and_all_are_counted() -> None:
    chart = charts.coverage(table(COVERAGE, *[(each, 10, 10, 0, 5) for each in EVENTS]))
    assert title(chart).endswith("150 of 300 photos (50 %)")
    assert len(chart.axes[0].get_yticklabels()) == charts.MOST_EVENTS


def test_throughput_adds_up_the_events_of_a_minute_and_leaves_pauses_out() -> None:
    rows = [("a", 1, 30, 60, 3.0), ("b", 1, 30, 0, 3.0), ("a", 900, 40, 10, 4.0)]
    chart = charts.throughput(table("event_id minute photos faces seconds", *rows))
    assert title(chart) == "100 photos analysed in 2 minutes, 0.10 s of detection each"
    assert [bar.get_height() for bar in bars(chart)] == [60, 40]


def test_failures_are_added_up_by_reason() -> None:
    rows = [("a", "broken", 2), ("b", "broken", 3), ("a", "empty", 1)]
    assert title(charts.failures(table("event_id error_code photos", *rows))).startswith("6 photos")


def test_people_decided_on_are_all_but_those_awaiting() -> None:
    chart = charts.review(table(REVIEW, ("a", 10, 4, 1, 3, 1, 1), ("b", 10, 6, 0, 4, 0, 0)))
    assert title(chart) == "10 of 20 people are decided on (50 %)"


def test_decisions_add_up_over_the_minutes() -> None:
    rows = [(1, "merge", 2), (2, "merge", 1), (2, "assign", 4)]
    chart = charts.decisions(table("minute kind decisions", *rows))
    assert title(chart) == "7 decisions in 2 minutes"
    tops = [bar.get_y() + bar.get_height() for bar in bars(chart)]
    assert max(tops) == 7


def test_a_grouping_that_is_held_is_drawn_apart_and_its_people_are_not_the_events() -> None:
    columns = "created_at status persons single cohesion silhouette separation"
    rows = [(1, "published", 20, 5, 0.6, 0.3, 0.2), (2, "held", 90, 80, 0.1, -0.3, 0.4)]
    chart = charts.over_time(table(columns, *rows))
    assert title(chart) == "20 people; groupings shown so far: 1"
    assert "x" in {line.get_marker() for line in chart.axes[0].lines}


def test_both_methods_are_drawn_side_by_side_by_the_packs_own_threshold() -> None:
    chart = charts.methods(pd.concat([compared(1), compared(2)]))
    people = {line.get_label(): np.asarray(line.get_ydata()) for line in chart.axes[0].lines}
    assert people["constrained"].tolist() == [14, 14]
    assert people["hdbscan"].tolist() == [8, 8]


def test_thresholds_say_from_how_many_to_how_many_people() -> None:
    assert title(charts.thresholds(compared())) == "From 10 to 18 people, by the threshold"


def test_where_no_threshold_changes_anything_that_is_what_is_said() -> None:
    same = compared().assign(persons=1)
    assert title(charts.thresholds(same)) == "1 person, whichever of these thresholds"


@pytest.mark.parametrize("draw", [charts.thresholds, charts.methods])
def test_numbers_are_drawn_from_zero_so_that_a_hair_is_no_cliff(
    draw: Callable[[pd.DataFrame], Chart],
) -> None:
    people, *shares = draw(compared()).axes
    assert people.get_ylim()[0] == 0
    assert people.get_ylim()[1] > 14
    assert [axes.get_ylim() for axes in shares] == [(0, 1.05)] * 3


def test_one_event_is_a_bar_and_no_block_and_what_is_not_there_is_not_in_the_legend() -> None:
    chart = charts.coverage(table(COVERAGE, (EVENTS[0], 10, 10, 0, 6)))
    low, high = chart.axes[0].get_ylim()
    assert bars(chart)[0].get_height() < 0.4 * (high - low)
    assert chart.axes[0].get_legend_handles_labels()[1] == ["with faces", "nobody on it"]


def test_one_is_not_many_and_nothing_is_said_in_words() -> None:
    one = charts.failures(table("event_id error_code photos", ("a", "broken", 1)))
    assert title(one) == "1 photo could not be analysed"
    none = charts.decisions(table("minute kind decisions"))
    assert title(none) == "Nobody has decided on anything yet"


def test_a_pair_in_one_photo_that_reaches_the_threshold_is_told() -> None:
    rows = [(0.105, 9, 0, 5), (0.505, 1, 3, 0), (0.905, 0, 4, 0)]
    pairs = table("similarity one_photo same_person other_person", *rows)
    assert title(charts.similarities(pairs, 0.4)) == (
        "Pairs of strangers in one photo: 10; as alike as one person's: 1 (10 %)"
    )


@pytest.mark.parametrize(
    ("draw", "columns"),
    [
        (charts.coverage, COVERAGE),
        (charts.throughput, "minute photos faces seconds"),
        (charts.failures, "error_code photos"),
        (charts.review, REVIEW),
        (charts.decisions, "minute kind decisions"),
        (charts.over_time, "created_at status persons single cohesion silhouette separation"),
        (charts.methods, TRIED),
    ],
)
def test_a_table_with_nothing_in_it_is_drawn_too(
    draw: Callable[[pd.DataFrame], Chart], columns: str
) -> None:
    drawn: Mapping[str, bytes] = {"image/png": draw(table(columns))._repr_png_()}
    assert drawn["image/png"].startswith(b"\x89PNG")
