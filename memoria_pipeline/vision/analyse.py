"""The engine: many photos in, faces out, one worker process per core.

Processes, not threads: dlib holds the interpreter's lock, and a file that crashes a decoder takes
down one worker, not the run. A worker reads, decodes and analyses; only faces come back, in order.
"""

import hashlib
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import connection, get_context, parent_process
from multiprocessing.synchronize import Event
from typing import Any

import cv2

from memoria_pipeline.errors import PhotoError
from memoria_pipeline.vision.looking import graded, joined, look, sharp_enough
from memoria_pipeline.vision.model import Detection, Face, FaceModel
from memoria_pipeline.vision.photo import Limits, Photo

_AHEAD = 3  # photos in flight per worker: enough to keep it busy, few enough to stop quickly
SPAWN = get_context("spawn")
LONGEST = 300  # seconds for one photo; the slowest real one (128 MP, 300 faces) took under 60
CRASHED = (
    "crashed",
    f"Analysing it crashed the decoder or the model, or took over {LONGEST} seconds; "
    "convert it to JPEG and upload it again.",
)


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker needs; it must pickle.

    read: key → the file's bytes; raises PhotoError. load: → the model. known: sha256 (hex) of
    photos that need no analysis any more. gpu: the model may be on one; its worker then says so.
    """

    read: Callable[[str], bytes]
    load: Callable[[], FaceModel]
    limits: Limits = Limits()
    known: frozenset[str] = frozenset()
    gpu: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of one photo: faces, or an error (reason, message), or a duplicate.

    width and height are those of the upright original; seconds is the worker's time.
    """

    key: str
    sha256: str = ""
    width: int = 0
    height: int = 0
    faces: tuple[Face, ...] = ()
    error: tuple[str, str] | None = None
    duplicate: bool = False
    seconds: float = 0.0


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
        from memoria_pipeline.vision.together import in_groups  # which imports this module

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


def start_pool(work: Work, workers: int, stop: Event) -> ProcessPoolExecutor:
    """Processes for `analyse_one` and the like; `stop` makes them leave the rest."""
    return ProcessPoolExecutor(
        workers, mp_context=SPAWN, initializer=_start_worker, initargs=(work, stop)
    )


# One worker's state: a process serves one run.
_worker: Any = None


def _start_worker(work: Work, stop: Event) -> None:
    global _worker
    threading.Thread(target=_die_with_parent, daemon=True).start()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a hang in C ends the worker, not the run
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    cv2.setNumThreads(1)  # the cores are already taken, by the other workers
    # Loaded by the first photo: an error then has a way back.
    _worker = (work, cache(work.load), stop)


def at_work() -> tuple[Work, Callable[[], FaceModel], Event]:
    """In a worker: what it was started with; the model is loaded by the first call."""
    work, load, stop = _worker
    return work, load, stop


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def analyse_one(key: str) -> Outcome:
    """One photo, in a worker; what goes wrong with it is its outcome, ModelError is the run's."""
    work, load, stop = _worker
    if stop.is_set():
        return Outcome(key)
    model = load()
    started = time.perf_counter()
    signal.alarm(LONGEST)
    try:
        outcome = analyse_photo(key, work.read(key), work, model)
    except Exception as error:  # OpenCV, ONNX Runtime, dlib: one bad photo never stops an event
        outcome = failed(key, error)
    finally:
        signal.alarm(0)
    return replace(outcome, seconds=time.perf_counter() - started)


def failed(key: str, error: Exception) -> Outcome:
    """What became of a photo whose analysis raised this; nothing of a library's words."""
    if isinstance(error, PhotoError):
        return Outcome(key, error=(error.reason, str(error)))
    why = f"Analysing it failed ({type(error).__name__}); convert it to JPEG and upload it again."
    return Outcome(key, error=("crashed", why))


def analyse_photo(key: str, data: bytes, work: Work, model: FaceModel) -> Outcome:
    """One photo's bytes, in this process. Raises PhotoError."""
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 in work.known:
        return Outcome(key, sha256, duplicate=True)
    photo, detections = look(data, model, work.limits)
    faces = _faces(data, photo, detections, work, model) if detections else ()
    return Outcome(key, sha256, photo.width, photo.height, faces)


def _faces(
    data: bytes, photo: Photo, detections: list[Detection], work: Work, model: FaceModel
) -> tuple[Face, ...]:
    pixels = sharp_enough(data, photo, detections, work.limits)
    embeddings = model.embed([pixels], [detections])[0]
    return joined(detections, graded(pixels, detections, photo.width), embeddings)
