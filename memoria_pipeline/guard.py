"""`python -m memoria_pipeline.guard PROGRAM …`: run a program until its own end, or until stdin's.

Whoever started it holds the other end of stdin; when that process dies, by kill -9 too, the kernel
closes it, and the program is stopped: first asked, as by Ctrl-C, then killed.
"""

import signal
import subprocess
import sys
import threading

_PATIENCE = 20.0  # seconds from being asked to being killed


def main(command: list[str]) -> int:
    """Run the command; returns its exit status."""
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def stop(*_: object) -> None:
        program.send_signal(signal.SIGINT)
        threading.Timer(_PATIENCE, program.kill).start()

    def stop_at_end() -> None:
        sys.stdin.read()
        stop()

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    threading.Thread(target=stop_at_end, daemon=True).start()
    status = program.wait()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
