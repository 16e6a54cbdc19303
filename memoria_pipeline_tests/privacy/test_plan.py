"""What is done for an erasure, and when it is tried again."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

from memoria_pipeline.privacy import plan
from memoria_pipeline.privacy.plan import Try

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def a_try(scope: str = "person", ago: float = 0, attempts: int = 0, **more: bool) -> Try:
    return Try(uuid4(), scope, NOW - timedelta(seconds=ago), attempts, **more)


def asked(*tries: Try) -> dict[str, list[UUID]]:
    return {str(job): ids for job, ids in plan.due(tries, NOW).items()}


def test_an_erasure_is_asked_for_at_once_by_the_job_of_its_kind() -> None:
    person, photos, archive, event = map(a_try, ("person", "photos", "archive", "event"))
    assert asked(person, photos, archive, event) == {
        "erase_person": [person.id, photos.id, archive.id],
        "erase_event": [event.id],
    }


def test_one_that_is_under_way_or_was_just_lost_is_not_asked_for() -> None:
    assert asked(a_try(underway=True), a_try(lost=True)) == {}


def test_what_failed_is_tried_later_each_time_and_in_the_end_every_hour() -> None:
    waits = [plan.due_at(NOW, tries) - NOW for tries in range(12)]
    assert [each.total_seconds() for each in waits[:4]] == [0, 15, 45, 105]
    between = [later - sooner for sooner, later in zip(waits, waits[1:], strict=False)]
    assert between == sorted(between)
    assert between[-1] == timedelta(hours=1)
    assert asked(a_try(ago=14, attempts=1)) == {}
    assert len(asked(a_try(ago=16, attempts=1))["erase_person"]) == 1


def test_a_run_takes_so_many_and_the_next_look_the_others() -> None:
    tries = [a_try() for _ in range(plan.AT_ONCE + 5)]
    assert len(asked(*tries)["erase_person"]) == plan.AT_ONCE


def test_a_receipt_says_what_stays_and_what_we_cannot_reach() -> None:
    assert "the user runs the event" in " ".join(plan.kept("person", "request", member=True))
    assert "organiser's own folder" in " ".join(plan.left(album=True))
    assert "replay" in " ".join(plan.left(album=False))
    for scope in ("person", "photos", "archive", "event"):
        assert plan.kept(scope, "request", member=False)


def test_who_took_a_consent_back_is_not_said_to_run_the_event() -> None:
    told = plan.kept("person", "withdrawn", member=True)
    assert "runs the event" not in " ".join(told)
    assert plan.keeps_member({"kept": told})
    assert not plan.keeps_member({"kept": plan.kept("person", "withdrawn", member=False)})


def test_times_of_receipts_are_those_of_greenwich() -> None:
    there = datetime(2026, 6, 1, 14, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
    assert plan.moment(there) == "2026-06-01T12:00:00+00:00"
    assert plan.moment(None) is None
