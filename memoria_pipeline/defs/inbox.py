"""The inbox `ml_jobs` and its outbox: sensors that claim, follow, end, and tell."""

import random
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs import asking
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store, opened
from memoria_pipeline.errors import MemoriaError, SettingsError
from memoria_pipeline.logs import discreet
from memoria_pipeline.settings import settings
from memoria_pipeline.store import erasing_jobs, erasure, jobs, outbox, outcomes
from memoria_pipeline.store.jobs import Claim
from memoria_pipeline.store.outbox import Letter
from memoria_pipeline.webhooks import Answer, Call, Receiver, body_of
from memoria_pipeline.work import jobs as work
from memoria_pipeline.work.jobs import Batch, Job

CLAIM_TAG = "memoria/claim"
"""Whose jobs a run works for: its worker renews that claim (store.jobs.renew_claims)."""

_JOBS = 500  # of one look, to find the events by; of those the others come along
_TOGETHER = 20_000
_RUNS = 25  # that one look may start: starting one takes a fifth of a second of the tick
_OPEN = 100  # claims at once: more would only wait in Dagster's queue instead of ours


@dg.sensor(
    job_name="process_event",
    minimum_interval_seconds=settings().sensor_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
@discreet
def ml_jobs_sensor(
    context: dg.SensorEvaluationContext, store: dg.ResourceParam[Store]
) -> dg.SensorResult | dg.SkipReason:
    """Jobs that other applications asked for: one run per event for all of them, to its end."""
    opened, taken = _look(store)
    ended = _follow(store, opened, context.instance)
    batches = [left for batch in taken if (left := _ready(store, batch)).jobs]
    if not batches:
        return dg.SkipReason(f"{ended} jobs ended" if ended else "no job waits")
    keys = sorted({str(batch.event_id) for batch in batches})
    return dg.SensorResult(
        run_requests=[_request(batch) for batch in batches],
        dynamic_partitions_requests=[events.build_add_request(keys)],
    )


def _look(store: Store) -> tuple[list[Claim], list[Batch]]:
    """The open claims, and new ones; jobs of an event that is worked on wait for its end."""
    with store.transaction() as conn:
        opened = jobs.claims(conn)
        taken = erasing_jobs.claim(conn, _JOBS)  # these wait for no run
        free = min(_RUNS, _OPEN - len(opened))
        if free > 0:
            busy = [claim.event_id for claim in opened] + [job.event_id for job in taken]
            taken += jobs.claim(conn, _JOBS, batches=free, leave=busy, together=_TOGETHER)
    return opened, work.batches(taken)


def _follow(store: Store, opened: Sequence[Claim], instance: dg.DagsterInstance) -> int:
    """Look after every open claim, then give up those that nobody did; jobs that ended."""
    ended = sum(_step(store, claim, instance) for claim in opened)
    with store.transaction() as conn:
        ended += erasing_jobs.finish(conn, tell=_tells())
    if any(claim.over for claim in opened):
        with store.transaction() as conn:
            jobs.expire(conn, most=settings().job_attempts, tell=_tells())
    return ended


def _step(store: Store, claim: Claim, instance: dg.DagsterInstance) -> int:
    run = asking.last(instance, _run_key(claim.token))
    with store.transaction() as conn:
        match work.next_step(run.status):
            case "renew":
                jobs.renew(conn, [claim.token])
            case "finish":
                return _finish(conn, claim)
            case "again":
                return _fail(conn, claim, f"Run {run.run_id} failed: see it in Dagster.")
            case "give up":
                told = f"Run {run.run_id} was cancelled by hand. Replay the job when it may run."
                return _fail(conn, claim, told, permanent=True)
            case "wait":
                pass
    return 0


def _finish(conn: sa.Connection, claim: Claim) -> int:
    """The run went well: its results, and another try for photos that came too late for it."""
    detected = outcomes.of_detection(conn, claim.token)
    late = [job for job, counts in detected.items() if counts.pop("pending")]
    results: dict[UUID, Mapping[str, Any]] = {**detected}
    clusters = [j.id for j in jobs.claimed(conn, claim.token) if j.job_type == "cluster"]
    if clusters:
        results |= dict.fromkeys(clusters, outcomes.of_grouping(conn, claim.event_id))
    if late:
        told = "Photos that it names came, or changed, while its run was under way."
        _fail(conn, claim, told, only=late)
    return jobs.complete(conn, claim.token, results, tell=_tells())


def _fail(
    conn: sa.Connection,
    claim: Claim,
    error: str,
    *,
    permanent: bool = False,
    only: Collection[UUID] | None = None,
) -> int:
    """A run that failed because its event may not be worked on is not tried again."""
    held = [job for job in jobs.claimed(conn, claim.token) if only is None or job.id in only]
    _refuse(conn, held)
    most, tell = settings().job_attempts, _tells()
    return jobs.fail(conn, claim.token, error, permanent, only=only, most=most, tell=tell)


def _ready(store: Store, batch: Batch) -> Batch:
    """End at once what needs no run, or may have none; what is left of the batch for a run."""
    try:
        with store.transaction() as conn:
            done = _refuse(conn, batch.jobs)
        erasing = [j for j in batch.without(done).jobs if j.job_type == "erase"]
        with store.transaction() as conn:
            done |= _erase(conn, erasing)
            done |= _refuse(conn, batch.without(done).jobs)  # an erasure may have ended the event
            outcomes.try_anew(conn, batch.without(done).jobs)
    except MemoriaError as error:  # one event, not the others
        with store.transaction() as conn:
            jobs.fail(conn, batch.token, str(error), most=settings().job_attempts, tell=_tells())
        return batch.without(job.id for job in batch.jobs)
    return batch.without(done)


def _refuse(conn: sa.Connection, held: Sequence[Job]) -> set[UUID]:
    """End the jobs of a claim that can never be done; which those are."""
    refused = work.refusals(held, outcomes.facts(conn, held)) if held else {}
    for reason, ids in refused.items():
        jobs.fail(conn, held[0].token, reason, permanent=True, only=ids, tell=_tells())
    return {job for ids in refused.values() for job in ids}


def _erase(conn: sa.Connection, batch: Sequence[Job]) -> set[UUID]:
    """The rows go at once; the job ends when the erasure does, with what it counted."""
    for job in batch:
        erasure.wait_briefly(conn)
        scope: erasure.Scope = "photos" if job.media_ids else "event"
        asked = erasure.request(conn, scope, job.event_id, photos=job.media_ids, source="job")
        erasure.erase_rows(conn, asked)
        erasing_jobs.hand_over(conn, job, asked)
    return {job.id for job in batch}


def _request(batch: Batch) -> dg.RunRequest:
    tags = {CLAIM_TAG: str(batch.token), "dagster/priority": str(batch.rank)}
    run_key = _run_key(batch.token)
    return asking.request(batch.event_id, run_key, grouping=batch.grouping, tags=tags)


def _run_key(token: UUID) -> str:
    return f"claim/{token}"


def _tells() -> bool:
    """Without a receiver nothing is written for one: years later it would get all of it."""
    return settings().callback_url is not None


@dg.sensor(
    minimum_interval_seconds=settings().sensor_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
@discreet
def outbox_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Callbacks that are due are sent, signed, until somebody takes them; a dead one is kept."""
    given = settings()
    if given.callback_url is None:
        return dg.SkipReason("no CALLBACK_URL is set: nobody is to be told")
    if given.callback_secret is None:
        raise SettingsError("CALLBACK_URL needs a CALLBACK_SECRET of 32 characters at least.")
    receiver = Receiver(given.callback_url, given.callback_secret, given.callback_allow_private)
    with opened() as store:  # no resource: that would be opened where nobody is to be told, too
        sent, taken = deliver(store, receiver)
    return dg.SkipReason(f"{taken} of {sent} callbacks taken" if sent else "no callback waits")


def deliver(store: Store, receiver: Receiver) -> tuple[int, int]:
    """Send what is due, 20 at most; how many, and how many of them were taken."""
    with store.transaction() as conn:
        letters = outbox.claim(conn)
    if not letters:
        return 0, 0
    now = int(time.time())
    answers = receiver.send(
        [Call(str(letter.id), now, body_of(letter.payload)) for letter in letters]
    )
    for letter, answer in zip(letters, answers, strict=True):
        with store.transaction() as conn:
            _record(conn, letter, answer)
    return len(answers), sum(answer.taken for answer in answers)


def _record(conn: sa.Connection, letter: Letter, answer: Answer) -> None:
    if answer.error is None and answer.status is not None:
        outbox.delivered(conn, letter, answer.status)
        return
    delay = work.after_call(letter.attempts, answer.status, random.random())
    outbox.refused(conn, letter, answer.status, answer.error or "", delay)
