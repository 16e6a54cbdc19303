"""A `memoria up` of one's own, as an operator runs it: real processes, real sensors, real kills.

Nothing here holds the embedded server or Dagster's instance: what a history does to them, only the
product itself mends. `memoria up` is started again after a power cut, as systemd would.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import psutil
import sqlalchemy as sa

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.vision import packs
from memoria_pipeline_tests.bench.detection import PACK

Role = Literal["run worker", "daemon", "webserver", "PostgreSQL", "code server", "everything"]

ROLES: tuple[Role, ...] = ("run worker", "daemon", "webserver", "PostgreSQL", "everything")

FINAL = ("SUCCESS", "FAILURE", "CANCELED")

_COMMANDS: Mapping[str, str] = {
    "daemon": "dagster-daemon",
    "webserver": "dagster-webserver",
    "code server": " api grpc ",
}
_GUARD = "memoria_pipeline.guard"  # starts each of them, and ends with it


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(eq=False)
class Stack:
    """One home, its `memoria up` and its databases.

    pack: MEMORIA_FACE_MODEL. starts: how often `memoria up` was started, each with its time.
    """

    home: Path
    pack: str = PACK
    more: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    metrics: int = field(default_factory=free_port)
    review: int = field(default_factory=free_port)
    starts: list[float] = field(default_factory=list)
    up: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.memoria = _engine(self.home, "memoria")
        self.dagster = _engine(self.home, "dagster")

    @property
    def model(self) -> str:
        """The pack as `faces.model` names it."""
        return packs.stored_name(self.pack)

    def environment(self) -> dict[str, str]:
        """What a machine has, and the settings; nothing of whoever runs the benchmark."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        ours = {"MEMORIA_HOME": str(self.home), "MEMORIA_FACE_MODEL": self.pack}
        ours["MEMORIA_METRICS_PORT"] = str(self.metrics)
        ours["MEMORIA_REVIEW_PORT"] = str(self.review)
        # One thread each, as workers are many; `auto` of OpenBLAS takes every core for each.
        plain = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "DAGSTER_DISABLE_TELEMETRY": "yes"}
        return {**kept, **plain, **ours, **self.more}

    @property
    def review_url(self) -> str:
        """Where the organiser's pages are."""
        return f"http://127.0.0.1:{self.review}"

    def review_ready(self, timeout: float = 60.0) -> None:
        """Until the review answers. Raises MemoriaError."""

        def answers() -> bool:
            with suppress(httpx.HTTPError):
                return httpx.get(f"{self.review_url}/health", timeout=5).status_code == 200
            return False

        until(answers, timeout, f"The review of {self.home} did not answer")

    def start(self) -> None:
        """Start `memoria up`; returns at once."""
        command = [str(Path(sys.executable).with_name("memoria")), "up", "--port", str(self.port)]
        with (self.home / "up.log").open("ab") as log:
            self.up = subprocess.Popen(
                command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.starts.append(time.time())

    def ready(self, timeout: float = 180.0) -> None:
        """Until the code is loaded and the daemon has beaten. Raises MemoriaError."""
        until(self._answers, timeout, f"`memoria up` in {self.home} did not come up")

    def _answers(self) -> bool:
        if self.up is not None and self.up.poll() is not None:
            words = (self.home / "up.log").read_text(errors="replace")[-1_500:]
            raise MemoriaError(f"`memoria up` ended by itself:\n{words}")
        try:
            found = self.ask(
                "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } }"
                " } instance { daemonHealth { id } } }"
            )
            beat = self.rows("dagster", "select count(*) from daemon_heartbeats")[0][0]
        except (httpx.HTTPError, MemoriaError, sa.exc.SQLAlchemyError):
            return False
        return bool(found["repositoriesOrError"].get("nodes")) and beat >= 3

    def stop(self) -> None:
        """In order; what is left after that is killed."""
        if self.up is not None and self.up.poll() is None:
            self.up.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.up.wait(90)
        self.kill("everything")
        self.memoria.dispose()
        self.dagster.dispose()

    def ask(self, query: str, **variables: Any) -> Any:
        """The answer of Dagster's own interface, the one its pages use. Raises MemoriaError."""
        body = {"query": query, "variables": variables}
        said = httpx.post(f"http://127.0.0.1:{self.port}/graphql", json=body, timeout=60).json()
        if said.get("errors"):
            raise MemoriaError(f"Dagster refused: {said['errors'][0]['message']}")
        return said["data"]

    def rows(self, database: str, query: str, **values: Any) -> Sequence[sa.Row[Any]]:
        """What a query gives, on a connection of its own: the server may be another one by now."""
        engine = self.memoria if database == "memoria" else self.dagster
        with engine.begin() as conn:
            return conn.execute(sa.text(query), values).all()

    def unfinished(self) -> int:
        """Runs that are neither done nor failed."""
        query = "select count(*) from runs where status <> all (:final)"
        return int(self.rows("dagster", query, final=list(FINAL))[0][0])

    def processes(self, role: Role) -> list[psutil.Process]:
        """The living processes of one part."""
        if role == "PostgreSQL":
            return _server(self.home)
        family = _family(self.home)
        if role == "everything":
            return [*family, *_server(self.home)]
        if role == "run worker":
            servers = self.processes("code server")
            return [each for server in servers for each in _children(server)]
        programs = [each for each in family if _GUARD not in _command(each)]
        return [each for each in programs if _COMMANDS[role] in _command(each)]

    def kill(self, role: Role) -> int:
        """kill -9, all at once; how many processes that were."""
        found = self.processes(role)
        # Whoever would end the others in order goes first: this is no shutdown.
        for each in sorted(found, key=lambda p: _GUARD not in _command(p)):
            with suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(found, timeout=10)
        if role == "everything" and self.up is not None:
            self.up.wait()
        return len(found)

    def cpu(self, *roles: Role) -> float:
        """CPU seconds that these parts have used, their ended children included."""
        found = {p.pid: p for role in roles for p in self.processes(role)}
        return sum(_seconds(each) for each in found.values())


@contextmanager
def running(pack: str = PACK, **more: str) -> Iterator[Stack]:
    """A stack in a temporary home, up and ready; gone afterwards. Settings as MEMORIA_…=…."""
    # Whoever ends us ends the stack too: a background job would ignore one, and die of the other.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    # A short path: sockets; and /tmp, because the server's user passes through all above it.
    with tempfile.TemporaryDirectory(prefix="mo-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder), pack, more)
        stack.start()
        try:
            stack.ready()
            yield stack
        finally:
            stack.stop()


def until(true: Any, timeout: float, otherwise: str, every: float = 0.25) -> float:
    """Wait until `true()`; how long that took. Raises MemoriaError(otherwise) after `timeout`."""
    started = time.monotonic()
    while not true():
        if time.monotonic() - started > timeout:
            raise MemoriaError(f"{otherwise} within {timeout:.0f} s.")
        time.sleep(every)
    return time.monotonic() - started


def _engine(home: Path, name: str) -> sa.Engine:
    place = {"host": str(home / "postgres")}
    url = sa.URL.create("postgresql+psycopg2", "postgres", port=5432, database=name, query=place)
    return sa.create_engine(url, poolclass=sa.NullPool)


def _family(home: Path) -> list[psutil.Process]:
    """Every process with this home in its environment, the server's apart."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            ours = each.environ().get("MEMORIA_HOME") == str(home)
            if ours and Path(each.exe()).name != "postgres":
                found.append(each)
    return found


def _server(home: Path) -> list[psutil.Process]:
    """PostgreSQL and its processes, which write their titles over their environment."""
    with suppress(OSError, ValueError, psutil.Error):
        pid = int((home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
        server = psutil.Process(pid)
        if str(home / "postgres") in _command(server):
            return [server, *server.children(recursive=True)]
    return []


def _children(server: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return [each for each in server.children() if "resource_tracker" not in _command(each)]
    return []


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _seconds(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        used = process.cpu_times()
        return float(used.user + used.system + used.children_user + used.children_system)
    return 0.0
