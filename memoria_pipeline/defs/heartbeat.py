"""A run that lives: its locks, and the heartbeat that ends it when it may not go on.

`run <id>` tells the launcher's health check that the run has a process; `event <id>` keeps two
runs of one event apart, however they were started. Both belong to a session of the server, so they
go with the process, whatever kills it, and with the server. A run whose session went could be
doubled by its own retry: it ends itself at once, without another word to anybody.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.tags import PARTITION_NAME_TAG, WILL_RETRY_TAG

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db, jobs
from memoria_pipeline.store.locks import Locks

CLAIM_TAG = "memoria/claim"
_BEAT = 3.0  # seconds between two looks
_RENEW = 8.0  # of a claim's lease of 25
_CANCEL = 15.0  # seconds that a run may take to stop in order; Dagster gives it up after 30


def leave(why: str) -> None:
    """End this process now: no clean-up may write what the run's successor writes too."""
    sys.stderr.write(f"memoria: this run ends itself: {why}.\n")
    sys.stderr.flush()
    os._exit(70)


@dataclass(slots=True)
class Heartbeat:
    """What a run's thread looks at: its locks, what became of the run, its claim of jobs."""

    engine: sa.Engine
    locks: Locks
    run_id: str
    instance: dg.DagsterInstance
    claim: str | None = None
    end: Callable[[str], None] = leave
    beat: float = _BEAT
    working: threading.Event = field(default_factory=threading.Event)
    _cancelled_at: float | None = None
    _renewed_at: float = 0.0

    def watch(self) -> None:
        """Look every few seconds until the run has ended; then give the session up.

        The lock of the run outlives its work: between the last step and the word that it succeeded
        nobody may take it for lost.
        """
        while not self._ended():
            if self.working.is_set():
                self.look()
                self._renew()
            time.sleep(self.beat)
        self.locks.close()

    def look(self) -> None:
        """End this process where its locks are gone. Also called when a transaction failed."""
        if self.working.is_set() and not self.locks.stand():
            self.end("the session with its locks is gone, so another may do its work")

    def _ended(self) -> bool:
        try:
            run = self.instance.get_run_by_id(self.run_id)
        except Exception:  # Dagster's storage is out of reach, or closed because all is over
            return not self.working.is_set()
        if run is None or run.is_finished:
            if self.working.is_set():
                self.end("Dagster says that it is over")
            return True
        if run.status is dg.DagsterRunStatus.CANCELING:
            self._cancel(run)
        return False

    def _cancel(self, run: dg.DagsterRun) -> None:
        """A code server that started anew cannot pass the word on, and C code does not hear it."""
        self._cancelled_at = self._cancelled_at or time.monotonic()
        if time.monotonic() - self._cancelled_at >= _CANCEL:
            self.instance.report_run_canceled(run, "It did not stop in order; it was ended.")
            self.end("it was cancelled")

    def _renew(self) -> None:
        if self.claim is None or time.monotonic() - self._renewed_at < _RENEW:
            return
        try:
            with db.connect(self.engine) as conn:
                jobs.renew_claims(conn, self.claim)
        except DatabaseError:
            return  # tried again at the next beat
        self._renewed_at = time.monotonic()


@contextmanager
def beating(
    url: str,
    run: dg.DagsterRun,
    instance: dg.DagsterInstance,
    end: Callable[[str], None] = leave,
) -> Iterator[Heartbeat]:
    """Take the run's locks, first its own, and keep watch over them while it works."""
    engine = db.engine(url)
    locks = Locks(engine)
    locks.take(f"run {run.run_id}")
    now = instance.get_run_by_id(run.run_id)
    if now is not None and now.tags.get(WILL_RETRY_TAG) == "true":
        end("it was given up before it began, and is tried again")
    heart = Heartbeat(engine, locks, run.run_id, instance, run.tags.get(CLAIM_TAG))
    heart.working.set()
    threading.Thread(target=heart.watch, name="heartbeat", daemon=True).start()
    event = f"event {run.tags.get(PARTITION_NAME_TAG, run.run_id)}"
    try:
        locks.take(event)  # may take as long as another run of the event does
        yield heart
    finally:
        heart.working.clear()
        locks.release(event)
