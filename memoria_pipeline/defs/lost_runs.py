"""Runs whose process is gone: a kill, a power cut. Nothing else would ever end them.

Dagster's run monitoring does not see a worker that died together with its code server, and a dead
run keeps its slot of the detector's pool: everybody else waits for ever.
"""

import time

import dagster as dg

from memoria_pipeline.defs.resources import Store

_GRACE = 60.0  # seconds that a run may take from its start to holding its lock


def end_lost_runs(instance: dg.DagsterInstance, store: Store) -> int:
    """Fail every run that is in progress without a living process, and free its slots."""
    log = instance.event_log_storage
    waiting_or_working = log.get_concurrency_run_ids()  # these held their lock before that
    lost = [
        run_id for run_id in waiting_or_working | _old_runs(instance) if not store.is_alive(run_id)
    ]
    for run_id in lost:
        run = instance.get_run_by_id(run_id)
        if run and not run.is_finished:
            instance.report_run_failed(run, "The process of this run is gone; run it again.")
        log.free_concurrency_slots_for_run(run_id)
    return len(lost)


def _old_runs(instance: dg.DagsterInstance) -> set[str]:
    in_progress = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    records = instance.get_run_records(dg.RunsFilter(statuses=in_progress))
    before = time.time() - _GRACE
    return {r.dagster_run.run_id for r in records if (r.start_time or before) <= before}


@dg.sensor(minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
def lost_runs_sensor(
    context: dg.SensorEvaluationContext, store: dg.ResourceParam[Store]
) -> dg.SkipReason:
    """Ends runs whose process is gone; where runs are retried, the daemon then does so."""
    ended = end_lost_runs(context.instance, store)
    return dg.SkipReason(f"{ended} lost runs ended" if ended else "no run is lost")
