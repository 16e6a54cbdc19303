"""How a try of a job ends: written with what applications are told of it, in one transaction."""

import json
from collections.abc import Callable, Iterable
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.work.jobs import Verdict

Decide = Callable[[UUID, int], Verdict]
"""What becomes of a job, by its id and its tries."""


def settle(
    conn: sa.Connection, held: Iterable[tuple[UUID, int]], decide: Decide, *, tell: bool
) -> int:
    """Write what becomes of jobs that this transaction has locked, and what to tell of it."""
    verdicts = [(job, decide(job, tries)) for job, tries in held]
    if not verdicts:
        return 0
    values = {
        "ids": [job for job, _ in verdicts],
        "statuses": [each.status for _, each in verdicts],
        "delays": [each.delay for _, each in verdicts],
        "errors": [each.error for _, each in verdicts],
        "results": [None if e.result is None else json.dumps(dict(e.result)) for _, e in verdicts],
        "tell": tell,
    }
    return int(conn.execute(_SETTLE, values).scalar_one())


_SETTLE = sa.text("""
    with settled as (
        update memoria.ml_jobs j
        set status = r.status, error = r.error, result = cast(r.result as jsonb),
            next_attempt_at = clock_timestamp() + make_interval(secs => r.delay)
        from unnest(cast(:ids as uuid[]), cast(:statuses as text[]), cast(:delays as float8[]),
            cast(:errors as text[]), cast(:results as text[]))
            as r (id, status, delay, error, result)
        where j.id = r.id
        returning j.id, j.event_id, j.job_type, j.status, j.result, j.error
    ), told as (
        insert into memoria.callbacks (job_id, event_id, payload)
        select id, event_id, jsonb_build_object('type', 'ml_job.' || status,
            'timestamp', to_char(clock_timestamp() at time zone 'utc',
                'YYYY-MM-DD"T"HH24\\:MI\\:SS.US"Z"'),
            'data', jsonb_build_object('job_id', id, 'event_id', event_id, 'job_type', job_type,
                'status', status, 'result', result, 'error', error))
        from settled where :tell and status in ('completed', 'failed')
    )
    select count(*) from settled
""")
