"""Processes that write jobs into the inbox, and those that work them off, to be killed at will."""

import multiprocessing as mp
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db, jobs
from memoria_pipeline.work.jobs import Batch, Priority, batches

_FORK = mp.get_context("fork")  # a killed one is back in milliseconds, not after its imports
_AGAIN = 0.1  # seconds until a lost connection is tried again
_SOME_FAIL = 0.01  # of the claims
_PRIORITIES: Sequence[Priority] = ("high", "normal", "low")
_MANY = 10_000  # tries: faults come a thousand times as often as in life


@dataclass(frozen=True)
class Work:
    """What everybody knows. gate: the share of all jobs that may be written by now, in [0, 1]."""

    url: str
    folder: Path
    events: Sequence[UUID]
    lease: float
    gate: Any

    def engine(self) -> sa.Engine:
        return sa.create_engine(self.url, hide_parameters=True)


def write(work: Work, number: int, share: int) -> None:
    """Write until `share` jobs are acknowledged; each is noted once its transaction is."""
    engine, chance = work.engine(), random.Random()
    noted = work.folder / f"writer-{number}"
    done = len(noted.read_text().splitlines()) if noted.exists() else 0
    file = os.open(noted, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    while done < share:
        if done >= share * work.gate.value:
            time.sleep(0.01)
            continue
        try:
            with db.connect(engine) as conn:
                urgency = chance.choice(_PRIORITIES)
                job = jobs.enqueue(conn, chance.choice(work.events), "detect", (), urgency)
        except DatabaseError:
            time.sleep(_AGAIN)
            continue
        os.write(file, f"{job}\n".encode())
        done += 1


def claim(work: Work, limit: int, together: int, seconds: float) -> None:
    """Claim, work for up to `seconds` on each batch, end; for ever."""
    engine, chance = work.engine(), random.Random()
    while True:
        try:
            if not _one_claim(engine, work.lease, (limit, together), seconds, chance):
                time.sleep(0.01)
        except DatabaseError:
            time.sleep(_AGAIN)


def _one_claim(
    engine: sa.Engine, lease: float, size: tuple[int, int], seconds: float, chance: random.Random
) -> int:
    with db.connect(engine) as conn:
        taken = jobs.claim(conn, size[0], lease, together=size[1])
    if not taken:
        with db.connect(engine) as conn:
            return jobs.expire(conn, most=_MANY)
    for batch in batches(taken):
        time.sleep(chance.random() * seconds)
        with db.connect(engine) as conn:
            _end(conn, batch, fails=bool(seconds) and chance.random() < _SOME_FAIL)
    return len(taken)


def _end(conn: sa.Connection, batch: Batch, *, fails: bool) -> None:
    """The effect, in the transaction that ends the jobs, if the token still holds them."""
    if fails:
        jobs.fail(conn, batch.token, "The disk was away for a moment.", most=_MANY)
        return
    ids = [job.id for job in batch.jobs]
    if jobs.complete(conn, batch.token, {job: {"faces": 1} for job in ids}):
        conn.execute(_EFFECT, {"ids": ids})


_EFFECT = sa.text("insert into bench.effects (job_id) select unnest(cast(:ids as uuid[]))")


@dataclass
class Crowd:
    """The processes, by their role; a dead one is started again unless it was done."""

    makers: dict[str, Callable[[], None]]
    running: dict[str, BaseProcess] = field(default_factory=dict)

    def keep(self) -> None:
        for name, make in self.makers.items():
            now = self.running.get(name)
            if now is None or (now.exitcode is not None and now.exitcode != 0):
                self.running[name] = _FORK.Process(target=make, daemon=True)
                self.running[name].start()

    def some(self, role: str, chance: random.Random) -> int | None:
        """The process id of one that lives."""
        alive = [p.pid for n, p in self.running.items() if n.startswith(role) and p.is_alive()]
        return chance.choice(alive) if alive else None

    def done(self, role: str) -> bool:
        return all(p.exitcode == 0 for n, p in self.running.items() if n.startswith(role))

    def stop(self) -> None:
        for each in self.running.values():
            if each.pid is not None and each.is_alive():
                os.kill(each.pid, signal.SIGKILL)
            each.join()
