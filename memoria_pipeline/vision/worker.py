"""One worker process of the engine: it reads, decodes and analyses; only faces go back.

A process, not a thread: dlib holds the interpreter's lock, and a file that crashes a decoder takes
down one worker, not the run.
"""

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import connection, get_context, parent_process
from multiprocessing.synchronize import Event
from typing import Any

import cv2

from memoria_pipeline.errors import PhotoError
from memoria_pipeline.vision.bounds import release
from memoria_pipeline.vision.looking import graded, joined, look, sharp_enough
from memoria_pipeline.vision.model import Detection, Face, FaceModel
from memoria_pipeline.vision.photo import Limits, Photo

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
    _worker = (work, cache(partial(_loaded, work)), stop)


def _loaded(work: Work) -> FaceModel:
    model = work.load()
    release()  # of what loading took: it would stay beside the photos
    return model


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
