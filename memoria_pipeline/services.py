"""The programs we start: a Dagster run, and the UI with its daemon."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from rich.console import Console
from sqlalchemy import make_url

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.settings import Settings, child_variables
from memoria_pipeline.store import db
from memoria_pipeline.store.db import Databases
from memoria_pipeline.store.migrate import migrate

_CHECKOUT = Path(__file__).parents[1]  # where dagster.yaml and workspace.yaml lie


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended; seconds by step, in the order they ran."""

    success: bool
    run_id: str
    seconds: Mapping[str, float]
    log: Path


def variables(home: Path, databases: Databases) -> dict[str, str]:
    """What a Dagster process needs; also puts our dagster.yaml into its home."""
    dagster_home = home / "dagster"
    dagster_home.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = dagster_home / f"dagster.yaml.{os.getpid()}"
    shutil.copyfile(_CHECKOUT / "dagster.yaml", fresh)
    fresh.replace(dagster_home / "dagster.yaml")  # at once: a process may be reading it
    return child_variables(
        DAGSTER_HOME=str(dagster_home),
        MEMORIA_HOME=str(home),
        MEMORIA_DATABASE_URL=databases.memoria,
        MEMORIA_DAGSTER_DATABASE_URL=databases.dagster,
    )


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
            cwd=_CHECKOUT,
            env=variables(home, databases),
            start_new_session=True,  # Ctrl-C comes to us; we end it in order
        )
        try:
            while run.poll() is None:
                meanwhile()
                time.sleep(0.1)
        finally:
            _stop([run])
        output.seek(0)
        return _result(output.read(), log)


def _result(output: str, log: Path) -> RunResult:
    lines = output.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        last = "\n".join(log.read_text(errors="replace").strip().splitlines()[-15:])
        raise MemoriaError(f"The run ended without a result; the end of {log}:\n{last}")
    said = json.loads(lines[-1])
    return RunResult(said["success"], said["run_id"], said["seconds"], log)


def up(settings: Settings, port: int, console: Console) -> int:
    """Database, Dagster UI and daemon until Ctrl-C. Returns the exit status."""
    if _taken(port):
        raise MemoriaError(f"Port {port} is taken: free it, or choose another with --port.")
    with db.running(settings.home, settings.database_url, settings.dagster_database_url) as found:
        migrate(db.engine(found.memoria))
        return _serve(settings.home, found, port, console)


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _serve(home: Path, databases: Databases, port: int, console: Console) -> int:
    workspace = str(_CHECKOUT / "workspace.yaml")
    binaries = Path(sys.executable).parent
    commands = [
        [str(binaries / "dagster-webserver"), "-w", workspace, "-h", "127.0.0.1", "-p", str(port)],
        [str(binaries / "dagster-daemon"), "run", "-w", workspace],
    ]
    running = [_quiet(each, home, databases) for each in commands]
    try:
        console.print(f"Starting; logs are in {home / 'logs'}")
        while not _taken(port) and _all_run(running):
            time.sleep(0.2)
        if _all_run(running):
            console.print(f"Dagster UI  http://127.0.0.1:{port}")
            shown = make_url(databases.memoria).render_as_string(hide_password=True)
            console.print(f"Database    {shown}", soft_wrap=True)
            console.print("Ctrl-C stops all of them.")
        while _all_run(running):
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("Stopping …")
        return 0
    finally:
        _stop(running)
    console.print("[red]One of them ended by itself; its log says why.[/]")
    return 1


def _all_run(programs: Sequence[subprocess.Popen[str]]) -> bool:
    return all(each.poll() is None for each in programs)


def _quiet(command: Sequence[str], home: Path, databases: Databases) -> subprocess.Popen[str]:
    log = home / "logs" / f"{Path(command[0]).name}.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("a") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "memoria_pipeline.guard", *command],
            stdin=subprocess.PIPE,  # the guard's sign that we live
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=_CHECKOUT,
            env=variables(home, databases),
            start_new_session=True,  # Ctrl-C comes to us; we end them in order
        )


def _stop(programs: Sequence[subprocess.Popen[str]]) -> None:
    for each in programs:
        if each.poll() is None:
            each.send_signal(signal.SIGINT)
    for each in programs:
        try:
            each.wait(30)
        except subprocess.TimeoutExpired:
            each.kill()
            each.wait()
