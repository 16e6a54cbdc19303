"""The asset `erasures`: what was asked to be erased is, and a signed receipt says so.

Without a partition and out of any pool: it waits neither for the event's run nor for the detector.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import WILL_RETRY_TAG

from memoria_pipeline.defs import erasing
from memoria_pipeline.defs.proving import work_of
from memoria_pipeline.defs.resources import Store, opened
from memoria_pipeline.defs.retries import retried
from memoria_pipeline.defs.storage import databases
from memoria_pipeline.errors import ErasureError
from memoria_pipeline.logs import discreet
from memoria_pipeline.privacy import plan
from memoria_pipeline.privacy.plan import Try
from memoria_pipeline.settings import settings
from memoria_pipeline.store import db, erasure, rewrite
from memoria_pipeline.store import erasing as rows
from memoria_pipeline.store.erasure import Open

_TAG = "memoria/erasure-"  # and the erasure's id; its value: which try it is
_URGENT = {"dagster/priority": "100"}
_LOOK = 200  # open erasures of one look


class Requested(dg.Config):
    """Which erasures: their ids, which say nothing of anybody."""

    ids: list[str]


@dg.asset(group_name="privacy", kinds={"postgres"})
@discreet
@retried
def erasures(
    context: dg.AssetExecutionContext, config: Requested, store: dg.ResourceParam[Store]
) -> dg.MaterializeResult[None]:
    """Rows, files, Dagster's history and bytes of the erased go; the recount is 0; receipts."""
    work = work_of(settings(), store, context.instance, _dagster(context.instance))
    done = erasing.carry_out(work, [UUID(each) for each in config.ids])
    return dg.MaterializeResult(metadata={**done})


def _dagster(instance: dg.DagsterInstance) -> str | None:
    """The URL of Dagster's tables; one that is ephemeral has none."""
    return None if instance.is_ephemeral else databases().dagster


erase_person = dg.define_asset_job(
    "erase_person",
    selection=dg.AssetSelection.assets("erasures"),
    description="Persons, photos or archived events that were asked to be erased.",
)
erase_event = dg.define_asset_job(
    "erase_event",
    selection=dg.AssetSelection.assets("erasures"),
    description="Whole events that were asked to be erased, with Dagster's history of them.",
)


@dg.sensor(
    jobs=[erase_person, erase_event],
    minimum_interval_seconds=settings().sensor_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
@discreet
def erasure_sensor(
    context: dg.SensorEvaluationContext, store: dg.ResourceParam[Store]
) -> dg.SensorResult | dg.SkipReason:
    """Erasures that are open get a run; again after a failure, later each time."""
    with store.transaction() as conn:
        waiting = erasure.open_(conn, _LOOK)
    tries = [_seen(context.instance, each) for each in waiting]
    with store.transaction() as conn:
        for each in tries:
            if each.lost:
                erasure.fail(conn, each.id, "RunLost")
    asked = [
        _request(job, ids, {each.id: each.attempts for each in tries})
        for job, ids in plan.due(tries, datetime.now(UTC)).items()
    ]
    if not asked:
        return dg.SkipReason(f"{len(waiting)} erasures are under way" if waiting else "none waits")
    return dg.SensorResult(run_requests=asked)


def _seen(instance: dg.DagsterInstance, each: Open) -> Try:
    """What became of the run of this very try."""
    tags = {f"{_TAG}{each.id}": str(each.attempts)}
    runs = instance.get_runs(dg.RunsFilter(tags=tags), limit=1)
    goes_on = bool(runs) and (
        runs[0].status in NOT_FINISHED_STATUSES or runs[0].tags.get(WILL_RETRY_TAG) == "true"
    )
    return Try(
        each.id,
        each.scope,
        each.requested_at,
        each.attempts,
        underway=goes_on,
        lost=bool(runs) and not goes_on,
    )


def _request(job: str, ids: list[UUID], attempts: Mapping[UUID, int]) -> dg.RunRequest:
    tags = {f"{_TAG}{each}": str(attempts[each]) for each in ids}
    named = sha256(" ".join(f"{each}/{attempts[each]}" for each in sorted(ids)).encode())
    return dg.RunRequest(
        run_key=f"erasures/{named.hexdigest()}",
        job_name=job,
        run_config=config(ids),
        tags={**tags, **_URGENT},
    )


def config(ids: list[UUID]) -> dict[str, Any]:
    """What a run is told: ids of requests, nothing else."""
    return {"ops": {"erasures": {"config": {"ids": [str(each) for each in ids]}}}}


@dg.asset(group_name="privacy", kinds={"postgres"})
@discreet
@retried
def rewritten_tables(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[Store]
) -> dg.MaterializeResult[None]:
    """Tables that were too large to be rewritten when somebody was erased from them, at night."""
    with store.transaction() as conn:
        _, names = rows.tables_left(conn)
    refused = rewrite.rewrite_these(db.engine(store.url), names) if names else []
    if refused:
        raise ErasureError("Tables may not be rewritten by this login: let their owner VACUUM FULL")
    return dg.MaterializeResult(metadata={"tables": len(names)})


rewrite_tables = dg.define_asset_job(
    "rewrite_tables", selection=dg.AssetSelection.assets("rewritten_tables")
)


@dg.schedule(
    job=rewrite_tables,
    cron_schedule="40 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    required_resource_keys={"store"},
)
@discreet
def rewrite_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """At night, where an erasure since the last time left a table to it."""
    store: Store = context.resources.store
    with store.transaction() as conn:
        newest, _ = rows.tables_left(conn)
    if newest is not None:
        yield dg.RunRequest(run_key=f"rewrite/{newest}")


def finish_here(ids: list[UUID]) -> dict[str, object]:
    """Carry erasures out in this process, as their job does, waiting for no daemon."""
    from memoria_pipeline.definitions import defs

    with dg.DagsterInstance.get() as instance, opened() as store:
        with store.transaction() as conn:
            scopes = {plan.job_of(rows.get(conn, each).scope) for each in ids}
        job = defs().resolve_job_def(max(scopes, default="erase_person"))
        done = job.execute_in_process(
            run_config=config(ids), instance=instance, raise_on_error=False
        )
    return {"success": done.success, "run_id": done.run_id}
