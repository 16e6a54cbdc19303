"""Dagster: that its daemon lives and that what starts work is switched on."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memoria_pipeline import services
from memoria_pipeline.doctor.finding import Finding, fail, ok
from memoria_pipeline.store.db import Databases

_PATIENCE = 120.0  # seconds: Dagster takes 5 to start, and many more on a machine at work
_UI = "Switch it on in the UI: Automation."


def ask(home: Path, databases: Databases) -> Mapping[str, Any] | None:
    """What `defs/health.py` says in its own process (Dagster lives there); None: it failed."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "memoria_pipeline.defs.health"],
            env=services.variables(home, databases),
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
        found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, ValueError):
        return None
    return found


def findings(said: Mapping[str, Any] | None) -> list[Finding]:
    """All that is to say of Dagster."""
    if said is None:
        mend = "See `dg check defs` in the checkout, and MEMORIA_DAGSTER_DATABASE_URL."
        return [fail("dagster", "its definitions or its storage cannot be opened", mend)]
    return [_daemon(said["daemons"]), *_automation(said["automation"]), _runs(said)]


def _daemon(daemons: list[dict[str, Any]]) -> Finding:
    silent = [each for each in daemons if not each["healthy"]]
    if not silent:
        longest = max((each["seconds"] for each in daemons), default=0)
        return ok("daemon", f"all {len(daemons)} parts were heard in the last {longest} s")
    if len(silent) == len(daemons):
        mend = "Start `memoria up`, or its service: systemctl start memoria."
        return fail("daemon", "no heartbeat: nothing is noticed and nothing started", mend)
    names = ", ".join(each["name"] for each in silent)
    return fail("daemon", f"no heartbeat of {names}", "Restart it; logs/ in MEMORIA_HOME says why.")


def _automation(known: list[dict[str, Any]]) -> list[Finding]:
    found = []
    for kind in ("sensor", "schedule"):
        these = [each for each in known if each["kind"] == kind]
        off = ", ".join(each["name"] for each in these if not each["on"])
        failing = ", ".join(each["name"] for each in these if each["on"] and each["failing"])
        about = f"{kind}s"
        if off:
            found.append(fail(about, f"off: {off}", _UI))
        elif failing:
            mend = "The UI shows why: Automation, its last tick."
            found.append(Finding(about, "warn", f"failed when last asked: {failing}", mend))
        else:
            found.append(ok(about, f"{len(these)} on"))
    return found


def _runs(said: Mapping[str, Any]) -> Finding:
    missing = [name for name in ("run_monitoring", "run_retries") if not said[name]]
    if missing:
        mend = "Take them over from the dagster.yaml of this version: lost runs are not ended."
        return fail("runs", f"off in dagster.yaml: {', '.join(missing)}", mend)
    return ok("runs", "lost ones are ended and tried again")
