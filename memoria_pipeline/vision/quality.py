"""How good a face is for recognition, and so what it may be used for."""

import cv2
import numpy as np

from memoria_pipeline.vision.align import FIVE_POINTS, cut, pixels, similarity
from memoria_pipeline.vision.model import Detection, Image, QualityClass

CROP = 112


def assess(image: Image, detection: Detection, width: int) -> tuple[float, QualityClass]:
    """A face's quality in [0, 1] and its class: A seeds people, B only attaches, C is not grouped.

    image: the upright photo at any scale. width: the original photo's, in pixels.
    """
    crop = cut(image, similarity(pixels(image, detection), FIVE_POINTS), CROP)
    sharp = min(sharpness(crop) / 300, 1.0)
    size = min(detection.box[2] * width / 60, 1.0)
    quality = float(np.cbrt(sharp * size * detection.score))
    return quality, "A" if quality >= 0.5 else "B" if quality >= 0.25 else "C"


def sharpness(crop: Image) -> float:
    """Variance of the Laplacian of an aligned crop."""
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())
