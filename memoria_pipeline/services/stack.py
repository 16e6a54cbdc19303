"""`memoria up`: everything that must run, kept running until Ctrl-C.

One code server for the webserver and the daemon together: they would start one each, and wait for
it. It lives apart from them, so that a run goes on when one of them is killed.
"""

import fcntl
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rich.console import Console
from sqlalchemy import make_url

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.services.environment import of_the_review, variables
from memoria_pipeline.services.programs import Kept, Program, delay, stop
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import db, embedded, sockets
from memoria_pipeline.store.db import Databases
from memoria_pipeline.store.migrate import migrate

_LOOK = 0.25  # seconds between two looks at the programs
_ENDING = 5.0  # seconds that the programs of one that was killed may take to end


def up(settings: Settings, port: int, console: Console) -> int:
    """Database, Dagster UI, daemon, metrics and review until Ctrl-C. Returns the exit status."""
    if _taken(port):
        raise MemoriaError(f"Port {port} is taken: free it, or choose another with --port.")
    with (
        _only_one(settings.home) as lock,
        db.running(settings.home, settings.database_url, settings.dagster_database_url) as found,
    ):
        migrate(db.engine(found.memoria))
        kept = [
            Kept(each, lambda: variables(settings.home, found), lock)
            for each in _programs(settings, port, console)
        ]
        kept += _review(settings, found, lock, console)
        look = [each.keep for each in kept]
        if settings.database_url is None:
            look.append(Database(settings.home).keep)
        try:
            _announce(settings.home, found, port, look, console)
            while True:
                _look(look, console)
        except KeyboardInterrupt:
            console.print("Stopping …")
            return 0
        finally:
            stop([each.process for each in kept if each.process is not None])
            shutil.rmtree(_socket(settings.home).parent)


@contextmanager
def _only_one(home: Path) -> Iterator[int]:
    """Two would share the address of one code server: the one that ends takes it from the other.

    The lock, which this yields, goes with us and with the last of our programs' guards: they take
    some seconds to end what they guard when we are killed alone.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "up.lock").open("w") as file:
        until = time.monotonic() + _ENDING
        while not _locked(file):
            if time.monotonic() >= until:
                raise MemoriaError(
                    "`memoria up` already runs for this MEMORIA_HOME, or its programs are still "
                    "ending: use it, or stop it first."
                )
            time.sleep(_LOOK)
        yield file.fileno()


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _announce(
    home: Path,
    databases: Databases,
    port: int,
    look: Sequence[Callable[[], str | None]],
    console: Console,
) -> None:
    """Say where everything is, once the UI answers."""
    console.print(f"Starting; logs are in {home / 'logs'}", soft_wrap=True)
    while not _taken(port):
        _look(look, console)
    console.print(f"Dagster UI  http://127.0.0.1:{port}")
    url = make_url(databases.memoria).set(drivername="postgresql")  # as psql takes it
    shown = url.render_as_string(hide_password=True)
    console.print(f"Database    {shown}", soft_wrap=True)
    console.print("Ctrl-C stops all of them.")


def _look(look: Sequence[Callable[[], str | None]], console: Console) -> None:
    for each in look:
        said = each()
        if said:
            console.print(said, style="yellow", markup=False, soft_wrap=True)
    time.sleep(_LOOK)


class Database:
    """The embedded server, started again when it died."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._failures = 0
        self._due = 0.0

    def keep(self) -> str | None:
        """Blocks while the server recovers: nothing else can do anything without it."""
        if time.monotonic() < self._due:
            return None
        try:
            died = embedded.revive(self._home)
        except MemoriaError as error:
            self._failures += 1
            self._due = time.monotonic() + delay(self._failures)
            return f"{error} (Tried again in {delay(self._failures):g} s.)"
        self._failures = 0
        return "The embedded PostgreSQL had ended and was started again." if died else None


def _programs(settings: Settings, port: int, console: Console) -> list[Program]:
    address = _socket(settings.home)
    workspace = _workspace(settings.home, address)
    logs, binaries = settings.home / "logs", Path(sys.executable).parent
    code = (sys.executable, "-m", "dagster", "api", "grpc", "--location-name", "memoria")
    server = (*code, "-m", "memoria_pipeline.definitions", "-s", str(address))
    ui = (str(binaries / "dagster-webserver"), "-w", workspace, "-h", "127.0.0.1", "-p", str(port))
    daemon = (str(binaries / "dagster-daemon"), "run", "-w", workspace)

    def answers() -> bool:
        return _answers(address)

    return [
        Program("The code server", server, logs / "code-server.log"),
        # After it: a retry that the daemon asks for while it is away is given up for good.
        Program("The daemon", daemon, logs / "dagster-daemon.log", answers),
        Program("The Dagster UI", ui, logs / "dagster-webserver.log", answers),
        *_metrics(settings, binaries, console),
    ]


def _metrics(settings: Settings, binaries: Path, console: Console) -> list[Program]:
    def free() -> bool:
        return not _taken(settings.metrics_port)

    if not free():
        console.print(f"Port {settings.metrics_port} is taken: metrics wait until it is free.")
    console.print(f"Metrics     http://127.0.0.1:{settings.metrics_port}/metrics")
    command = (str(binaries / "memoria"), "metrics")
    return [Program("The metrics server", command, settings.home / "logs" / "metrics.log", free)]


def _review(settings: Settings, databases: Databases, lock: int, console: Console) -> list[Kept]:
    """The review, with the login of its own alone."""
    login = settings.api_database_url
    if login is None and settings.database_url is None:
        login = db.of_the_review(databases.memoria)
    if login is None:
        console.print(
            "No review: set MEMORIA_API_DATABASE_URL to a login of the role memoria_api.",
            style="yellow",
        )
        return []

    def free() -> bool:
        return not _taken(settings.review_port)

    if not free():
        console.print(f"Port {settings.review_port} is taken: the review waits until it is free.")
    console.print(f"Review      {settings.review_url}", soft_wrap=True)
    command = (str(Path(sys.executable).parent / "memoria"), "review")
    log = settings.home / "logs" / "review.log"
    program = Program("The review", command, log, free)
    return [Kept(program, lambda: of_the_review(settings.home, login), lock)]


def _socket(home: Path) -> Path:
    """Where the code server listens: in a folder that only we can enter, always the same one.

    The same one, because runs keep it: after a power cut they are asked for there.
    """
    folder = sockets.short_folder(home / "dagster")  # gRPC takes no space in it
    folder.mkdir(mode=0o700, exist_ok=True)
    sockets.claim(folder)
    return folder / "code.sock"


def _workspace(home: Path, address: Path) -> str:
    """Tells the webserver and the daemon where the code server is; returns the file's path."""
    path = home / "dagster" / "workspace.yaml"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(f"load_from:\n  - grpc_server: {{socket: {address}, location_name: memoria}}\n")
    return str(path)


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.connect(str(address))
        return True
    return False


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
