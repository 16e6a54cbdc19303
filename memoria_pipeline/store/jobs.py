"""The inbox `ml_jobs`: claimed under a lease, by priority; ended only by who holds the claim.

A claim takes jobs of several events at once and gives each event a token of its own. Ending a job
looks at the token in the same transaction, so that of two who believe they hold it one changes
nothing. Effects outside the database are the outbox's business: its row is written here.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store.settle import settle
from memoria_pipeline.work.jobs import Job, Priority, Type, Verdict, after_failure, after_lease

LEASE = 25.0  # seconds; with the 10 between two looks of the sensor, a lost job waits 35 at most
ATTEMPTS = 5


def enqueue(
    conn: sa.Connection,
    event_id: UUID,
    job_type: Type,
    media_ids: Sequence[UUID] = (),
    priority: Priority = "normal",
) -> UUID:
    """A new job, as any application may insert one; its id. No media_ids: all of the event."""
    values = {"event": event_id, "type": job_type, "media": list(media_ids), "priority": priority}
    made: UUID = conn.execute(_ENQUEUE, values).scalar_one()
    return made


_ENQUEUE = sa.text(
    "insert into memoria.ml_jobs (event_id, job_type, media_ids, priority)"
    " values (:event, :type, cast(:media as uuid[]), :priority) returning id"
)


def claim(
    conn: sa.Connection,
    limit: int,
    lease_seconds: float = LEASE,
    *,
    batches: int | None = None,
    leave: Collection[UUID] = (),
    together: int = 0,
) -> list[Job]:
    """Take up to `limit` pending jobs that are due, the most urgent and oldest first.

    All that are of one event get one token. batches: of so many events at most. leave: events that
    are worked on already; theirs wait, and go together later. together: so many more jobs of the
    same events come along, because one run does them all.
    """
    values = {"limit": limit, "lease": lease_seconds, "batches": batches, "leave": list(leave)}
    return [Job(*row) for row in conn.execute(_CLAIM, {**values, "together": together})]


# Materialized, or each row would get a token of its own. The order is that of the index.
_CLAIM = sa.text("""
    with due as materialized (
        select id, event_id, row_number() over (order by
            case priority when 'high' then 0 when 'normal' then 1 else 2 end, created_at, id) as n
        from (
            select id, event_id, priority, created_at from memoria.ml_jobs
            where status = 'pending' and next_attempt_at <= clock_timestamp()
                and event_id <> all (cast(:leave as uuid[]))
            order by case priority when 'high' then 0 when 'normal' then 1 else 2 end,
                created_at, id
            limit :limit for update skip locked
        ) as locked
    ), batch as materialized (
        select event_id, gen_random_uuid() as token from due
        group by event_id order by min(n) limit :batches
    ), along as materialized (
        select id, event_id from memoria.ml_jobs
        where status = 'pending' and next_attempt_at <= clock_timestamp()
            and event_id in (select event_id from batch) and id not in (select id from due)
        limit :together for update skip locked
    ), chosen as (
        select id, event_id, n from due union all select id, event_id, :limit + 1 from along
    ), taken as (
        update memoria.ml_jobs j
        set status = 'processing', claim_token = batch.token, attempts = j.attempts + 1,
            lease_until = clock_timestamp() + make_interval(secs => :lease),
            started_at = coalesce(j.started_at, clock_timestamp())
        from chosen join batch using (event_id) where j.id = chosen.id
        returning j.id, j.event_id, j.job_type, j.media_ids, j.priority, j.attempts,
            j.claim_token, chosen.n
    )
    select id, event_id, job_type, media_ids, priority, attempts, claim_token
    from taken order by n, id
