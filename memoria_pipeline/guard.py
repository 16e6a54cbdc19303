"""`python -m memoria_pipeline.guard PROGRAM …`: run a program until its own end, or until stdin's.

Whoever started it holds the other end of stdin; when that process dies, by kill -9 too, the kernel
closes it. The program then stops with all that it started, Dagster's code servers and runs: they
are first asked, as by Ctrl-C, then killed. The guard killed, the program goes too, at once: whoever
started it will start another, which needs its port. Runs that it started go on.
"""

import ctypes
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import psutil

_PATIENCE = 20.0  # seconds from being asked to being killed
_PR_SET_PDEATHSIG = 1  # of Linux's prctl; other systems know nothing like it


def main(command: list[str]) -> int:
    """Run the command; returns its exit status."""
    program = psutil.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_goes_with_us()
    )
    stopping = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stopping.set())
    threading.Thread(target=_set_at_end_of_stdin, args=(stopping,), daemon=True).start()
    while program.poll() is None and not stopping.wait(0.2):
        pass
    if stopping.is_set():
        _stop([program, *program.children(recursive=True)])
    return int(program.wait())


def _goes_with_us() -> Callable[[], object] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _set_at_end_of_stdin(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()


def _stop(family: list[psutil.Process]) -> None:
    """The whole family at once: a server that goes alone leaves its runs behind."""
    for each in family:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(signal.SIGINT)
    _, alive = psutil.wait_procs(family, timeout=_PATIENCE)
    for each in alive:
        with suppress(psutil.NoSuchProcess):
            each.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
