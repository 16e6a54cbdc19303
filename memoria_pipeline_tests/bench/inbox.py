"""The inbox under faults, and how fast it is when nothing happens: about three minutes.

Eight processes write jobs, four claim and end them; meanwhile they are killed, paused past their
lease, cut from the server, and the server itself is killed and comes back. The effect of a job is a
row that the ending transaction inserts: one per job is right, none is lost, two are doubled.
"""

import multiprocessing as mp
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import uuid4

import psutil
import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db, embedded
from memoria_pipeline.store import events as event_store
from memoria_pipeline.store.migrate import migrate
from memoria_pipeline_tests.bench.figures import Row
from memoria_pipeline_tests.bench.inbox_crowd import Crowd, Work, claim, write

_JOBS, _WRITERS, _CLAIMERS = 10_000, 8, 4
_FAULTS, _EVERY = 320, 0.25  # seconds between two
_SERVER_KILL = 32  # every so many faults
_LEASE, _PAUSE = 1.0, 1.6
_SMALL, _SMALL_SECONDS = 5_000, 9.0
_PATIENCE = 120.0  # seconds for what is left when the faults are over


def rows() -> Iterator[Row]:
    """Lost and doubled under faults; seconds for small jobs."""
    with _server() as server:
        faults, jobs, lost, doubled = _under_faults(server)
        what = (
            f"{jobs} jobs, {_WRITERS} writers, {_CLAIMERS} claimers, {sum(faults.values())} faults"
        )
        enough = jobs >= _JOBS and sum(faults.values()) >= 300
        yield f"{what}: lost", "0", str(lost), enough and not lost
        yield f"{what}: doubled in effect", "0", str(doubled), enough and not doubled
        seconds = _small(server)
    figure = f"{_SMALL} small jobs, {_CLAIMERS} claimers"
    yield figure, f"< {_SMALL_SECONDS:g} s", f"{seconds:.1f} s", seconds < _SMALL_SECONDS


@dataclass
class _Server:
    """The embedded server, which may be killed: whoever comes next starts it again."""

    home: Path
    stack: ExitStack
    url: str = ""

    def up(self) -> None:
        server = self.stack.enter_context(embedded.running(self.home))
        self.url = db.create_database(server.render_as_string(hide_password=False), "inbox")

    def kill(self) -> None:
        """As the kernel does when memory ends: all of it, at once."""
        first = int((self.home / "postgres" / "postmaster.pid").read_text().split("\n")[0])
        whole = [psutil.Process(first), *psutil.Process(first).children(recursive=True)]
        for each in whole:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(whole, timeout=10)

    def ask(self, statement: str) -> list[sa.Row[tuple[object, ...]]]:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with db.connect(engine) as conn:
            done = conn.execute(sa.text(statement))
            return list(done) if done.returns_rows else []


