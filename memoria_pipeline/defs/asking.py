"""How a sensor asks for a run, and what became of one it asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import (
    PARENT_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    RUN_KEY_TAG,
    WILL_RETRY_TAG,
)

Grouping = Literal["always", "when enough"]
Status = Literal["none", "underway", "succeeded", "failed", "cancelled"]

_ENDED: Mapping[dg.DagsterRunStatus, Status] = {
    dg.DagsterRunStatus.SUCCESS: "succeeded",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a run that was asked for."""

    status: Status
    run_id: str | None = None


def request(
    event: UUID,
    run_key: str,
    *,
    grouping: Grouping = "when enough",
    tags: Mapping[str, str] | None = None,
    job: str = "process_event",
    config: Mapping[str, Any] | None = None,
) -> dg.RunRequest:
    """A run for one event; the same `run_key` never gives a second one."""
    if config is None:
        config = {"ops": {"clusters": {"config": {"start": grouping}}}}
    return dg.RunRequest(
        run_key=run_key,
        job_name=job,
        partition_key=str(event),
        run_config=dict(config),
        tags=dict(tags or {}),
    )


def last(instance: dg.DagsterInstance, run_key: str) -> Asked:
    """What became of it, automatic retries included: one that will come is underway.

    A daemon that died before it made the retry makes it when it is back.
    """
    found = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: run_key}), limit=1)
    if not found:
        return Asked("none")
    run = found[0]
    while run.tags.get(WILL_RETRY_TAG) == "true":
        retries = instance.get_runs(dg.RunsFilter(tags={PARENT_RUN_ID_TAG: run.run_id}), limit=1)
        if not retries:
            return Asked("underway", run.run_id)
        run = retries[0]
    return Asked(_ENDED.get(run.status, "underway"), run.run_id)


def underway(instance: dg.DagsterInstance, event: UUID, job: str) -> bool:
    """Whether such a run of the event waits or works, whoever asked for it."""
    tags = {PARTITION_NAME_TAG: str(event)}
    wanted = dg.RunsFilter(job_name=job, tags=tags, statuses=list(NOT_FINISHED_STATUSES))
    return bool(instance.get_run_ids(wanted, limit=1))
