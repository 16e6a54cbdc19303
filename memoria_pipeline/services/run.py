"""One Dagster run in a process of its own, with nothing else running."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.services.environment import CHECKOUT, variables
from memoria_pipeline.services.programs import stop
from memoria_pipeline.store.db import Databases


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended; seconds by step, in the order they ran."""

    success: bool
    run_id: str
    seconds: Mapping[str, float]
    log: Path


def process_event(
    event: UUID, home: Path, databases: Databases, meanwhile: Callable[[], None]
) -> RunResult:
    """Materialise the event's partition in its own process; call `meanwhile` while it works."""
    log = home / "logs" / f"{event}.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", "memoria_pipeline.defs.launch", str(event), "--with-stdin"]
    with log.open("w") as errors, tempfile.TemporaryFile("w+") as output:
        run = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # it ends with us: the run stops when it closes
            stdout=output,
            stderr=errors,
            text=True,
            cwd=CHECKOUT,
            env=variables(home, databases),
            start_new_session=True,  # Ctrl-C comes to us; we end it in order
        )
        try:
            while run.poll() is None:
                meanwhile()
                time.sleep(0.1)
        finally:
            stop([run])
        output.seek(0)
        return _result(output.read(), log)


def _result(output: str, log: Path) -> RunResult:
    lines = output.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        last = "\n".join(log.read_text(errors="replace").strip().splitlines()[-15:])
        raise MemoriaError(f"The run ended without a result; the end of {log}:\n{last}")
    said = json.loads(lines[-1])
    return RunResult(said["success"], said["run_id"], said["seconds"], log)