@contextmanager
def _server() -> Iterator[_Server]:
    with tempfile.TemporaryDirectory(prefix="mb-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o711)  # PostgreSQL's user passes through
        with ExitStack() as stack:
            server = _Server(Path(home), stack)
            server.up()
            migrate(sa.create_engine(server.url, poolclass=sa.NullPool))
            server.ask("create schema bench")
            server.ask("create table bench.effects (job_id uuid not null)")
            yield server


def _work(server: _Server, name: str, events: int, lease: float) -> Work:
    engine = sa.create_engine(server.url, poolclass=sa.NullPool)
    with db.connect(engine) as conn:
        made = [
            event_store.ensure(
                conn, name=name, photo_root=f"/b/{uuid4()}", face_model="dlib", consent=True
            )
            for _ in range(events)
        ]
    folder = Path(tempfile.mkdtemp(dir=server.home))
    return Work(server.url, folder, made, lease, mp.get_context("fork").Value("d", 0.05))


def _under_faults(server: _Server) -> tuple[Counter[str], int, int, int]:
    """Faults by kind; jobs that their writers know of; of all jobs those lost, those doubled."""
    work = _work(server, "Faults", 40, _LEASE)
    share = _JOBS // _WRITERS
    crowd = Crowd(
        {
            **{f"writer {i}": partial(write, work, i, share) for i in range(_WRITERS)},
            **{f"claimer {i}": partial(claim, work, 40, 0, 0.02) for i in range(_CLAIMERS)},
        }
    )
    trouble = _Trouble(server, crowd)
    try:
        while trouble.total < _FAULTS:
            crowd.keep()
            trouble.one()
            # jobs come as the faults do: none is done before the last fault
            work.gate.value = min(1.0, 0.05 + trouble.total / _FAULTS)
            time.sleep(_EVERY)
        trouble.resume()
        work.gate.value = 1.0
        _wait(server, crowd)
    finally:
        crowd.stop()
    known = {line for file in work.folder.glob("writer-*") for line in file.read_text().split()}
    return trouble.done, len(known), _lost(server, known), _doubled(server)


def _wait(server: _Server, crowd: Crowd) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        crowd.keep()
        time.sleep(0.3)
        open_ = "select 1 from memoria.ml_jobs where status in ('pending', 'processing') limit 1"
        if crowd.done("writer") and not server.ask(open_):
            return


def _lost(server: _Server, known: set[str]) -> int:
    """Jobs that a writer was told are there, or that are there, without an effect or an end."""
    kept = server.ask(
        "select j.id from memoria.ml_jobs j where status = 'completed'"
        " and exists (select from bench.effects e where e.job_id = j.id)"
        " and exists (select from memoria.callbacks c where c.job_id = j.id)"
    )
    there = {str(row.id) for row in server.ask("select id from memoria.ml_jobs")}
    return len((known | there) - {str(row.id) for row in kept})


def _doubled(server: _Server) -> int:
    twice = "select job_id from {} group by job_id having count(*) > 1"
    return sum(len(server.ask(twice.format(t))) for t in ("bench.effects", "memoria.callbacks"))


@dataclass
class _Trouble:
    """What goes wrong, counted by kind; only what really hit somebody counts."""

    server: _Server
    crowd: Crowd
    chance: random.Random = field(default_factory=lambda: random.Random(4))
    done: Counter[str] = field(default_factory=Counter)
    paused: list[tuple[float, int]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.done.values())

    def one(self) -> None:
        self.resume(time.monotonic())
        if self.total // _SERVER_KILL > self.done["server killed"]:
            self._kill_server()
            return
        kind = self.chance.choices(("claimer", "writer", "pause", "cut"), (5, 3, 3, 4))[0]
        if kind == "cut":
            self._cut()
        elif pid := self.crowd.some("writer" if kind == "writer" else "claimer", self.chance):
            self._signal(kind, pid)

    def _signal(self, kind: str, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP if kind == "pause" else signal.SIGKILL)
            self.done["paused" if kind == "pause" else f"{kind} killed"] += 1
        if kind == "pause":
            self.paused.append((time.monotonic() + _PAUSE, pid))

    def _cut(self) -> None:
        with suppress(DatabaseError):
            cut = self.server.ask(
                "select pg_terminate_backend(pid) from (select pid from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
                " order by random() limit 1) as one"
            )
            self.done["cut"] += len(cut)

    def _kill_server(self) -> None:
        self.server.kill()
        self.server.up()
        self.done["server killed"] += 1

    def resume(self, now: float = float("inf")) -> None:
        """Let those go on whose pause is over."""
        for until, pid in [each for each in self.paused if each[0] <= now]:
            self.paused.remove((until, pid))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _small(server: _Server) -> float:
    """Seconds from the start of the claimers until the last of many small jobs has ended."""
    work = _work(server, "Small", _SMALL // 20, 25.0)
    server.ask(
        "insert into memoria.ml_jobs (event_id, job_type) select e.id, 'detect'"
        " from memoria.events e, generate_series(1, 20) where e.name = 'Small'"
    )
    crowd = Crowd({f"claimer {i}": partial(claim, work, 20, 400, 0.0) for i in range(_CLAIMERS)})
    started = time.perf_counter()
    try:
        crowd.keep()
        open_ = "select 1 from memoria.ml_jobs where status in ('pending', 'processing') limit 1"
        while server.ask(open_):
            time.sleep(0.05)
        return time.perf_counter() - started
    finally:
        crowd.stop()
