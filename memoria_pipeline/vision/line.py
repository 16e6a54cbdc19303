"""The line that photos go through in the process that owns a GPU: groups stand behind each other.

While threads decode one group, the one before it is looked at together, and the faces of the one
before that, which the threads cut out, are embedded together. So at most two groups of photos wait,
each of LARGEST bytes at most and with its file; a larger one is worked on alone.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from memoria_pipeline.vision.looking import (
    Grade,
    first_look,
    graded,
    joined,
    look_closer,
    sharp_enough,
    wants_tiles,
)
from memoria_pipeline.vision.model import Detection, FaceModel, Image, Together
from memoria_pipeline.vision.photo import Photo
from memoria_pipeline.vision.worker import Outcome, Work, analyse_photo, failed

LARGEST = 50_331_648
"""Bytes of a photo that may wait: 4096 pixels square, more than a JPEG has at its first look."""

PLACES = 2
"""Groups that are still in the line when a step ends."""


class Stop(Protocol):
    """An event of threads or of processes."""

    def is_set(self) -> bool:
        """Whether to leave what has not begun."""


class GroupModel(FaceModel, Together, Protocol):
    """What runs in groups."""


@dataclass(slots=True, eq=False)
class _Piece:
    """A photo in the line and what was made of it; with an outcome it is left alone."""

    key: str
    data: bytes = b""
    sha256: str = ""
    photo: Photo | None = None
    size: tuple[int, int] = (0, 0)
    found: list[Detection] = field(default_factory=list)
    grades: list[Grade] = field(default_factory=list)
    crops: list[Image] = field(default_factory=list)
    outcome: Outcome | None = None
    seconds: float = 0.0


class Line:
    """Photos on their way through one process. `step` is called by one thread."""

    def __init__(self, work: Work, model: GroupModel, threads: int, stop: Stop) -> None:
        self._work, self._model, self._stop = work, model, stop
        self._threads = ThreadPoolExecutor(threads)
        self._gpu = threading.Lock()  # its memory is that of one call at a time
        self._opening: list[Future[_Piece]] = []
        self._cutting: list[Future[_Piece]] = []

    def step(self, keys: Sequence[str]) -> list[Outcome]:
        """A new group enters, all move on by a place: what became of the one that leaves.

        Nothing once the run is to stop.
        """
        if self._stop.is_set():
            return []
        opening = [self._threads.submit(self._try, self._open, _Piece(key)) for key in keys]
        cutting = self._detect([each.result() for each in self._opening])
        leaving = [each.result() for each in self._cutting]
        self._opening, self._cutting = opening, cutting
        self._embed([piece for piece in leaving if piece.outcome is None])
        return [
            replace(piece.outcome or Outcome(piece.key), seconds=piece.seconds) for piece in leaving
        ]

    def _try(self, work_on: Callable[[_Piece], None], piece: _Piece) -> _Piece:
        """One place's work on one photo: what it raises is that photo's outcome."""
        started = time.perf_counter()
        if self._stop.is_set():
            piece.outcome = Outcome(piece.key)
        if piece.outcome is None:
            try:
                work_on(piece)
            except Exception as error:  # as of photos that are analysed one by one
                piece.outcome = failed(piece.key, error)
            piece.seconds += time.perf_counter() - started
        return piece

    def _open(self, piece: _Piece) -> None:
        piece.data = self._work.read(piece.key)
        piece.sha256 = hashlib.sha256(piece.data).hexdigest()
        if piece.sha256 in self._work.known:
            piece.outcome = Outcome(piece.key, piece.sha256, duplicate=True)
            return
        photo = first_look(piece.data, self._model, self._work.limits)
        piece.photo = photo if photo.pixels.nbytes <= LARGEST else None

    def _detect(self, pieces: list[_Piece]) -> list[Future[_Piece]]:
        started = time.perf_counter()
        shown = [(piece, piece.photo.pixels) for piece in pieces if piece.photo]
        try:
            with self._gpu:
                images = [pixels for _, pixels in shown]
                found = self._model.detect_together(images) if images else []
            for (piece, _), faces in zip(shown, found, strict=True):
                piece.found = faces
                piece.seconds += (time.perf_counter() - started) / len(shown)
        except Exception:  # of one of them: alone, each gets what is its own
            for piece, _ in shown:
                piece.photo = None
        return [self._threads.submit(self._try, self._cut, piece) for piece in pieces]

    def _cut(self, piece: _Piece) -> None:
        """All that embedding needs of a photo: its pixels wait no longer."""
        photo, piece.photo = piece.photo, None
        if photo is None:
            self._alone(piece)
            return
        limits = self._work.limits
        with self._gpu if wants_tiles(photo, piece.found, self._model) else nullcontext():
            photo, piece.found = look_closer(piece.data, photo, piece.found, self._model, limits)
        piece.size = photo.width, photo.height
        if not piece.found:
            piece.outcome = Outcome(piece.key, piece.sha256, *piece.size)
            return
        pixels = sharp_enough(piece.data, photo, piece.found, limits)
        piece.crops = self._model.crops(pixels, piece.found)
        piece.grades = graded(pixels, piece.found, photo.width)

    def _alone(self, piece: _Piece) -> None:
        with self._gpu:
            piece.outcome = analyse_photo(piece.key, piece.data, self._work, self._model)

    def _embed(self, pieces: list[_Piece]) -> None:
        if not pieces:
            return
        started = time.perf_counter()
        try:
            with self._gpu:
                vectors = self._model.vectors([crop for piece in pieces for crop in piece.crops])
        except Exception:
            for piece in pieces:
                self._try(self._alone, piece)
            return
        ends = np.cumsum([len(piece.crops) for piece in pieces])
        for piece, part in zip(pieces, np.split(vectors, ends[:-1]), strict=True):
            faces = joined(piece.found, piece.grades, part)
            piece.outcome = Outcome(piece.key, piece.sha256, *piece.size, faces)
            piece.seconds += (time.perf_counter() - started) / len(pieces)
