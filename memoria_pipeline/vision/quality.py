"""How good a face is for recognition, and so what it may be used for.

The curves follow what happens to the cosine between a clean and a spoiled photo of the same person:
140 LFW pairs, SCRFD-2.5G and MobileFaceNet. It is .70 for clean pairs; blur of 2, 3 and 4 pixels on
a face of 95 takes it to .61, .40 and .20, a face of 32, 20, 16 and 12 pixels to .66, .47, .34 and
.19.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.vision.align import FIVE_POINTS, cut, pixels, similarity
from memoria_pipeline.vision.model import Detection, Image, QualityClass

CROP = 112

SEEDS = 0.5
"""Class A from here: the worst of them still have a mean cosine of .55 to a clean photo."""

ATTACHES = 0.15
"""Class B from here; below, the mean cosine is .27, and strangers reach .35."""

COARSE = 1.5
"""Deviation in pixels of the blur before edges are looked for; white grain's share falls with its
sixth power."""

GRAIN = 3 / (2 * np.pi * COARSE**6)
"""How much of the grain's variance is taken off the edges': three times what white grain leaves
there, since a crop that was enlarged has coarser grain than the estimate sees."""

SADDLE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""Blind to smooth shading; white grain of deviation s leaves 6 s (Immerkær 1996)."""

FACE = np.s_[24:104, 20:92]
"""The part of an aligned crop that is face and not hair or background."""


def assess(image: Image, detection: Detection, width: int) -> tuple[float, QualityClass]:
    """A face's quality in [0, 1] and its class: A seeds people, B only attaches, C is not grouped.

    image: the upright photo at any scale. width: the original photo's, in pixels; a face that was
    small there is not better for having been enlarged.
    """
    points = pixels(image, detection)
    # A black border would be an edge, and edges are what sharpness is measured by.
    crop = cut(image, similarity(points, FIVE_POINTS), CROP, cv2.BORDER_REPLICATE)
    quality = (
        rising(sharpness(crop), middle=0.11, steepness=4.2)
        * rising(detection.box[2] * width, middle=14, steepness=4.4)
        * frontal(points)
        * (0.5 + 0.5 * min(detection.score / 0.7, 1.0))
    )
    return quality, "A" if quality >= SEEDS else "B" if quality >= ATTACHES else "C"


def rising(value: float, *, middle: float, steepness: float) -> float:
    """An S from 0 to 1 over the value's logarithm, 0.5 at `middle`."""
    return float(1 / (1 + (middle / max(value, 1e-9)) ** steepness))


def sharpness(crop: Image) -> float:
    """Variance of an aligned crop's coarse edges (112, 112, 3), over the deviation of its light.

    Without the blur and what is taken off for grain, a smear with a sensor's noise on it would be
    the sharpest face of all. Divided so, a face at half the light is worth half. Over clean,
    blurred and small LFW faces quality then ranks as the cosine does (Spearman .75), over grainy
    ones too .83. Clean .39, blurred by 2 pixels .14, a smear under .02. Noise of 25 grey levels
    on a face of 48 pixels still passes for edges: enlarged, it is as coarse as they are.
    """
    light = np.asarray(cv2.cvtColor(crop.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)
    edges = cv2.Laplacian(cv2.GaussianBlur(light, (0, 0), COARSE), cv2.CV_32F)[FACE]
    left = float(edges.var()) - GRAIN * grain(light) ** 2
    return max(left, 1e-3) / max(float(light[FACE].std()), 4.0)


def grain(light: NDArray[np.float32]) -> float:
    """The deviation of the noise in an aligned crop's light (112, 112), in grey levels.

    From the median, as a face's own edges are few among its pixels.
    """
    ripple = np.abs(cv2.filter2D(light, -1, SADDLE)[FACE])
    return float(np.median(ripple)) / (0.6745 * 6)


def frontal(points: NDArray[np.float64]) -> float:
    """1 for a face towards the camera, less the further it is turned aside (5 landmarks, pixels).

    The nose's distance from the middle of the eyes, in eye distances and along their line: up to
    .25 in LFW, where it changes nothing; .5 and more in profiles. Tilting the head costs nothing:
    crops are turned.
    """
    line = points[1] - points[0]
    length = max(float(np.hypot(*line)), 1e-6)
    aside = abs(float((points[2] - points[:2].mean(axis=0)) @ line)) / length**2
    return float(np.interp(aside, [0.25, 0.6], [1.0, 0.2]))
