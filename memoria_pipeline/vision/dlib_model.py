"""A FaceModel from the package index alone: dlib's HOG detector, its five-point fit and its ResNet.

Weights are those of face_recognition_models. The 68-point file there is not used: it was trained on
iBUG 300-W, which is for non-commercial use. dlib's CNN detector is not used: 9 s per megapixel on a
CPU, where HOG takes 0.08 s.
"""

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision import dlib_resnet
from memoria_pipeline.vision.align import FIVE_POINTS, cut, pixels, similarity, unit_length
from memoria_pipeline.vision.backends import onnx_runtime
from memoria_pipeline.vision.model import Detection, Embeddings, Image
from memoria_pipeline.vision.scales import Candidates, detections, merge, resized

MAX_SIDE = 3072
"""HOG finds faces of 80 pixels and more. At this size it takes 0.47 s and finds 89 % of the faces
of 30 composed photos of 2 to 24 megapixels, at 2048 pixels 0.21 s and 74 %."""

ENLARGED = 3
"""A small photo is looked at up to this much larger: 41 of 43 annotated faces instead of 11."""

SMALL_SIDE = 256
"""A padded view of this size shows the face that fills its photo: 100 of 103 tight crops."""

PADDING = 0.15
"""Of the small view's longer side; HOG wants to see some of what is around a face (95 without)."""

CROPS_PER_BATCH = 32

DLIB_POINTS = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ]
)
"""dlib's mean face in a unit square: outer and inner corner of the eye on the image's right, the
same of
the one on its left, base of the nose."""

EYES_AND_BASE = np.array(
    [DLIB_POINTS[2:4].mean(axis=0), DLIB_POINTS[0:2].mean(axis=0), DLIB_POINTS[4]]
)


def _ours_in_dlibs_square() -> NDArray[np.float64]:
    """Our five points in dlib's unit square: InsightFace's template, laid on it by the eyes."""
    matrix = similarity(FIVE_POINTS[:2], EYES_AND_BASE[:2])
    return FIVE_POINTS @ matrix[:, :2].T + matrix[:, 2]


OUR_POINTS = _ours_in_dlibs_square()

CROP_POINTS = (OUR_POINTS + 0.25) / 1.5 * dlib_resnet.CROP
"""Where our five points belong in the ResNet's input: dlib's `padding=0.25` around the square."""


@cache
def weights() -> Path:
    """The folder of face_recognition_models' files; its package needs pkg_resources, so it stays
    unimported. ModelError where it is not installed."""
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise ModelError(
            "The model pack dlib needs the package face_recognition_models, which is not installed:"
            " install memoria-pipeline with all its dependencies (`make setup`)."
        )
    return Path(spec.origin).parent / "models"


