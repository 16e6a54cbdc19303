"""When what people decide is followed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from memoria_pipeline.work.reviews import MANY, Behind, due, version

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
