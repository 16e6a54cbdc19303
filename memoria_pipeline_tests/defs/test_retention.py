"""What Dagster forgets of its history."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._core.test_utils import create_run_for_test

from memoria_pipeline.defs import retention
from memoria_pipeline.defs.retention import old_runs_sensor

DONE, FAILED = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE


def a_run(
    instance: dg.DagsterInstance, event: str, status: dg.DagsterRunStatus = DONE, **more: Any
) -> str:
    tags = {PARTITION_NAME_TAG: event}
    return str(create_run_for_test(instance, "job", tags=tags, status=status, **more).run_id)


def forgotten(instance: dg.DagsterInstance, cursor: str = "") -> tuple[set[str], str]:
    before = {run.run_id for run in instance.get_runs()}
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    old_runs_sensor(context)
    return before - {run.run_id for run in instance.get_runs()}, context.cursor or ""


def test_an_old_run_is_forgotten_once_another_has_done_its_work_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        old = {a_run(instance, "a"), a_run(instance, "a", FAILED)}
        a_run(instance, "a")
        a_run(instance, "a", FAILED)  # nothing has mended it: it is still looked for
        a_run(instance, "b")  # all that there is of its event
        a_run(instance, "a", dg.DagsterRunStatus.STARTED)
        assert forgotten(instance) == (set(), "")  # 90 days have not passed
        monkeypatch.setattr(retention, "_KEPT", -timedelta(days=1))
        assert forgotten(instance) == (old, "")
        assert forgotten(instance) == (set(), "")


def test_what_a_retry_went_on_from_is_kept_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_KEPT", -timedelta(days=1))
    with dg.DagsterInstance.ephemeral() as instance:
        first = a_run(instance, "a", FAILED)
        retry = a_run(instance, "a", parent_run_id=first, root_run_id=first)
        assert forgotten(instance) == (set(), "")
        a_run(instance, "a")
        assert forgotten(instance) == ({first, retry}, "")


def test_a_day_looks_at_so_many_and_the_next_goes_on_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_KEPT", -timedelta(days=1))
    monkeypatch.setattr(retention, "_A_DAY", 2)
    with dg.DagsterInstance.ephemeral() as instance:
        for event in "bc":  # the first page is kept whole: it must not be the only one for ever
            a_run(instance, event)
        old = a_run(instance, "a")
        a_run(instance, "a")
        gone, cursor = forgotten(instance)
        assert gone == set()
        assert datetime.fromisoformat(cursor) <= datetime.now(UTC) + timedelta(minutes=1)
        assert forgotten(instance, cursor)[0] == {old}