def five_landmarks(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Our (5, 2) landmarks from dlib's (5, 2) eye corners and nose base, in the same units.

    Eye centres are the middles of their corners. The mouth is where the mean face has it after the
    turn, scale and shift that fits it best to the corners. The nose tip, too, but it also follows
    the nose base 1.5 times as far as that strays from the fit, which is what a turned head looks
    like. Mean distance from SCRFD's points on 242 faces, in eye distances: eyes .05, nose .06,
    mouth .13.
    """
    matrix = similarity(DLIB_POINTS, corners)
    fitted = OUR_POINTS @ matrix[:, :2].T + matrix[:, 2]
    base = DLIB_POINTS[4] @ matrix[:, :2].T + matrix[:, 2]
    eyes = np.array([corners[2:4].mean(axis=0), corners[0:2].mean(axis=0)])
    nose = fitted[2] + 1.5 * (corners[4] - base)
    return np.vstack([eyes, nose, fitted[3:]])


class DlibModel:
    """HOG at two scales, five points, ResNet on ONNX Runtime.

    Each thread has a detector of its own: dlib's objects keep state between calls.
    """

    device = "cpu"
    providers = ("dlib", onnx_runtime.CPU)
    dimensions = 128
    max_side = MAX_SIDE

    def __init__(
        self,
        *,
        name: str = "dlib",
        licence: str = "",
        thresholds: Mapping[str, float] | None = None,
        detection_threshold: float = 0.5,
    ) -> None:
        """Loads the networks for the calling thread. ModelError where the weights are missing."""
        self.name, self.licence = name, licence
        self.thresholds: Mapping[str, float] = thresholds or {}
        self._threshold = detection_threshold
        self._own = threading.local()
        self._finders()
        resnet = weights() / "dlib_face_recognition_resnet_model_v1.dat"
        self._resnet = onnx_runtime.open_network(dlib_resnet.graph(resnet), "cpu")

    def detect(self, image: Image) -> list[Detection]:
        """Every face of one upright photo, best score first."""
        side = min(ENLARGED * max(image.shape[:2]), self.max_side)
        views = [self._view(image, side, 0.0), self._view(image, SMALL_SIDE, PADDING)]
        return detections(merge(Candidates.joined(views)))

    def embed(
        self, images: Sequence[Image], detections: Sequence[Sequence[Detection]]
    ) -> list[Embeddings]:
        """For each image the embeddings of its detections, (len(detections[i]), 128)."""
        return [
            self._vectors([self._crop(image, face) for face in faces])
            for image, faces in zip(images, detections, strict=True)
        ]

    def _view(self, image: Image, side: int, padding: float) -> Candidates:
        """What HOG finds in the photo at one size with a margin around it.

        HOG in grey: a quarter faster than in colour, where it asks each channel for its gradient,
        and 42 of 43 annotated faces instead of 41; of 224 in composed photos 83.0 % either way.
        """
        shown = resized(image, side)
        margin = round(padding * max(shown.shape[:2]))
        padded = cv2.copyMakeBorder(shown, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
        hog, predictor = self._finders()
        grey = cv2.cvtColor(padded, cv2.COLOR_RGB2GRAY)
        rectangles, raw, _ = hog.run(grey, 0, _raw(self._threshold))
        corners = [_corners(predictor(padded, box)) for box in rectangles]
        unit = np.array(shown.shape[1::-1])
        boxes = [[b.left(), b.top(), b.right() + 1, b.bottom() + 1] for b in rectangles]
        marks = [five_landmarks(c) for c in corners]
        return Candidates(
            ((np.array(boxes).reshape(-1, 4) - margin) / np.tile(unit, 2)).astype(np.float32),
            ((np.array(marks).reshape(-1, 5, 2) - margin) / unit).astype(np.float32),
            _probability(np.array(raw, dtype=np.float64)).astype(np.float32),
        )

    def _crop(self, image: Image, face: Detection) -> Image:
        return cut(image, similarity(pixels(image, face), CROP_POINTS), dlib_resnet.CROP)

    def _vectors(self, crops: Sequence[Image]) -> Embeddings:
        """The mean of each crop's vector and its mirror image's, at unit length.

        On 1,200 LFW photos it finds 84.6 % of the same-person pairs at one false in 10,000, the
        plain vector 79.8 %, in half the time. Taking away the mean of all faces first, which would
        spread dlib's large cosines, loses up to 17 points there and is left out.
        """
        if not crops:
            return np.zeros((0, 128), np.float32)
        parts = [
            self._plain(np.stack(crops[start : start + CROPS_PER_BATCH]))
            for start in range(0, len(crops), CROPS_PER_BATCH)
        ]
        return unit_length(np.concatenate(parts))

    def _plain(self, crops: Image) -> Embeddings:
        """Of (n, 150, 150, 3) crops the sums of both vectors."""
        both = np.concatenate([crops, crops[:, :, ::-1]])
        blob = np.ascontiguousarray(both.transpose(0, 3, 1, 2), np.float32)
        raw = self._resnet.run(blob)[0]
        return np.asarray(raw[: len(crops)] + raw[len(crops) :], np.float32)

    def _finders(self) -> tuple[Any, Any]:
        """This thread's detector and point predictor; loading takes 0.1 s."""
        if not hasattr(self._own, "finders"):
            points = weights() / "shape_predictor_5_face_landmarks.dat"
            self._own.finders = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(points))
        finders: tuple[Any, Any] = self._own.finders
        return finders


MIDDLE, STEEPNESS = 0.05, 4.0
"""HOG's raw score that counts as 0.5, and how fast it rises from there. At 0.05 one of 120 faces in
composed photos is false, at -0.3 one of 11."""


def _probability(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """HOG's raw margin (-1 to about 3) as a score in [0, 1]."""
    return 1 / (1 + np.exp(-STEEPNESS * (raw - MIDDLE)))


def _raw(probability: float) -> float:
    """The raw margin of a score."""
    inner = min(max(probability, 1e-6), 1 - 1e-6)
    return float(MIDDLE + np.log(inner / (1 - inner)) / STEEPNESS)


def _corners(shape: Any) -> NDArray[np.float64]:
    return np.array([[shape.part(i).x, shape.part(i).y] for i in range(5)], dtype=np.float64)
