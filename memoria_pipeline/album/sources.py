"""Where the sample album's pictures come from: files that installed packages ship.

Sources are named by file only, and hold coordinates only: who the people are is nobody's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memoria_pipeline.errors import MemoriaError

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SourceFace:
    """A face of a source picture.

    box: x, y, width, height in its pixels, measured with SCRFD 2.5G at 640 and looked at.
    upright: degrees, clockwise, that the picture must turn to set this head upright.
        Estimated as the middle of the angles at which dlib's HOG detector finds it, so the album
        is kind to that detector: a floor for a working pipeline, no benchmark of detectors.
    """

    identity: str
    box: tuple[int, int, int, int]
    upright: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A picture (h, w, 3) uint8 RGB and every face in it."""

    pixels: Pixels
    faces: tuple[SourceFace, ...] = ()


_PARTY = (
    SourceFace("person-1", (59, 263, 110, 133), 4),
    SourceFace("person-2", (269, 147, 102, 118), 14),
    SourceFace("person-3", (465, 265, 108, 151)),
    SourceFace("person-4", (746, 339, 100, 141), -4),
    SourceFace("person-5", (905, 54, 108, 150), 12),
    SourceFace("person-6", (1131, 271, 94, 128)),
)
_PORTRAIT = (SourceFace("person-7", (181, 58, 90, 120)),)
_TIGHT = (SourceFace("person-8", (7, 6, 78, 106)),)
PEOPLE = tuple(face.identity for face in _PARTY + _PORTRAIT + _TIGHT)

# Without a face. The cat is there on purpose: it must not be taken for one.
SCENES = (
    "coffee.png", "rocket.jpg", "hubble_deep_field.jpg", "chelsea.png", "motorcycle_left.png",
    "brick.png", "gravel.png", "grass.png", "ihc.png", "motorcycle_right.png",
)  # fmt: skip
# What prints are pinned on.
WALLS = ("brick.png", "gravel.png", "grass.png", "coffee.png", "rocket.jpg")


@cache
def party() -> Source:
    """Six people at a table, 1280 x 886."""
    return Source(_picture("insightface", "data/images/t1.jpg"), _PARTY)


@cache
def portrait() -> Source:
    """One person down to the shoulders, 512 x 300; below begin patches that look like faces."""
    return Source(_picture("skimage", "data/astronaut.png")[:300].copy(), _PORTRAIT)


@cache
def tight() -> Source:
    """One face that fills its picture, 112 x 112, grey."""
    return Source(_picture("insightface", "data/images/*_54745.png"), _TIGHT)


@cache
def scene(name: str) -> Source:
    """One of SCENES or WALLS."""
    return Source(_picture("skimage", f"data/{name}"))


def source_of(identity: str) -> Source:
    """The source that shows this person."""
    sources: Sequence[Source] = (party(), portrait(), tight())
    return next(s for s in sources if identity in {face.identity for face in s.faces})


def _picture(package: str, pattern: str) -> Pixels:
    """Find the package without importing it: insightface's import alone takes seconds."""
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    path = next((p for folder in folders for p in sorted(Path(folder).glob(pattern))), None)
    if path is None:
        message = f"The sample album needs {pattern} of the package {package}, which is not there."
        raise MemoriaError(message + f" Install {package} again, or use photos of your own.")
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
