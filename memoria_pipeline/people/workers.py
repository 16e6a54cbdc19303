"""One piece of work per core, results in order: nothing depends on how many cores there are."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Part = TypeVar("Part")
Result = TypeVar("Result")

AHEAD = 2
"""Parts per worker that are begun before the first is taken: what waits stays in memory."""


def in_order(
    work: Callable[[Part], Result], parts: Sequence[Part], workers: int | None = None
) -> Iterator[Result]:
    """What the work makes of each part, in the order of the parts.

    work: mostly numpy, which lets other threads run. workers: None is one per core that this
    process may use. Each has one BLAS thread: two of a library's own would wait for each other.
    """
    if len(parts) < 2:
        yield from map(work, parts)
        return
    with _controller().limit(limits=1, user_api="blas"):
        if (count := min(workers or cores(), len(parts))) == 1:
            yield from map(work, parts)
            return
        with ThreadPoolExecutor(count) as pool:
            begun: deque[Future[Result]] = deque()
            for part in parts:
                begun.append(pool.submit(work, part))
                if len(begun) > AHEAD * count:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _controller() -> ThreadpoolController:
    # Looking for the libraries takes milliseconds; numpy's is there by now.
    return ThreadpoolController()
