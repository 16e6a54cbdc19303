from datetime import UTC, datetime, timedelta

from memoria_pipeline.privacy.retention import Lasting, due, ends

MADE = datetime(2026, 6, 1, tzinfo=UTC)
OVER = datetime(2026, 6, 7, tzinfo=UTC)
DAY = timedelta(days=1)


def test_days_count_from_the_end_or_from_the_making_where_there_is_no_end() -> None:
    assert ends(Lasting("active", 30, OVER, MADE)) == OVER + 30 * DAY
    assert ends(Lasting("active", 30, None, MADE)) == MADE + 30 * DAY


def test_an_event_that_says_none_has_the_default_and_without_one_no_date() -> None:
    silent = Lasting("active", None, OVER, MADE)
    assert ends(silent) is None
    assert not due(silent, OVER + 9999 * DAY)
    assert ends(silent, default=10) == OVER + 10 * DAY


def test_what_the_event_says_comes_before_the_default_also_where_it_says_none_at_all() -> None:
    assert ends(Lasting("active", 0, OVER, MADE), default=10) == OVER
    assert ends(Lasting("active", 90, OVER, MADE), default=10) == OVER + 90 * DAY


def test_it_is_due_on_the_date_and_not_before() -> None:
    event = Lasting("active", 1, OVER, MADE)
    assert not due(event, OVER + DAY - timedelta(seconds=1))
    assert due(event, OVER + DAY)


def test_an_event_that_is_over_keeps_nothing_so_nothing_is_due() -> None:
    for status in ("archived", "deleted"):
        assert not due(Lasting(status, 1, OVER, MADE), OVER + 99 * DAY)


def test_a_date_beyond_all_dates_is_none() -> None:
    assert ends(Lasting("active", 36_500, datetime(9999, 1, 1, tzinfo=UTC), MADE)) is None
