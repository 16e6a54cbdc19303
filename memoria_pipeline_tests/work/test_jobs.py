from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoria_pipeline.work.jobs import (
    Facts,
    Job,
    Priority,
    Type,
    after_call,
    after_failure,
    after_lease,
    backoff,
    batches,
    next_step,
    refusal,
    refusals,
)

EVENT = uuid4()
FINE = Facts("active", consent=True, unknown=0)
CHANCES = st.floats(0, 1, exclude_max=True)


def job(
    job_type: Type = "detect", priority: Priority = "normal", token: UUID = EVENT, photos: int = 0
) -> Job:
    return Job(uuid4(), token, job_type, [uuid4()] * photos, priority, 1, token)


def test_jobs_of_one_claim_are_one_batch_and_the_most_urgent_batch_goes_first() -> None:
    slow, quick = uuid4(), uuid4()
    jobs = [job("detect", "low", slow), job("detect", "normal", slow), job("detect", "high", quick)]
    made = batches(jobs)
    assert [batch.token for batch in made] == [quick, slow]
    assert [batch.rank for batch in made] == [1, 0]
    assert list(made[1].jobs) == jobs[:2]


def test_one_job_cluster_forces_the_grouping_that_detection_leaves_to_the_rule() -> None:
    [detection] = batches([job("detect"), job("detect")])
    [forced] = batches([job("detect"), job("cluster")])
    assert (detection.grouping, forced.grouping) == ("when enough", "always")


def test_a_batch_without_its_cluster_job_forces_nothing() -> None:
    cluster = job("cluster")
    [batch] = batches([job("detect"), cluster])
    assert batch.without([cluster.id]).grouping == "when enough"


def test_a_job_of_an_active_event_that_agreed_may_run() -> None:
    assert refusal(job(), FINE) is None


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (Facts("archived", consent=True, unknown=0), "archived"),
        (Facts("active", consent=False, unknown=0), "switched off"),
        (Facts("active", consent=True, unknown=2), "2 of the 3 photos"),
    ],
)
def test_a_job_that_can_never_run_says_why(facts: Facts, why: str) -> None:
    assert why in (refusal(job(photos=3), facts) or "")


def test_jobs_that_share_a_reason_are_refused_together_and_the_others_go_on() -> None:
    archived = Facts("archived", consent=True, unknown=0)
    first, fine, second, gone = job(), job("erase"), job("cluster"), job()
    told = refusals(
        [first, fine, second, gone], dict.fromkeys([first.id, fine.id, second.id], archived)
    )
    assert list(told.values()) == [[first.id, second.id]]


def test_erasing_needs_neither_consent_nor_a_living_event() -> None:
    assert refusal(job("erase"), Facts("archived", consent=False, unknown=0)) is None


@given(st.integers(1, 60), CHANCES)
def test_waiting_doubles_with_jitter_and_never_takes_days(attempts: int, chance: float) -> None:
    seconds = backoff(attempts, chance)
    whole = min(3600.0, 10.0 * 2.0 ** (attempts - 1))
    assert 0.5 * whole <= seconds <= 1.5 * whole


@given(st.integers(1, 20), st.integers(1, 20), CHANCES)
def test_a_failed_try_is_made_again_until_there_were_enough(
    attempts: int, most: int, chance: float
) -> None:
    verdict = after_failure(attempts, most, "why", chance)
    assert verdict.status == ("failed" if attempts >= most else "pending")
    assert verdict.error == "why"
    assert after_failure(attempts, most, "why", chance, permanent=True).status == "failed"


def test_a_lost_lease_costs_no_waiting_until_it_was_lost_each_time() -> None:
    again, lost = after_lease(1, 5), after_lease(5, 5)
    assert (again.status, again.delay, again.error) == ("pending", 0.0, None)
    assert (lost.status, "5 tries" in (lost.error or "")) == ("failed", True)


def test_what_became_of_a_run_says_what_to_do_with_its_claim() -> None:
    assert next_step("none") == "wait"
    assert next_step("underway") == "renew"
    assert next_step("succeeded") == "finish"
    assert next_step("failed") == "again"
    assert next_step("cancelled") == "give up"


def test_a_callback_is_sent_twelve_times_over_hours_unless_nobody_wants_it() -> None:
    waits = [after_call(attempt, 500, 0.5) for attempt in range(1, 12)]
    hours = sum(wait or 0 for wait in waits) / 3600
    assert None not in waits
    assert 5 < hours < 9
    assert after_call(12, 500, 0.5) is None
    assert after_call(1, 410, 0.5) is None
