"""What a face is, and what a face model must do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(height, width, 3), RGB, upright."""

Embeddings = NDArray[np.float32]
"""(n, dimensions), each row of unit length, ready for cosine."""

QualityClass = Literal["A", "B", "C"]
"""A seeds people, B only attaches to them, C is stored but not grouped."""


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face found in one photo.

    box: x, y, width, height in [0, 1] of the upright photo, inside it.
    landmarks: (5, 2) float32, x and y in [0, 1] of the upright photo: the eye on the image's left,
        the eye on its right, nose, the mouth corner on the left, the one on the right
        (InsightFace's order). They may lie a little outside [0, 1] when the photo cuts a face.
    score: the detector's own, in [0, 1].
    """

    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A detection with how good it is and its vector (d,) float32 of unit length."""

    detection: Detection
    quality: float
    quality_class: QualityClass
    embedding: NDArray[np.float32]


class FaceModel(Protocol):
    """Finds faces and turns them into vectors. Safe to call from several threads at once."""

    @property
    def name(self) -> str:
        """What `faces.model` holds, such as `dlib` or `insightface:buffalo_l`; never a path."""

    @property
    def licence(self) -> str:
        """One sentence on what the weights may be used for."""

    @property
    def dimensions(self) -> int:
        """Numbers per embedding."""

    @property
    def max_side(self) -> int:
        """The longest side in pixels that detection uses; a larger photo is decoded smaller."""

    @property
    def device(self) -> str:
        """Where it runs: `cpu` or `cuda`."""

    @property
    def providers(self) -> tuple[str, ...]:
        """What runs the networks, as ONNX Runtime names it, or `dlib`."""

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The pack's calibrated numbers, from `memoria lab calibrate`; empty before that."""

    def detect(self, image: Image) -> list[Detection]:
        """Every face of one upright photo, best score first."""

    def embed(
        self, images: Sequence[Image], detections: Sequence[Sequence[Detection]]
    ) -> list[Embeddings]:
        """For each image the embeddings of its detections, (len(detections[i]), dimensions)."""


@runtime_checkable
class Together(Protocol):
    """A face model that can work on several photos at once, as a GPU needs to be busy."""

    @property
    def together(self) -> int:
        """How many photos it wants at once; 1 where more would make it no faster."""

    def detect_together(self, images: Sequence[Image]) -> list[list[Detection]]:
        """`detect` of several photos."""

    def crops(self, image: Image, detections: Sequence[Detection]) -> list[Image]:
        """The faces of one photo as `vectors` takes them."""

    def vectors(self, crops: Sequence[Image]) -> Embeddings:
        """The embeddings of faces cut out of any photos."""


@runtime_checkable
class Tiling(Protocol):
    """A face model that can look at parts of a photo at its full resolution."""

    def wants_tiles(self, width: int, height: int, found: Sequence[Detection]) -> bool:
        """Whether a photo of this size is to be looked at so, after `detect` found these."""

    def in_tiles(self, image: Image, found: Sequence[Detection]) -> list[Detection]:
        """These and what the photo's tiles show besides; image: at its full resolution."""
