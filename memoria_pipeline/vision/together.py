"""The engine on a GPU: one worker owns it, and photos go through it in groups (see line.py).

A photo that ends the worker costs only itself: those in the line are then worked on one by one,
in a new worker, until that photo is found.
"""

import signal
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing.util import Finalize

from memoria_pipeline.vision import worker
from memoria_pipeline.vision.line import PLACES, Line
from memoria_pipeline.vision.model import Together
from memoria_pipeline.vision.worker import Outcome, Work

_THREADS = 16


def in_groups(
    keys: Iterator[str], work: Work, workers: int
) -> Generator[Outcome, None, Iterator[str]]:
    """The outcomes in order, by one process with `workers` threads; returns the keys left over.

    Those are all of them where the model, once loaded, wants one photo at a time.
    """
    queue: deque[str] = deque()
    while True:
        try:
            yield from _in_line(keys, queue, work, min(workers, _THREADS))
            return chain(queue, keys)
        except BrokenProcessPool:
            yield from _until_it_breaks(queue, work)
            keys, queue = chain(queue, keys), deque()


def _in_line(keys: Iterator[str], queue: deque[str], work: Work, threads: int) -> Iterator[Outcome]:
    """`queue` holds the keys that were handed out and have not come back."""
    queue.extend(islice(keys, 1))
    if not queue:
        return
    stop = worker.SPAWN.Event()
    pool = worker.start_pool(work, 1, stop)
    steps: deque[Future[list[Outcome]]] = deque()
    try:
        size = pool.submit(_begin, threads).result()
        if size == 1:
            return
        for group in chain(_groups(keys, queue, size), [[]] * PLACES):
            steps.append(pool.submit(_step, group))
            if len(steps) > 1:  # so that the worker never waits for the next
                yield from _came(steps, queue)
        while steps:
            yield from _came(steps, queue)
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _groups(keys: Iterator[str], queue: deque[str], size: int) -> Iterator[list[str]]:
    group = [*queue, *islice(keys, size - len(queue))]
    queue.clear()
    while group:
        queue.extend(group)
        yield group
        group = list(islice(keys, size))


def _came(steps: deque[Future[list[Outcome]]], queue: deque[str]) -> Iterator[Outcome]:
    for outcome in steps.popleft().result():
        queue.popleft()
        yield outcome


def _until_it_breaks(queue: deque[str], work: Work) -> Iterator[Outcome]:
    """One of these killed the worker: one at a time until that one is found, in one new process."""
    pool = worker.start_pool(work, 1, worker.SPAWN.Event())
    with pool:
        while queue:
            key = queue.popleft()
            try:
                yield pool.submit(worker.analyse_one, key).result()
            except BrokenProcessPool:
                yield Outcome(key, error=worker.CRASHED)
                return


_line: Line | None = None  # the worker's


def _begin(threads: int) -> int:
    """In the worker: loads the model, and says how many photos it wants at once."""
    global _line
    work, load, stop = worker.at_work()
    model = load()
    if not isinstance(model, Together):
        return 1
    _line = Line(work, model, threads, stop)
    # A worker that leaves waits for its threads, and one of them may hang.
    Finalize(None, signal.alarm, (worker.LONGEST,), exitpriority=0)
    return model.together


def _step(keys: list[str]) -> list[Outcome]:
    signal.alarm(worker.LONGEST)  # a hang in C, in any thread, ends the worker and not the run
    try:
        return _line.step(keys) if _line else []
    finally:
        signal.alarm(0)
