"""How Dagster is: `python -m memoria_pipeline.defs.health` prints one line of JSON for the doctor.

DAGSTER_HOME names the instance. Only looked at: nothing is started, stopped or switched.
"""

import json
import sys
import time
from collections.abc import Iterable

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickStatus

Told = dict[str, object]
SILENT = 120.0  # seconds; every 30 a daemon says that it lives (Dagster itself waits half an hour)


def told(instance: dg.DagsterInstance, defs: dg.Definitions) -> Told:
    """What is switched on, when each daemon was last heard, and the two settings runs live by."""
    return {
        "automation": automation(instance, defs),
        "daemons": daemons(instance),
        "run_monitoring": instance.run_monitoring_enabled,
        "run_retries": instance.run_retries_enabled,
    }


def automation(instance: dg.DagsterInstance, defs: dg.Definitions) -> list[Told]:
    """Every sensor and schedule: its name, what it is, whether it is on, whether it fails."""
    states = instance.all_instigator_state()
    sensors = [(each.name, "sensor", _runs(each)) for each in defs.sensors or ()]
    schedules = [
        (each.name, "schedule", _runs(each))
        for each in defs.schedules or ()
        if isinstance(each, dg.ScheduleDefinition)
    ]
    return [
        {
            "name": name,
            "kind": kind,
            "on": _on([s for s in states if s.name == name], default),
            "failing": any(_failing(instance, s) for s in states if s.name == name),
        }
        for name, kind, default in sorted(sensors + schedules)
    ]


def _runs(each: dg.SensorDefinition | dg.ScheduleDefinition) -> bool:
    return str(each.default_status.value) == "RUNNING"


def _on(states: Iterable[InstigatorState], default: bool) -> bool:
    """A human's word goes before the code's; of several code locations one is enough."""
    said = [each.status for each in states]
    if InstigatorStatus.RUNNING in said:
        return True
    return default and InstigatorStatus.STOPPED not in said


def _failing(instance: dg.DagsterInstance, state: InstigatorState) -> bool:
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
    return any(each.status is TickStatus.FAILURE for each in ticks)


def daemons(instance: dg.DagsterInstance) -> list[Told]:
    """Every daemon that must run: whether it does, and the seconds since it was last heard."""
    said = instance.get_daemon_statuses().items()
    heard = {name: each.last_heartbeat for name, each in sorted(said)}
    ago = {name: time.time() - each.timestamp if each else None for name, each in heard.items()}
    return [
        {
            "name": name.lower(),
            "healthy": seconds is not None and seconds <= SILENT,
            "seconds": None if seconds is None else round(seconds),
        }
        for name, seconds in ago.items()
    ]


if __name__ == "__main__":
    from memoria_pipeline.definitions import defs as loaded

    with dg.DagsterInstance.get() as found:
        sys.stdout.write(json.dumps(told(found, loaded())) + "\n")
