"""Dagster's history is kept for 90 days, and of each event what stands now for ever.

A run is 40 KB; its run key carries a version or a date, so that forgetting it asks for nothing
twice. Deleting it deletes what it materialised from Dagster's pages as well: hence only those runs
go that another one has made good since.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG

from memoria_pipeline.logs import discreet

_KEPT = timedelta(days=90)
_A_DAY = 500  # runs that are looked at; a page costs seconds
_ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


@dg.sensor(minimum_interval_seconds=86_400, default_status=dg.DefaultSensorStatus.RUNNING)
@discreet
def old_runs_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Forgets old runs, some a day; its cursor says how far it came, and starts over at the end."""
    after = datetime.fromisoformat(context.cursor) if context.cursor else None
    seen = _older(context.instance, datetime.now(UTC) - _KEPT, after)
    gone = forget(context.instance, seen)
    context.update_cursor(seen[-1].create_timestamp.isoformat() if len(seen) == _A_DAY else "")
    return dg.SkipReason(f"{gone} old runs were forgotten.")


def _older(
    instance: dg.DagsterInstance, before: datetime, after: datetime | None
) -> list[dg.RunRecord]:
    chosen = dg.RunsFilter(statuses=_ENDED, created_before=before, created_after=after)
    return list(instance.get_run_records(chosen, limit=_A_DAY, ascending=True))


def forget(instance: dg.DagsterInstance, records: list[dg.RunRecord]) -> int:
    """Delete those of these runs that others have made good since; how many."""
    gone = [each.dagster_run.run_id for each in records if _is_made_good(instance, each)]
    for run_id in gone:
        instance.delete_run(run_id)
    return len(gone)


def _is_made_good(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Whether the same job has succeeded for the same event since, and not only as its retry.

    A retry does what was left to do: what its predecessor had materialised still stands.
    """
    run = record.dagster_run
    partition = run.tags.get(PARTITION_NAME_TAG)
    same = dg.RunsFilter(
        job_name=run.job_name,
        statuses=[dg.DagsterRunStatus.SUCCESS],
        tags={PARTITION_NAME_TAG: partition} if partition else {},
        created_after=record.create_timestamp,
    )
    since = instance.get_runs(same, limit=1)
    return bool(since) and _first(since[0]) != _first(run)


def _first(run: dg.DagsterRun) -> str:
    return run.root_run_id or run.run_id
