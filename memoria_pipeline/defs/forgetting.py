"""What Dagster knows of an event that is erased: its runs, what they wrote, its partition.

A run that lives is stopped first: deleted under it, it would write its history anew.
"""

import time
from contextlib import suppress
from uuid import UUID

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.errors import ErasureError
from memoria_pipeline.store import dagster_rows, db, erased_files
from memoria_pipeline.store.erased_files import Places

_EVERY = 0.5  # seconds between two looks
_PATIENCE = 60.0  # a run ends itself 15 seconds after it was told, at the latest
_BEGUN = (
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def forget_event(
    instance: dg.DagsterInstance, store: Store, places: Places, url: str | None, event: UUID
) -> dict[str, int]:
    """Everything that Dagster has of the event goes; counts. Twice does no harm.

    url: of Dagster's own tables, None where they are in no PostgreSQL. Raises ErasureError where a
    run does not end.
    """
    runs = [run.run_id for run in instance.get_runs(dg.RunsFilter(tags=_tags(event)))]
    for run in runs:
        _stop(instance, store, run)
    files = erased_files.runs_output(places, runs)
    for run in runs:
        with suppress(Exception):  # another place of compute logs may know no such folder
            instance.compute_log_manager.delete_logs(prefix=[run])
        instance.event_log_storage.free_concurrency_slots_for_run(run)
        instance.delete_run(run)
    instance.delete_dynamic_partition(events.name or "", str(event))
    return {"runs": len(runs), "files": files, "rows": _rows(url, event)}


def naming(url: str | None, texts: list[str]) -> dict[str, int]:
    """Where Dagster's tables still name any of these: table.column → rows."""
    if url is None:
        return {}
    with db.connect(db.engine(url)) as conn:
        return dagster_rows.naming(conn, texts)


def mask(url: str | None, texts: list[str]) -> list[str]:
    """Write over any of these in Dagster's tables; the tables that had one: none is expected."""
    if url is None:
        return []
    with db.connect(db.engine(url)) as conn:
        return dagster_rows.mask(conn, texts)


def _rows(url: str | None, event: UUID) -> int:
    if url is None:
        return 0
    with db.connect(db.engine(url)) as conn:
        return dagster_rows.forget(conn, event)


def _tags(event: UUID) -> dict[str, str]:
    return {PARTITION_NAME_TAG: str(event)}


def _stop(instance: dg.DagsterInstance, store: Store, run_id: str) -> None:
    """Until the run is over and its process gone."""
    until = time.monotonic() + _PATIENCE
    while not _is_over(instance, store, run_id):
        if time.monotonic() >= until:
            raise ErasureError(
                f"Run {run_id} of the event that is erased does not end: terminate it in Dagster."
                " The erasure is tried again."
            )
        time.sleep(_EVERY)


def _is_over(instance: dg.DagsterInstance, store: Store, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    alive = store.is_alive(run_id)
    if run is None or run.status not in NOT_FINISHED_STATUSES:
        return not alive
    if run.status not in _BEGUN or not alive:
        instance.report_run_canceled(run, "Its event was erased.")
    elif run.status is not dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceling(run, "Its event is erased.")
    return False
