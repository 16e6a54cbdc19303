"""A face turned upright and cut out at a fixed size, as the networks were trained on it."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.vision.model import Detection, Image
from memoria_pipeline.vision.scales import sized

FIVE_POINTS = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""Where InsightFace (and so ArcFace) puts the five landmarks in a crop of 112x112 pixels."""


def similarity(points: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """The (2, 3) turn, scale and shift that brings (n, 2) points closest to the target's.

    Least squares in complex numbers: target = a * point + b. Same answer as Umeyama without a
    mirror.
    """
    source = points[:, 0] + 1j * points[:, 1]
    wanted = target[:, 0] + 1j * target[:, 1]
    centred = source - source.mean()
    spread = max(float(np.sum(np.abs(centred) ** 2)), 1e-12)
    a = np.sum(np.conj(centred) * (wanted - wanted.mean())) / spread
    a = a if abs(a) > 1e-6 else 1e-6  # points that all coincide: still a matrix with an inverse
    b = wanted.mean() - a * source.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, d) rows divided by their length."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def pixels(image: Image, detection: Detection) -> NDArray[np.float64]:
    """The detection's (5, 2) landmarks in the image's pixels."""
    height, width = image.shape[:2]
    return detection.landmarks.astype(np.float64) * (width, height)


def cut(
    image: Image, matrix: NDArray[np.float64], size: int, outside: int = cv2.BORDER_CONSTANT
) -> Image:
    """The (size, size, 3) crop that `matrix` maps the image to; outside the photo it is black.

    Where the face is more than twice as large as the crop, its surroundings are first averaged
    down, since a warp reads four pixels per point and skips the others.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:
        image, matrix = _smaller(image, matrix, size, 2 ** math.ceil(math.log2(0.5 / scale)))
    return np.asarray(
        cv2.warpAffine(image, matrix, (size, size), borderMode=outside), dtype=np.uint8
    )


def _smaller(
    image: Image, matrix: NDArray[np.float64], size: int, times: int
) -> tuple[Image, NDArray[np.float64]]:
    """The part of the image that the crop shows, `times` smaller, and the matrix for it.

    A power of two: OpenCV averages whole pixels ten times as fast as parts of them.
    """
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], dtype=np.float64)
    seen = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    limits = np.array(image.shape[1::-1])
    room = times + 2
    low = np.clip(np.floor(seen.min(axis=0)).astype(int) - room, 0, limits - 1)
    high = np.clip(np.ceil(seen.max(axis=0)).astype(int) + room, low + 1, limits)
    target = np.maximum((high - low) // times, 1)
    high = np.minimum(low + target * times, high)
    part = image[low[1] : high[1], low[0] : high[0]]
    shrunk = sized(part, (int(target[0]), int(target[1])))
    stretch = (high - low) / target
    # Pixel centres, not corners, are what cv2.resize keeps in place: hence the half pixels.
    origin = low + 0.5 * stretch - 0.5
    linear = matrix[:, :2] * stretch
    shift = matrix[:, :2] @ origin + matrix[:, 2]
    return shrunk, np.column_stack([linear, shift])