""")


def renew(conn: sa.Connection, tokens: Collection[UUID], lease_seconds: float = LEASE) -> set[UUID]:
    """Claims that are worked on, or wait for their run: a lease from now on. Those that still hold.

    A token that is not among them was lost: whoever works under it stops.
    """
    if not tokens:
        return set()
    values = {"tokens": list(tokens), "lease": lease_seconds}
    return set(conn.scalars(_RENEW, values))


# In order, as everybody who takes several: one who renews and one who ends would deadlock.
_RENEW = sa.text(
    "update memoria.ml_jobs set lease_until = clock_timestamp() + make_interval(secs => :lease)"
    " where id in (select id from memoria.ml_jobs where claim_token = any (cast(:tokens as uuid[]))"
    "  order by id for update) returning claim_token"
)


def renew_claims(conn: sa.Connection, claim: str) -> bool:
    """What a run does for its tag `memoria/claim`; whether the claim still holds."""
    return bool(renew(conn, [UUID(claim)]))


@dataclass(frozen=True, slots=True)
class Claim:
    """An open claim: the jobs of one event that are in processing under one token."""

    token: UUID
    event_id: UUID
    jobs: int
    over: bool


def claims(conn: sa.Connection) -> list[Claim]:
    """Every open claim, the oldest first. over: its lease ran out."""
    return [Claim(*row) for row in conn.execute(_CLAIMS)]


_CLAIMS = sa.text(
    "select claim_token, event_id, count(*), min(lease_until) < clock_timestamp()"
    " from memoria.ml_jobs where claim_token is not null and lease_until < 'infinity'"
    " group by claim_token, event_id order by min(lease_until), claim_token"
)


def claimed(conn: sa.Connection, token: UUID) -> list[Job]:
    """The jobs that the token still holds, locked until this transaction ends."""
    return [Job(*row) for row in conn.execute(_CLAIMED, {"token": token})]


_CLAIMED = sa.text(
    "select id, event_id, job_type, media_ids, priority, attempts, claim_token"
    " from memoria.ml_jobs where claim_token = :token order by id for update"
)


def complete(
    conn: sa.Connection,
    token: UUID,
    results: Mapping[UUID, Mapping[str, Any]],
    *,
    tell: bool = True,
) -> int:
    """End jobs of a claim well, each id with its result; how many the token still held.

    tell: write a callback for each.
    """
    held = [(job, tries) for job, tries in _held(conn, token) if job in results]
    return settle(conn, held, lambda job, _: Verdict("completed", result=results[job]), tell=tell)


def fail(
    conn: sa.Connection,
    token: UUID,
    error: str,
    permanent: bool = False,
    *,
    only: Collection[UUID] | None = None,
    most: int = ATTEMPTS,
    tell: bool = True,
) -> int:
    """A try of a claim's jobs failed: again later, or never; how many the token still held.

    most: tries of a job before it has failed for good. only: these of its jobs. `error` is shown to
    people and applications: it says what to do, and nothing personal.
    """
    held = [(job, tries) for job, tries in _held(conn, token) if only is None or job in only]

    def decide(_: UUID, tries: int) -> Verdict:
        return after_failure(tries, most, error, random.random(), permanent=permanent)

    return settle(conn, held, decide, tell=tell)


def _held(conn: sa.Connection, token: UUID) -> list[tuple[UUID, int]]:
    rows = conn.execute(_HELD, {"token": token})
    return [(row.id, row.attempts) for row in rows]


_HELD = sa.text(
    "select id, attempts from memoria.ml_jobs where claim_token = :token order by id for update"
)


def expire(conn: sa.Connection, *, most: int = ATTEMPTS, tell: bool = True) -> int:
    """Claims whose lease is over: their jobs are pending again, or have failed; how many jobs.

    Call it after `renew`, for whatever is known to be worked on.
    """
    over = [(row.id, row.attempts) for row in conn.execute(_OVER)]
    return settle(conn, over, lambda _, tries: after_lease(tries, most), tell=tell)


_OVER = sa.text(
    "select id, attempts from memoria.ml_jobs where status = 'processing'"
    " and claim_token is not null and lease_until < clock_timestamp()"
    " order by id limit 5000 for update skip locked"
)


def replay(conn: sa.Connection, ids: Sequence[UUID]) -> int:
    """Failed jobs are pending again, with all their tries; how many of these were failed.

    Raises DatabaseError when one of them does not exist.
    """
    known = set(conn.scalars(_KNOWN, {"ids": list(ids)}))
    if lost := set(ids) - known:
        raise DatabaseError(
            f"There is no job {min(lost)}; `memoria jobs list` names them. Nothing was replayed."
        )
    return conn.execute(_REPLAY, {"ids": list(ids)}).rowcount


_KNOWN = sa.text("select id from memoria.ml_jobs where id = any (cast(:ids as uuid[]))")
_REPLAY = sa.text(
    "update memoria.ml_jobs set status = 'pending', attempts = 0, error = null, result = null,"
    " started_at = null, next_attempt_at = clock_timestamp()"
    " where id = any (cast(:ids as uuid[])) and status = 'failed'"
)
