"""The engine: many photos in, faces out, one worker process per core (see worker.py), in order."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from memoria_pipeline.vision.together import in_groups
from memoria_pipeline.vision.worker import (
    CRASHED,
    SPAWN,
    Outcome,
    Work,
    analyse_one,
    analyse_photo,
    start_pool,
)

__all__ = ["Outcome", "Work", "analyse", "analyse_photo", "cores"]

_AHEAD = 3  # photos in flight per worker: enough to keep it busy, few enough to stop quickly


def analyse(
    keys: Iterable[str], work: Work, workers: int = 0, *, skip_duplicates: bool = True
) -> Iterator[Outcome]:
    """Analyse the photos with `workers` processes (0: one per core), in the order of `keys`.

    A photo whose bytes came before is a duplicate, without faces. Memory does not grow with the
    number of photos. Closing the iterator stops within a photo.
    """
    seen = set(work.known)
    for outcome in _outcomes(iter(keys), work, workers or cores()):
        duplicate = skip_duplicates and outcome.error is None and outcome.sha256 in seen
        seen |= {outcome.sha256} if outcome.error is None else set()
        yield replace(outcome, faces=(), duplicate=True) if duplicate else outcome


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _outcomes(keys: Iterator[str], work: Work, workers: int) -> Iterator[Outcome]:
    if work.gpu:
        keys = yield from in_groups(keys, work, workers)
    queue: deque[str] = deque()
    while True:
        try:
            yield from _pooled(keys, queue, work, workers)
            return
        except BrokenProcessPool:
            # One of the photos in flight killed its worker: one at a time, until that one is found.
            for _ in range(len(queue)):
                yield _alone(queue[0], work)
                queue.popleft()


def _pooled(keys: Iterator[str], queue: deque[str], work: Work, workers: int) -> Iterator[Outcome]:
    """`queue` holds the keys that were handed out and have not come back."""
    futures: deque[Future[Outcome]] = deque()
    stop = SPAWN.Event()
    pool = start_pool(work, workers, stop)
    try:
        for key in keys:
            queue.append(key)
            futures.append(pool.submit(analyse_one, key))
            if len(futures) >= workers * _AHEAD:
                yield from _next(futures, queue)
        while futures:
            yield from _next(futures, queue)
    finally:
        stop.set()  # what waits inside the pool cannot be cancelled any more
        pool.shutdown(wait=True, cancel_futures=True)


def _next(futures: deque[Future[Outcome]], queue: deque[str]) -> Iterator[Outcome]:
    outcome = futures.popleft().result()
    queue.popleft()
    yield outcome


def _alone(key: str, work: Work) -> Outcome:
    with start_pool(work, 1, SPAWN.Event()) as pool:
        try:
            return pool.submit(analyse_one, key).result()
        except BrokenProcessPool:
            return Outcome(key, error=CRASHED)
