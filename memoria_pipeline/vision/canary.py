"""A photo whose faces are known: a detector that does not find them finds nobody's."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.model import Face

Box = tuple[float, float, float, float]

KEY = "a photo whose faces are known"
KNOWN: tuple[Box, ...] = ((0.35, 0.14, 0.18, 0.21),)
"""The astronaut's face as x, y, width, height in [0, 1]; packs differ by a third in what of the
forehead they count."""

_SAME = 0.4  # least overlap (IoU) with the known box: dlib's has .71, SCRFD's .95
_SURE = 0.5  # a lower threshold may be set, to find more and err more


@dataclass(frozen=True, slots=True)
class Look:
    """What a pack made of the photo: known faces that it missed, and faces that are none."""

    missed: int
    surplus: int

    @property
    def wrong(self) -> int:
        return self.missed + self.surplus


@cache
def look(detector: Detector, model: str) -> Look:
    """Analyse the photo as any other, in a process of its own; once per process and pack.

    1 to 3 seconds, most of them the pack's loading. Raises ModelError where the photo is missing,
    or the pack cannot be had.
    """
    [outcome] = detector.analyse(model, [KEY], _read)
    return compare(outcome.faces)


def compare(found: Sequence[Face]) -> Look:
    """Known and found faces, each at most once."""
    boxes = [each.detection.box for each in found if each.detection.score >= _SURE]
    met = sum(any(_overlap(box, known) >= _SAME for box in boxes) for known in KNOWN)
    return Look(len(KNOWN) - met, len(boxes) - met)


def _read(_: str) -> bytes:
    """The public-domain portrait of Eileen Collins by NASA that scikit-image ships.

    The package is found, not imported: that takes a second.
    """
    spec = find_spec("skimage")
    path = Path(spec.origin or "").parent / "data" / "astronaut.png" if spec else Path("none")
    if not path.is_file():
        raise ModelError(
            "The package scikit-image and its sample photo are missing: install memoria-pipeline"
            " with all its dependencies."
        )
    return path.read_bytes()


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    common = max(width, 0.0) * max(height, 0.0)
    return common / (a[2] * a[3] + b[2] * b[3] - common)
