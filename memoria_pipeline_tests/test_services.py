"""Programs that are kept running: real ones, killed as a machine kills them."""

import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
from rich.console import Console

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.services import stack
from memoria_pipeline.services.programs import Kept, Program, delay, how, stop
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import db, embedded, postmaster

_SLEEPER = (sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)")


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path: that is too long for a socket, and pytest's folders are 0700.
    with tempfile.TemporaryDirectory(prefix="memoria ", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Kept]:
    program = Program("The sleeper", _SLEEPER, tmp_path / "logs" / "sleeper.log")
    kept = Kept(program, lambda: dict(os.environ))
    yield kept
    if kept.process is not None:
        stop([kept.process])
        assert kept.process.stdin is not None
        kept.process.stdin.close()


def until_it_runs(kept: Kept) -> psutil.Process:
    """The program itself, below its guard."""
    for _ in range(200):
        kept.keep()
        below = psutil.Process(kept.process.pid).children() if kept.process is not None else []
        if below and "here" in kept.program.log.read_text():
            return below[0]
        time.sleep(0.05)
    raise AssertionError("It was not started.")


def until_it_is_missed(kept: Kept) -> str:
    for _ in range(200):
        said = kept.keep()
        if said:
            return said
        time.sleep(0.05)
    raise AssertionError("Nobody noticed.")


def test_a_program_that_was_killed_is_started_again_with_one_line_that_says_so(
    sleeper: Kept,
) -> None:
    first = until_it_runs(sleeper)
    first.kill()
    said = until_it_is_missed(sleeper)
    assert said.startswith("The sleeper ended (killed, SIGKILL) and is started again in 0.5 s")
    assert str(sleeper.program.log) in said
    sleeper.program.log.write_text("")
    assert until_it_runs(sleeper).pid != first.pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux passes a parent's death on")
def test_a_guard_that_is_killed_takes_its_program_along_so_that_there_are_never_two(
    sleeper: Kept,
) -> None:
    program = until_it_runs(sleeper)
    assert sleeper.process is not None
    sleeper.process.kill()
    until_it_is_missed(sleeper)
    for _ in range(100):
        if not program.is_running() or program.status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    raise AssertionError("It lives on.")


def test_a_program_waits_for_what_it_needs_each_time(tmp_path: Path) -> None:
    there = tmp_path / "there"
    needs = Program("It", (sys.executable, "-c", ""), tmp_path / "log", there.exists)
    kept = Kept(needs, lambda: dict(os.environ))
    kept.keep()
    assert kept.process is None
    there.touch()
    kept.keep()
    assert kept.process is not None
    there.unlink()
    assert "status 0" in until_it_is_missed(kept)
    time.sleep(delay(1))
    kept.keep()
    assert kept.process is None


def test_who_fails_again_and_again_is_started_ever_less_often() -> None:
    waits = [delay(failures) for failures in range(1, 12)]
    assert waits[:4] == [0.5, 1, 2, 4]
    assert waits == sorted(waits)
    assert waits[-1] == 30


@pytest.mark.parametrize(
    ("status", "said"),
    [(0, "status 0"), (1, "status 1"), (247, "killed, SIGKILL"), (-9, "killed, SIGKILL")],
)
def test_an_exit_status_is_told_as_what_happened(status: int, said: str) -> None:
    assert how(status) == said


def test_a_killed_server_is_started_again_with_all_that_was_committed(home: Path) -> None:
    with db.running(home) as found:
        engine = sa.create_engine(found.memoria, poolclass=sa.NullPool)
        with db.connect(engine) as conn:
            conn.execute(sa.text("create table kept as select 42 as answer"))
        keeper = stack.Database(home)
        assert keeper.keep() is None
        pid = postmaster.pid_of(home / "postgres")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_for_the_end_of(pid)
        assert keeper.keep() == "The embedded PostgreSQL had ended and was started again."
        assert keeper.keep() is None
        with db.connect(engine) as conn:
            assert conn.execute(sa.text("select answer from kept")).scalar() == 42


def test_a_backend_that_computes_on_after_its_server_died_does_not_keep_a_new_one_out(
    home: Path,
) -> None:
    with db.running(home) as found:
        url = sa.make_url(found.memoria)
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as conn:
            backend = conn.execute(sa.text("select pg_backend_pid()")).scalar_one()
            os.kill(backend, signal.SIGSTOP)  # as one that does not look up
            pid = postmaster.pid_of(home / "postgres")
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            wait_for_the_end_of(pid)
            assert embedded.revive(home)
            conn.invalidate()
        with db.connect(engine) as again:
            assert again.execute(sa.text("select 1")).scalar() == 1


def test_a_server_that_is_killed_while_it_starts_is_started_again(home: Path) -> None:
    data = home / "postgres"
    with db.running(home):
        pid = postmaster.pid_of(data)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_for_the_end_of(pid)
        killer = threading.Thread(target=kill_the_next, args=(data, pid))
        killer.start()
        assert embedded.revive(home)
        killer.join()
        assert postmaster.pid_of(data) is not None


def kill_the_next(data: Path, last: int) -> None:
    """Kill the server that starts, before it is ready: while its recovery writes its checkpoint."""
    while (pid := _named(data)) in (None, last):
        time.sleep(0.001)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _named(data: Path) -> int | None:
    with suppress(FileNotFoundError, ValueError, IndexError):
        return int((data / "postmaster.pid").read_text().splitlines()[0])
    return None


def wait_for_the_end_of(pid: int) -> None:
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.02)


def test_one_home_has_one_of_them(home: Path) -> None:
    with (
        stack._only_one(home),
        pytest.raises(MemoriaError, match="already runs"),
        stack._only_one(home),
    ):
        pass
    with stack._only_one(home):
        pass


def test_a_next_one_waits_until_the_programs_of_one_that_was_killed_have_ended(
    home: Path, sleeper: Kept
) -> None:
    with stack._only_one(home) as lock:
        sleeper.lock = lock
        until_it_runs(sleeper)
    with pytest.raises(MemoriaError, match="still ending"), stack._only_one(home):
        pass
    assert sleeper.process is not None
    stop([sleeper.process])
    with stack._only_one(home):
        pass


def test_metrics_wait_for_their_port_instead_of_never_being_served(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        there = Settings(home=home, metrics_port=other.getsockname()[1])
        [program] = stack._metrics(there, home, Console(quiet=True))
        assert not program.needs()
    assert program.needs()


def test_the_code_server_has_the_same_address_each_time_and_nobody_else_can_enter(
    home: Path,
) -> None:
    address = stack._socket(home)
    try:
        assert stack._socket(home) == address
        assert stack._socket(home / "other") != address
        assert address.parent.stat().st_mode & 0o077 == 0
        assert " " not in str(address)
        assert f"socket: {address}" in Path(stack._workspace(home, address)).read_text()
    finally:
        for each in (address.parent, stack._socket(home / "other").parent):
            each.rmdir()
