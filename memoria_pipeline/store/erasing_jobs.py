"""Jobs `erase` of the inbox: each becomes an erasure, and ends when that does.

The claim of one that was handed over is the erasure's id, without an end: the erasure is tried
until it is done, by whoever does erasures.
"""

from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.settle import settle
from memoria_pipeline.work.jobs import Job, Verdict

_LEASE = 25.0  # seconds, as of other claims: to hand it over takes a moment


def claim(conn: sa.Connection, limit: int) -> list[Job]:
    """Take up to `limit` pending jobs `erase`, the oldest first, whatever is done in their events.

    Those of one event get one token.
    """
    return [Job(*row) for row in conn.execute(_CLAIM, {"limit": limit, "lease": _LEASE})]


_CLAIM = sa.text("""
    with due as materialized (
        select id, event_id from memoria.ml_jobs
        where job_type = 'erase' and status = 'pending' and next_attempt_at <= clock_timestamp()
        order by created_at, id limit :limit for update skip locked
    ), batch as materialized (
        select event_id, gen_random_uuid() as token from due group by event_id
    )
    update memoria.ml_jobs j
    set status = 'processing', claim_token = batch.token, attempts = j.attempts + 1,
        lease_until = clock_timestamp() + make_interval(secs => :lease),
        started_at = coalesce(j.started_at, clock_timestamp())
    from due join batch using (event_id) where j.id = due.id
    returning j.id, j.event_id, j.job_type, j.media_ids, j.priority, j.attempts, j.claim_token
""")


def hand_over(conn: sa.Connection, job: Job, erasure: UUID) -> None:
    """From now on the job is the erasure's."""
    conn.execute(_HAND_OVER, {"id": job.id, "token": job.token, "erasure": erasure})


_HAND_OVER = sa.text(
    "update memoria.ml_jobs set claim_token = :erasure, lease_until = 'infinity'"
    " where id = :id and claim_token = :token"
)


def finish(conn: sa.Connection, *, tell: bool) -> int:
    """End the jobs whose erasure is completed, each with its counts and its id; how many."""
    rows = conn.execute(_DONE).all()
    results = {row.id: {**row.counts, "erasure": str(row.erasure)} for row in rows}
    held = [(row.id, row.attempts) for row in rows]
    return settle(conn, held, lambda job, _: Verdict("completed", result=results[job]), tell=tell)


_DONE = sa.text("""
    select j.id, j.attempts, e.id as erasure, e.counts from memoria.ml_jobs j
    join memoria.erasures e on e.id = j.claim_token and e.completed_at is not null
    where j.claim_token is not null and j.job_type = 'erase'
    order by j.id for update of j
""")
