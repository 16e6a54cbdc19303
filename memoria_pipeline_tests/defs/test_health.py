"""What the doctor is told of Dagster."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs import health


@dg.sensor(name="on", job_name="j", default_status=dg.DefaultSensorStatus.RUNNING)
def on(_: Any) -> None:
    """On, unless somebody says otherwise."""


@dg.sensor(name="off", job_name="j")
def off(_: Any) -> None:
    """Off, unless somebody says otherwise."""


@dg.job(name="j")
def job() -> None:
    """Nothing."""


MADE_UP = dg.Definitions(sensors=[on, off], jobs=[job])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def beat(instance: dg.DagsterInstance, name: str, ago: float) -> None:
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - ago, name, "id", []))


def test_what_is_on_is_what_the_code_says_until_a_human_says_otherwise(
    instance: dg.DagsterInstance,
) -> None:
    said = {each["name"]: each["on"] for each in health.automation(instance, MADE_UP)}
    assert said == {"on": True, "off": False}


def test_all_of_ours_are_on_from_the_start(instance: dg.DagsterInstance) -> None:
    said = health.automation(instance, defs())
    assert {each["kind"] for each in said} == {"sensor", "schedule"}
    assert [each["name"] for each in said if not each["on"]] == []
    assert not any(each["failing"] for each in said)


def test_a_daemon_that_was_not_heard_for_minutes_is_not_healthy(
    instance: dg.DagsterInstance,
) -> None:
    beat(instance, "SENSOR", 10)
    beat(instance, "BACKFILL", 300)
    said = {each["name"]: (each["healthy"], each["seconds"]) for each in health.daemons(instance)}
    assert said["sensor"][0] is True
    assert said["backfill"] == (False, 300)
    assert said["scheduler"] == (False, None)
