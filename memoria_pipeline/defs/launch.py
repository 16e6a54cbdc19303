"""Materialise one event from the command line: `python -m memoria_pipeline.defs.launch EVENT`.

Prints one line of JSON on stdout; everything else goes to stderr. DAGSTER_HOME names the instance.
With `--with-stdin` the run is cancelled when stdin closes: whoever started it is gone.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import dagster as dg

from memoria_pipeline.defs.lost_runs import end_lost_runs
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store, opened

_EVERY = 5.0  # seconds between two looks for lost runs


def process(event: str, instance: dg.DagsterInstance) -> dict[str, object]:
    """Add the partition where it is new, run `process_event` in this process, say how it went."""
    from memoria_pipeline.definitions import defs

    instance.add_dynamic_partitions(events.name or "", [event])
    job = defs().resolve_job_def("process_event")
    result = job.execute_in_process(partition_key=event, instance=instance, raise_on_error=False)
    stats = instance.get_run_step_stats(result.run_id)
    seconds = {s.step_key: s.end_time - s.start_time for s in stats if s.start_time and s.end_time}
    return {"success": result.success, "run_id": result.run_id, "seconds": seconds}


@contextmanager
def watching(instance: dg.DagsterInstance, store: Store) -> Iterator[None]:
    """End lost runs now and every few seconds: another one may die while we wait for its slot."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_EVERY):
            end_lost_runs(instance, store)

    end_lost_runs(instance, store)
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def cancel_at_end_of(stream: TextIO) -> None:
    """Interrupt this process, as Ctrl-C would, when the stream closes."""

    def wait() -> None:
        stream.read()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    if "--with-stdin" in sys.argv:
        cancel_at_end_of(sys.stdin)
    with dg.DagsterInstance.get() as found, opened() as ours, watching(found, ours):
        said = process(sys.argv[1], found)
    sys.stdout.write(json.dumps(said) + "\n")
