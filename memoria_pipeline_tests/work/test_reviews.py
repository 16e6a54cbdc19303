"""When what people decide is followed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from memoria_pipeline.work.reviews import EVERY, HOT, MANY, Behind, Glance, due, glance, version

NOW = datetime(2026, 6, 20, 12, 30, tzinfo=UTC)
QUIET = timedelta(seconds=5)
JUST_NOW = Behind(uuid4(), 7, NOW - timedelta(seconds=2), None, NOW, 1)


def test_a_burst_is_waited_out() -> None:
    assert not due(JUST_NOW, QUIET)
    assert due(replace(JUST_NOW, decided_at=NOW - QUIET), QUIET)


def test_whoever_answers_on_and_on_is_not_waited_for() -> None:
    assert due(replace(JUST_NOW, decisions=MANY), QUIET)


def test_people_without_questions_are_due_at_once() -> None:
    assert due(Behind(uuid4(), 0, None, NOW, NOW, 0), QUIET)


def test_each_decision_and_each_grouping_is_a_version_of_its_own() -> None:
    later = replace(JUST_NOW, seq=8)
    grouped = replace(JUST_NOW, published_at=NOW)
    assert len({version(each) for each in (JUST_NOW, later, grouped)}) == 3


def test_a_run_that_failed_is_asked_for_again_in_the_next_hour_only() -> None:
    soon = replace(JUST_NOW, now=NOW + timedelta(minutes=10))
    next_hour = replace(JUST_NOW, now=NOW + timedelta(minutes=40))
    assert version(soon) == version(JUST_NOW)
    assert version(next_hour) != version(JUST_NOW)


def test_without_a_cursor_or_with_anothers_all_events_are_looked_at() -> None:
    for cursor in (None, "", "7", "1:2:3:4", "7:x:0"):
        assert glance(cursor, 7, 1_000.0).due(1_000.0)


def test_a_new_decision_is_looked_for_until_everybody_can_see_it() -> None:
    seen = glance("7:0:1000", 8, 1_010.0)
    assert seen.due(1_010.0)
    kept = glance(str(seen.after(now=1_010.0, looked=True, behind=False)), 8, 1_020.0)
    assert kept.due(1_010.0 + HOT - 1)
    assert not kept.due(1_010.0 + HOT)
    assert kept.due(1_010.0 + EVERY)


def test_an_event_that_waits_is_looked_at_again_soon() -> None:
    assert Glance(7, 0.0, 1_000.0).after(now=1_040.0, looked=True, behind=True).due(1_060.0)


def test_where_the_number_may_not_be_seen_each_tick_looks() -> None:
    assert glance("-:0:1000", None, 1_040.0).due(1_040.0)
