"""Runs whose process is gone, where Dagster's run monitoring does not see it.

It asks the launcher about runs that have started. Those that were only being started it gives up by
the clock alone, and a busy machine takes longer for them than anybody would wait after a power cut.
Nor is there a daemon beside `memoria demo` by itself. A dead run keeps its slot of the detector's
pool: everybody else would wait for ever.
"""

import time

import dagster as dg

from memoria_pipeline.defs.launcher import GRACE, Launcher, just_now
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.logs import discreet


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
    before = time.time() - GRACE
    return {r.dagster_run.run_id for r in records if (r.start_time or before) <= before}


@dg.sensor(minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
@discreet
def lost_starts_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Ends runs whose process, or who was to start it, was killed before they began."""
    launcher = context.instance.run_launcher
    ended = end_lost_starts(context.instance, launcher) if isinstance(launcher, Launcher) else 0
    return dg.SkipReason(f"{ended} runs had been lost while they were being started.")


def end_lost_starts(instance: dg.DagsterInstance, launcher: Launcher) -> int:
    """Fail every run that was asked for and has no process; the daemon then tries it again."""
    asked = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]
    records = instance.get_run_records(dg.RunsFilter(statuses=asked))
    return sum(_is_lost(instance, launcher, each) for each in records)


def _is_lost(instance: dg.DagsterInstance, launcher: Launcher, record: dg.RunRecord) -> bool:
    before = record.dagster_run
    if just_now(record.update_timestamp.timestamp()) or launcher.serves(before.run_id) is not False:
        return False
    run = instance.get_run_by_id(before.run_id)
    if run is None or run.status is not before.status or launcher.lives(before.run_id):
        return False  # it went on while we looked
    instance.report_run_failed(run, "This run was lost before it began.")
    return True
