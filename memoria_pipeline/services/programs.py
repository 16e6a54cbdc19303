"""A program that is kept running: started, watched, started again, stopped with all it started."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memoria_pipeline.services.environment import CHECKOUT

_FIRST, _LONGEST = 0.5, 30.0  # seconds before a program is started again: doubled each time
_SETTLED = 60.0  # seconds after which a program that runs counts as well again
_PATIENCE = 30.0  # seconds from being asked to stop to being killed


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Program:
    """name: what people call it; needs: what it waits for, each time that it is started."""

    name: str
    command: tuple[str, ...]
    log: Path
    needs: Callable[[], bool] = _always


@dataclass(slots=True)
class Kept:
    """A program under supervision. Call `keep` often; it never blocks.

    lock: an open file that the guard keeps open as long as the program runs.
    """

    program: Program
    environment: Callable[[], Mapping[str, str]]
    lock: int | None = None
    process: subprocess.Popen[str] | None = None
    failures: int = 0
    _started: float = 0.0
    _due: float = field(default_factory=time.monotonic)

    def keep(self) -> str | None:
        """Start it where it does not run and may; one line to say where it has just ended."""
        if self.process is None:
            if time.monotonic() >= self._due and self.program.needs():
                self._start()
            return None
        status = self.process.poll()
        return None if status is None else self._ended(status)

    def _start(self) -> None:
        self.program.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._started = time.monotonic()
        with self.program.log.open("a") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "memoria_pipeline.guard", *self.program.command],
                stdin=subprocess.PIPE,  # the guard's sign that we live
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=CHECKOUT,
                env=dict(self.environment()),
                start_new_session=True,  # Ctrl-C comes to us; we end them in order
                pass_fds=() if self.lock is None else (self.lock,),
            )

    def _ended(self, status: int) -> str:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None
        now = time.monotonic()
        self.failures = 1 if now - self._started >= _SETTLED else self.failures + 1
        wait = delay(self.failures)
        self._due = now + wait
        return (
            f"{self.program.name} ended ({how(status)}) and is started again in {wait:g} s; "
            f"its log: {self.program.log}"
        )


def delay(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return float(min(_LONGEST, _FIRST * 2.0 ** min(failures - 1, 10)))


def how(status: int) -> str:
    """What an exit status says; the guard passes a signal on as 256 less its number."""
    number = -status if status < 0 else 256 - status
    try:
        return f"killed, {signal.Signals(number).name}"
    except ValueError:
        return f"status {status}"


def stop(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Ask all of them to end, as by Ctrl-C; kill who does not."""
    for each in processes:
        if each.poll() is None:
            each.send_signal(signal.SIGINT)
    for each in processes:
        try:
            each.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            each.kill()
            each.wait()
