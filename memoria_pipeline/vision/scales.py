"""One photo looked at in several sizes, and what was found merged into one list.

A detector is trained for faces of about 16 to 500 pixels. In a large photo the small faces need a
large view, and a face that fills the photo needs a small one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.vision.model import Detection, Image

Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Faces as one view of a photo shows them, in [0, 1] of the photo.

    boxes: (n, 4) left, top, right, bottom. landmarks: (n, 5, 2). scores: (n,).
    """

    boxes: Points
    landmarks: Points
    scores: Points

    def take(self, rows: NDArray[np.intp]) -> "Candidates":
        """Those rows, in that order."""
        return Candidates(self.boxes[rows], self.landmarks[rows], self.scores[rows])

    @staticmethod
    def joined(parts: Sequence["Candidates"]) -> "Candidates":
        """All views' candidates in one; `parts` may be empty."""
        empty = Candidates(*(np.zeros(s, np.float32) for s in ((0, 4), (0, 5, 2), (0,))))
        all_parts = [empty, *parts]
        return Candidates(
            np.concatenate([part.boxes for part in all_parts]).astype(np.float32),
            np.concatenate([part.landmarks for part in all_parts]).astype(np.float32),
            np.concatenate([part.scores for part in all_parts]).astype(np.float32),
        )


def resized(image: Image, side: int) -> Image:
    """The image with its longer side at `side` pixels."""
    height, width = image.shape[:2]
    factor = side / max(height, width)
    return sized(image, (max(1, round(width * factor)), max(1, round(height * factor))))


def sized(image: Image, size: tuple[int, int]) -> Image:
    """The image at (width, height); halved by averages as often as that goes, the rest linearly.

    Averages of fractions of pixels take 98 ms from 24 megapixels to 2048 pixels, this 13.
    """
    width, height = size
    while _halves(image.shape, width, height):
        half = image.shape[1] // 2, image.shape[0] // 2
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)
    if image.shape[:2] == (height, width):
        return image
    far = image.shape[1] >= 2 * width and image.shape[0] >= 2 * height
    how = cv2.INTER_AREA if far else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def _halves(shape: tuple[int, ...], width: int, height: int) -> bool:
    """Whether it can be halved without a remainder, and is no smaller than wanted then."""
    even = shape[0] % 2 == shape[1] % 2 == 0
    return even and shape[0] >= 2 * height and shape[1] >= 2 * width


def overlaps(box: Points, others: Points) -> tuple[Points, Points]:
    """Intersection over union, and over the smaller of the two, of one box with n others."""
    left_top = np.maximum(box[:2], others[:, :2])
    right_bottom = np.minimum(box[2:], others[:, 2:])
    inter = np.prod(np.clip(right_bottom - left_top, 0, None), axis=1)
    mine = np.prod(box[2:] - box[:2])
    theirs = np.prod(others[:, 2:] - others[:, :2], axis=1)
    iou = inter / np.maximum(mine + theirs - inter, 1e-12)
    return iou, inter / np.maximum(np.minimum(mine, theirs), 1e-12)


def merge(found: Candidates, iou: float = 0.4, inside: float = 0.75) -> Candidates:
    """The best-scored candidate of each face, best first.

    A candidate goes when it overlaps a better one by `iou`, or when `inside` of the smaller of the
    two lies in the other: a large view takes parts of a large face for small ones.
    """
    order = np.argsort(-found.scores, kind="stable")
    keep: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        keep.append(int(best))
        shared, covered = overlaps(found.boxes[best], found.boxes[rest])
        order = rest[(shared < iou) & (covered < inside)]
    return found.take(np.array(keep, dtype=np.intp))


def detections(found: Candidates) -> list[Detection]:
    """As the rest of the pipeline wants them: boxes inside the photo, nothing without an area."""
    edges = np.clip(found.boxes, 0, 1)
    sizes = edges[:, 2:] - edges[:, :2]
    return [
        Detection(
            box=(float(edge[0]), float(edge[1]), float(size[0]), float(size[1])),
            landmarks=points,
            score=float(score),
        )
        for edge, size, points, score in zip(
            edges, sizes, found.landmarks, found.scores, strict=True
        )
        if size.min() > 0
    ]
