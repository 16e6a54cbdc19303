"""The inbox in a real database: claims, leases, tokens, and what ends a job."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db, inbox, jobs, outbox
from memoria_pipeline_tests.store.factories import an_event, one


@pytest.fixture
def event(conn: sa.Connection) -> UUID:
    return an_event(conn)


def status(conn: sa.Connection, job: UUID) -> str:
    return inbox.get(conn, job).status


def token(conn: sa.Connection) -> UUID:
    [found] = {job.token for job in jobs.claim(conn, 10)}
    return found


def run_out(conn: sa.Connection) -> None:
    conn.execute(sa.text("update memoria.ml_jobs set lease_until = now() - interval '1 second'"))


def test_a_row_that_an_application_inserts_is_claimed(conn: sa.Connection, event: UUID) -> None:
    conn.execute(
        sa.text("insert into memoria.ml_jobs (job_type, event_id) values ('detect', :event)"),
        {"event": event},
    )
    [job] = jobs.claim(conn, 5)
    assert (job.event_id, job.job_type, job.media_ids, job.attempts) == (event, "detect", [], 1)
    row = inbox.get(conn, job.id)
    assert (row.status, row.claim_token) == ("processing", job.token)
    assert row.started_at is not None
    assert jobs.claim(conn, 5) == []


def test_the_most_urgent_and_oldest_jobs_are_claimed_first(
    conn: sa.Connection, event: UUID
) -> None:
    low, normal, high = (
        jobs.enqueue(conn, event, "detect", (), p) for p in ("low", "normal", "high")
    )
    older = jobs.enqueue(conn, event, "detect", (), "normal")
    conn.execute(
        sa.text("update memoria.ml_jobs set created_at = now() - interval '1 day' where id = :id"),
        {"id": older},
    )
    assert [job.id for job in jobs.claim(conn, 3)] == [high, older, normal]
    assert [job.id for job in jobs.claim(conn, 3)] == [low]


def test_the_jobs_of_one_event_share_a_token_and_two_events_have_two(conn: sa.Connection) -> None:
    events = [an_event(conn), an_event(conn)]
    for each in events * 3:
        jobs.enqueue(conn, each, "detect")
    claimed = jobs.claim(conn, 10)
    tokens = {each: {job.token for job in claimed if job.event_id == each} for each in events}
    assert [len(found) for found in tokens.values()] == [1, 1]
    assert tokens[events[0]] != tokens[events[1]]
    assert [(c.event_id in events, c.jobs, c.over) for c in jobs.claims(conn)] == [
        (True, 3, False)
    ] * 2


def test_events_that_are_worked_on_are_left_and_batches_are_limited(conn: sa.Connection) -> None:
    events = [an_event(conn) for _ in range(3)]
    for each in events:
        jobs.enqueue(conn, each, "detect")
    [first] = jobs.claim(conn, 9, batches=1, leave=[events[0]])
    assert first.event_id in events[1:]
    assert {j.event_id for j in jobs.claim(conn, 9)} == set(events) - {first.event_id}


def test_jobs_of_the_same_events_come_along_because_one_run_does_them_all(
    conn: sa.Connection,
) -> None:
    event, other = an_event(conn), an_event(conn)
    urgent = jobs.enqueue(conn, event, "detect", (), "high")
    more = [jobs.enqueue(conn, event, "detect", (), "low") for _ in range(3)]
    left = jobs.enqueue(conn, other, "detect")
    claimed = jobs.claim(conn, 1, together=2)
    assert claimed[0].id == urgent
    assert {job.id for job in claimed[1:]} < set(more)
    assert (len(claimed), len({job.token for job in claimed})) == (3, 1)
    assert left in {job.id for job in jobs.claim(conn, 5)}


def test_two_claimers_never_get_the_same_job(database: sa.Engine) -> None:
    with db.connect(database) as conn:
        event = an_event(conn)
        made = {jobs.enqueue(conn, event, "detect") for _ in range(6)}
    with db.connect(database) as first, db.connect(database) as second:
        mine = {job.id for job in jobs.claim(first, 4)}
        others = {job.id for job in jobs.claim(second, 4)}
    assert (len(mine), len(others)) == (4, 2)
    assert mine | others == made


def test_a_completed_job_has_its_result_and_its_callback(conn: sa.Connection, event: UUID) -> None:
    job = jobs.enqueue(conn, event, "detect")
    assert jobs.complete(conn, token(conn), {job: {"faces": 3}}) == 1
    row = inbox.get(conn, job)
    assert (row.status, row.result, row.claim_token) == ("completed", {"faces": 3}, None)
    assert row.completed_at is not None
    [letter] = outbox.claim(conn)
    assert letter.payload["type"] == "ml_job.completed"
    assert letter.payload["data"] == {
        "job_id": str(job),
        "event_id": str(event),
        "job_type": "detect",
        "status": "completed",
        "result": {"faces": 3},
        "error": None,
    }


def test_who_lost_the_claim_can_end_nothing(conn: sa.Connection, event: UUID) -> None:
    job = jobs.enqueue(conn, event, "detect")
    old = token(conn)
    run_out(conn)
    assert jobs.expire(conn) == 1
    new = token(conn)
    assert jobs.complete(conn, old, {job: {}}) == 0
    assert jobs.fail(conn, old, "late") == 0
    assert jobs.renew(conn, [old, new]) == {new}
    assert not jobs.renew_claims(conn, str(old))
    assert jobs.complete(conn, new, {job: {}}) == 1
    assert len(outbox.claim(conn)) == 1


def test_a_token_ends_its_own_jobs_only(conn: sa.Connection) -> None:
    mine, other = (jobs.enqueue(conn, an_event(conn), "detect") for _ in range(2))
    tokens = {job.id: job.token for job in jobs.claim(conn, 5)}
    assert jobs.complete(conn, tokens[mine], {mine: {}, other: {}}) == 1
    assert status(conn, other) == "processing"


def test_a_lease_that_is_renewed_does_not_run_out(conn: sa.Connection, event: UUID) -> None:
    jobs.enqueue(conn, event, "detect")
    claim = token(conn)
    run_out(conn)
    assert jobs.claims(conn)[0].over
    assert jobs.renew_claims(conn, str(claim))
    assert jobs.expire(conn) == 0


def test_a_transient_failure_waits_and_the_last_one_is_a_dead_letter(
    conn: sa.Connection, event: UUID
) -> None:
    job = jobs.enqueue(conn, event, "detect")
    for tries in (1, 2):
        jobs.fail(conn, token(conn), "the disk was away", most=2)
        assert status(conn, job) == ("pending" if tries == 1 else "failed")
        assert jobs.claim(conn, 5) == []
        conn.execute(sa.text("update memoria.ml_jobs set next_attempt_at = now()"))
    assert inbox.get(conn, job).error == "the disk was away"
    assert [letter.payload["type"] for letter in outbox.claim(conn)] == ["ml_job.failed"]


def test_a_permanent_failure_is_final_at_once_and_spares_the_rest_of_its_batch(
    conn: sa.Connection, event: UUID
) -> None:
    bad, good = (jobs.enqueue(conn, event, "detect") for _ in range(2))
    claim = token(conn)
    assert jobs.fail(conn, claim, "no such photo", permanent=True, only=[bad]) == 1
    assert (status(conn, bad), status(conn, good)) == ("failed", "processing")


def test_a_job_whose_lease_runs_out_each_time_fails(conn: sa.Connection, event: UUID) -> None:
    job = jobs.enqueue(conn, event, "detect")
    for _ in range(2):
        token(conn)
        run_out(conn)
        jobs.expire(conn, most=2)
    assert status(conn, job) == "failed"
    assert "2 tries" in (inbox.get(conn, job).error or "")


def test_nothing_is_written_for_a_receiver_that_does_not_exist(
    conn: sa.Connection, event: UUID
) -> None:
    job = jobs.enqueue(conn, event, "detect")
    jobs.complete(conn, token(conn), {job: {}}, tell=False)
    assert outbox.claim(conn) == []


def test_a_replayed_job_has_all_its_tries_and_only_failed_ones_are_replayed(
    conn: sa.Connection, event: UUID
) -> None:
    job = jobs.enqueue(conn, event, "detect")
    jobs.fail(conn, token(conn), "broken", permanent=True)
    waiting = jobs.enqueue(conn, event, "detect")
    assert inbox.failed(conn, event) == [job]
    assert jobs.replay(conn, [job, waiting]) == 1
    row = inbox.get(conn, job)
    assert (row.status, row.attempts, row.error, row.completed_at) == ("pending", 0, None, None)
    assert {each.id for each in jobs.claim(conn, 5)} == {job, waiting}
    with pytest.raises(DatabaseError, match="There is no job"):
        jobs.replay(conn, [job, uuid4()])


@pytest.mark.parametrize("outcome", ["completed", "failed", "pending"])
def test_an_old_worker_that_sets_only_the_status_ends_a_job_that_we_hold(
    conn: sa.Connection, event: UUID, outcome: str
) -> None:
    job = jobs.enqueue(conn, event, "detect")
    claim = token(conn)
    conn.execute(sa.text("update memoria.ml_jobs set status = :s"), {"s": outcome})
    row = inbox.get(conn, job)
    assert (row.status, row.claim_token, row.lease_until) == (outcome, None, None)
    assert (row.completed_at is None) == (outcome == "pending")
    assert jobs.complete(conn, claim, {job: {}}) == 0
    assert status(conn, job) == outcome


def test_a_job_that_an_old_worker_took_never_runs_out(conn: sa.Connection, event: UUID) -> None:
    job = jobs.enqueue(conn, event, "detect")
    conn.execute(sa.text("update memoria.ml_jobs set status = 'processing'"))
    assert jobs.expire(conn) == 0
    assert (jobs.claims(conn), jobs.claim(conn, 5)) == ([], [])
    assert inbox.get(conn, job).started_at is not None


def test_claiming_and_following_read_an_index_however_many_jobs_are_done(
    conn: sa.Connection, event: UUID
) -> None:
    conn.execute(
        sa.text(
            "insert into memoria.ml_jobs (event_id, job_type, status, completed_at)"
            " select :event, 'detect', 'completed', now() from generate_series(1, 20000)"
        ),
        {"event": event},
    )
    conn.execute(sa.text("analyze memoria.ml_jobs"))
    values = {"limit": 5, "lease": 25.0, "batches": 5, "leave": [], "together": 9}
    for query, given in ((jobs._CLAIM, values), (jobs._CLAIMS, {})):
        plan: Sequence[str] = conn.scalars(sa.text(f"explain {query.text}"), given).all()
        assert not [line for line in plan if "Seq Scan on ml_jobs" in line]


def test_the_listing_shows_the_newest_of_one_status_and_counts_all(
    conn: sa.Connection, event: UUID
) -> None:
    done, other = jobs.enqueue(conn, event, "detect"), jobs.enqueue(conn, an_event(conn), "cluster")
    claim = {job.id: job.token for job in jobs.claim(conn, 5)}[done]
    jobs.complete(conn, claim, {done: {}})
    assert [row.id for row in inbox.list_(conn, status="completed")] == [done]
    assert {row.id for row in inbox.list_(conn)} == {done, other}
    assert [row.id for row in inbox.list_(conn, event_id=event)] == [done]
    assert inbox.counts(conn) == {"completed": 1, "processing": 1}
    assert one(conn, "select count(*) from memoria.ml_jobs") == 2
