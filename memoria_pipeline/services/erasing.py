"""Erasures carried out here and now, in a process of their own: nobody waits for a daemon."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from memoria_pipeline.errors import ErasureError
from memoria_pipeline.services.environment import CHECKOUT, variables
from memoria_pipeline.store.db import Databases


def carry_out(ids: Sequence[UUID], home: Path, databases: Databases) -> None:
    """Do the job of these erasures. Raises ErasureError where it failed, naming the log."""
    log = home / "logs" / "erasures.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", "memoria_pipeline.defs.erasing", *map(str, ids)]
    with log.open("a") as errors:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=CHECKOUT,
            env=variables(home, databases),
            check=False,
        )
    lines = done.stdout.strip().splitlines()
    if not lines or not lines[-1].startswith("{") or not json.loads(lines[-1])["success"]:
        raise ErasureError(
            "The erasure was asked for, and could not be finished: it stays open, and is tried"
            f" again while `memoria up` runs. `memoria erase list` and {log} say why."
        )
