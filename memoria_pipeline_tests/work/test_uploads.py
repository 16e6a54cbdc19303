"""When an event gets its run: every branch, from plain values."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoria_pipeline.work import uploads
from memoria_pipeline.work.uploads import Ask, Done, Limits, Move, Upload, Wait, decide, decide_move

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
LIMITS = Limits(quiet=timedelta(seconds=5), burst=200)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def an_upload(**more: Any) -> Upload:
    usual: dict[str, Any] = {
        "photos": 3,
        "gone": False,
        "last_at": ago(60),
        "quiet_since": ago(60),
    }
    return Upload(**(usual | more))


def decided(**more: Any) -> uploads.Decision:
    return decide(an_upload(**more), NOW, LIMITS)


def test_a_quiet_event_gets_its_run() -> None:
    assert decided() == Ask()


def test_an_event_whose_photos_still_come_waits_until_it_is_quiet() -> None:
    found = decided(quiet_since=ago(2))
    assert found == Wait(NOW + timedelta(seconds=3), uploads.UNTIL_QUIET, again=True)


def test_a_burst_does_not_wait() -> None:
    assert decided(quiet_since=NOW, photos=200) == Ask()


def test_photos_that_went_are_something_to_do() -> None:
    assert decided(photos=0, gone=True) == Ask()


def test_what_another_run_has_done_meanwhile_is_not_asked_for() -> None:
    assert decided(photos=0) == Done()


@pytest.mark.parametrize("asked", ["never", "none", "succeeded", "failed", "cancelled"])
def test_without_consent_nothing_is_asked_for(asked: uploads.AskedStatus) -> None:
    assert decided(allowed=False, asked=asked) == Wait(None, uploads.NO_CONSENT, again=True)


def test_a_kill_before_the_run_was_asked_for_asks_again_under_the_same_key() -> None:
    assert decided(asked="none", asked_at=ago(10)) == Ask(same_key=True)


def test_a_run_that_is_underway_is_left_alone_whatever_arrives() -> None:
    found = decided(asked="underway", asked_at=ago(40), last_at=NOW, photos=500)
    assert found == Wait(NOW + timedelta(seconds=10), uploads.UNDERWAY)


def test_a_run_that_did_it_all_is_the_end() -> None:
    assert decided(asked="succeeded", asked_at=ago(30), photos=0) == Done()


def test_photos_that_came_while_it_ran_get_another_run() -> None:
    assert decided(asked="succeeded", asked_at=ago(90)) == Ask()


def test_a_photo_that_went_while_it_ran_gets_another_run() -> None:
    assert decided(asked="succeeded", asked_at=ago(90), photos=0, gone=True) == Ask()


def test_photos_that_a_run_left_over_do_not_make_runs_spin() -> None:
    found = decided(asked="succeeded", asked_at=ago(30))
    assert found == Wait(NOW + timedelta(seconds=30), uploads.AGAIN, again=True, tried=1)


def test_a_failed_run_is_tried_again_after_ever_longer_pauses_and_then_no_more() -> None:
    found = [decided(asked="failed", asked_at=ago(30), tried=tried) for tried in range(3)]
    waits = [one.until for one in found if isinstance(one, Wait)]
    assert waits == [NOW + timedelta(seconds=30), NOW + timedelta(seconds=60), None]
    assert found[2] == Wait(None, uploads.FAILED, tried=3)


def test_after_the_pause_the_run_is_asked_for_though_no_photo_is_pending() -> None:
    assert decided(photos=0, tried=1) == Ask(tried=1)


def test_what_a_human_cancelled_waits_for_new_photos() -> None:
    assert decided(asked="cancelled", asked_at=ago(30)) == Wait(None, uploads.CANCELLED)
    assert decided(asked="cancelled", asked_at=ago(90)) == Ask()


TIMES = st.integers(-100, 5_000).map(ago)
UPLOADS = st.builds(
    Upload,
    photos=st.integers(0, 300),
    gone=st.booleans(),
    last_at=TIMES,
    quiet_since=TIMES,
    asked=st.sampled_from(["never", "none", "underway", "succeeded", "failed", "cancelled"]),
    asked_at=TIMES,
    tried=st.integers(0, 3),
    allowed=st.booleans(),
)


@given(UPLOADS)
def test_photos_are_never_given_up_without_a_run_and_never_run_beside_one(upload: Upload) -> None:
    found = decide(upload, NOW, LIMITS)
    if isinstance(found, Done):
        assert not upload.photos
    if isinstance(found, Ask):
        assert upload.allowed
        assert upload.asked != "underway"
        assert found.same_key == (upload.asked == "none")
    if isinstance(found, Wait):
        assert found.until is None or found.until > NOW


def moved(**more: Any) -> uploads.Decision:
    return decide_move(Move(**more), NOW)


def test_an_event_moves_once_it_is_asked_to_and_a_failure_is_tried_again() -> None:
    assert moved() == Ask()
    assert moved(asked="none", asked_at=ago(9)) == Ask(same_key=True)
    assert moved(asked="failed", asked_at=ago(9)) == uploads.again(1, NOW)
    assert moved(asked="cancelled", asked_at=ago(9)) == Wait(None, uploads.CANCELLED)


def test_a_move_that_waits_for_a_human_is_not_asked_for_again() -> None:
    waits = moved(proposal="waits", asked="succeeded", asked_at=ago(9))
    assert waits == Wait(NOW + timedelta(minutes=5), uploads.WAITS, again=True)
    refused = moved(proposal="refused", asked="succeeded", asked_at=ago(9))
    assert refused == Wait(None, uploads.REFUSED)


def test_a_run_of_a_move_is_followed() -> None:
    found = moved(asked="underway", asked_at=ago(8))
    assert found == Wait(NOW + timedelta(seconds=5), uploads.UNDERWAY)


@pytest.mark.parametrize(
    ("quiet", "took", "told", "after"),
    [
        (20, 0, False, 2),
        (600, 0, False, 60),
        (86_400, 0, False, 300),
        (86_400, 10, False, 1_000),
        (20, 0, True, 3_600),
    ],
)
def test_the_longer_nothing_came_the_rarer_a_look(
    quiet: float, took: float, told: bool, after: float
) -> None:
    found = uploads.next_look(NOW, ago(quiet), timedelta(seconds=took), told=told)
    assert found == NOW + timedelta(seconds=after)
