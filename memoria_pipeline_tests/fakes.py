"""Stand-ins that behave like the real thing where a real one cannot be made to misbehave."""

import io
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from memoria_pipeline.errors import ModelError, PhotoError
from memoria_pipeline.vision.model import Detection, Embeddings, Image

WHITE, RED, GREEN, BLUE = (250, 250, 250), (250, 0, 0), (0, 250, 0), (0, 0, 250)
BLACK = (0, 0, 0)


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> bytes:
    """A PNG of one colour."""
    file = io.BytesIO()
    Pillow.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True)
class Shelf:
    """Photos in memory; it pickles, so that workers can read from it."""

    photos: Mapping[str, bytes]

    def read(self, key: str) -> bytes:
        if key not in self.photos:
            raise PhotoError("missing", "The photo is gone. Upload it again.")
        return self.photos[key]


@dataclass(frozen=True)
class ColourModel:
    """A face per photo, unless it is green (none), red (crash), blue (hang) or black (error)."""

    name: str = "colours"
    licence: str = "free"
    dimensions: int = 4
    max_side: int = 640
    device: str = "cpu"
    providers: tuple[str, ...] = ()

    @property
    def thresholds(self) -> Mapping[str, float]:
        return {}

    def detect(self, image: Image) -> list[Detection]:
        red, green, blue = (bool(image[0, 0, band] > 200) for band in range(3))
        if red and not green:
            os.kill(os.getpid(), signal.SIGSEGV)
        if blue and not green:
            time.sleep(60)
        if not (red or green or blue):
            raise ValueError("Ada Lovelace has no features")
        if green and not red:
            return []
        points = np.array([(0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.4, 0.6), (0.6, 0.6)], np.float32)
        return [Detection((0.25, 0.25, 0.5, 0.5), points, 0.9)]

    def embed(
        self, images: Sequence[Image], detections: Sequence[Sequence[Detection]]
    ) -> list[Embeddings]:
        return [np.eye(4, dtype=np.float32)[[0] * len(each)] for each in detections]


def no_model() -> ColourModel:
    """As a pack that cannot be had."""
    raise ModelError("The pack is not on this machine: install it.")
