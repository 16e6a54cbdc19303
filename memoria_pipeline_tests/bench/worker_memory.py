"""The peak memory of one worker, with networks of the size of SCRFD-10G and ArcFace R50.

`python -m memoria_pipeline_tests.bench.worker_memory` runs the engine with one worker on photos of
up to 24 megapixels that all differ, and reads the worker's own peak (VmHWM) as it goes. What it
grows by from the 100th photo on, per photo, says what it would be after 10,000. That is ONNX
Runtime, which an installation without extras runs; the other ways get fewer photos, of the same
sizes, and the guard is not asked for them: random weights find nobody. Eight minutes.
"""

import multiprocessing
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from memoria_pipeline.vision.analyse import Work, analyse
from memoria_pipeline.vision.backends import choose
from memoria_pipeline.vision.backends.network import Way
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.model import FaceModel
from memoria_pipeline_tests.bench import ways
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.networks import MARK

PHOTOS, SETTLED = 300, 100

FEWER = 61
"""Photos for each of the other ways: the sixth large one is of the first one's size again."""

SIZES = ((1920, 1280), (4000, 3000), (3000, 4000), (5184, 3456), (6000, 4000))

MOST = 1_200_000_000
"""Bytes."""

LATE = 10_000
"""Photos of a large event."""


@dataclass(frozen=True, slots=True)
class Read:
    """Makes a photo of its number; it pickles.

    every: one in so many is of the sizes above, the others are small: less time, the same leaks.
    """

    every: int = 10

    def __call__(self, key: str) -> bytes:
        """A JPEG with three marks that the stand-in takes for faces."""
        number = int(key)
        size = SIZES[number // self.every % len(SIZES)] if number % self.every == 0 else (640, 480)
        photo = np.full((size[1], size[0], 3), 40 + number % 160, np.uint8)
        side = size[0] // 8
        for face in range(3):
            left, top = (1 + 2 * face) * side, size[1] // 3 + number % side
            cv2.rectangle(photo, (left, top), (left + side, top + side), MARK, -1)
        return bytes(simplejpeg.encode_jpeg(photo, 90))


def rows() -> Iterator[Row]:
    """The peak, and what it grows by; then the other ways' peaks."""
    yield from settled()
    pack, place = ways.prepared()
    for way in choose.ON_CPU[1:]:
        if why := choose.unable(way, pack, place):
            yield f"peak memory of a worker, {way}", "–", why, True
            continue
        yield reached(way, *peak_by_photo(partial(load, way), FEWER))


def settled() -> Iterator[Row]:
    """Of ONNX Runtime, and what it would be after an event of many photos."""
    peaks, faces = peak_by_photo(partial(load, Way()), PHOTOS)
    yield reached(Way(), peaks, faces)
    least = SETTLED if len(peaks) > 2 * SETTLED else len(peaks) // 3
    slope = float(np.polyfit(range(least, len(peaks)), peaks[least:], 1)[0])
    late = peaks[-1] + max(slope, 0) * (LATE - len(peaks))
    said = f"{late / 1e6:,.0f} MB at {slope / 1e3:+.1f} KB a photo"
    yield f"after {LATE:,} photos, {Way()}", f"<= {MOST / 1e6:,.0f} MB", said, late <= MOST


def reached(way: Way, peaks: list[int], faces: int) -> Row:
    """The last of the peaks."""
    said = f"{peaks[-1] / 1e6:,.0f} MB after {len(peaks)} photos with {faces} faces"
    asked = f"<= {MOST / 1e6:,.0f} MB"
    return f"peak memory of a worker, {way}", asked, said, peaks[-1] <= MOST


def load(way: Way) -> FaceModel:
    """The stand-in in this way; a worker calls it."""
    networks = ways.opened(way, *ways.prepared())
    return InsightFaceModel(networks, name="stand-in", licence="", thresholds={})


def peak_by_photo(load: Callable[[], FaceModel], photos: int) -> tuple[list[int], int]:
    """The worker's peak in bytes after each photo, and how many faces they had in all."""
    peaks, faces = [], 0
    for outcome in analyse(map(str, range(photos)), Work(Read(), load), workers=1):
        assert outcome.error is None, outcome.error
        faces += len(outcome.faces)
        peaks.append(max(map(peak, (child.pid for child in multiprocessing.active_children()))))
    return peaks, faces


def peak(process: int | None) -> int:
    """The most bytes of memory that a process has had, as Linux counts them."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return 1024 * int(found[1]) if found else 0


if __name__ == "__main__":
    sys.exit(show("Memory of a worker", rows()))
