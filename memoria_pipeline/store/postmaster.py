"""The processes of an embedded PostgreSQL: whether it lives, and what a killed one leaves."""

from contextlib import suppress
from pathlib import Path

import psutil


def pid_of(data: Path) -> int | None:
    """The process that serves this folder, or None: its pid file alone proves nothing."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        command = psutil.Process(pid).cmdline()
    except (OSError, ValueError, psutil.Error):
        return None
    return pid if "-D" in command and str(data) in command else None


def end_orphans(data: Path) -> None:
    """Backends of a killed server end when they next look up; one that computes keeps us out."""
    orphans = []
    for each in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if each.name() == "postgres" and Path(each.cwd()) == data.resolve():
                orphans.append(each)
    for each in psutil.wait_procs(orphans, timeout=1)[1]:
        with suppress(psutil.Error):
            each.kill()
    psutil.wait_procs(orphans, timeout=5)
