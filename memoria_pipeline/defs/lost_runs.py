"""Runs whose process is gone, where no daemon looks after them: `memoria demo` by itself.

With a daemon the launcher's health check does this. A dead run keeps its slot of the detector's
pool: everybody else would wait for ever.
"""

import time

import dagster as dg

from memoria_pipeline.defs.launcher import GRACE
from memoria_pipeline.defs.resources import Store


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
