"""Renderings of photos for people's eyes: smaller, upright, cut to a face; JPEG bytes out."""

from collections.abc import Sequence

import cv2
import numpy as np
import simplejpeg

from memoria_pipeline.vision.hide import Box, hidden
from memoria_pipeline.vision.model import Image
from memoria_pipeline.vision.photo import Limits, read_photo

QUALITY = 85
_ROOM = 0.35  # of the face's longer side, left free on each side of it
_LARGEST = 6000  # pixels decoded: of a face so small that it would need more, less is shown


def whole(
    data: bytes, size: int | None, limits: Limits, hide: Sequence[Box] = (), quality: int = QUALITY
) -> bytes:
    """The photo upright, its longer side at most `size` pixels (None: all of it), without the faces
    in the boxes `hide`. Raises PhotoError."""
    photo = read_photo(data, max_side=size, limits=limits)
    return _jpeg(hidden(photo.pixels, hide), quality)


def face(data: bytes, box: Box, size: int, limits: Limits, hide: Sequence[Box] = ()) -> bytes:
    """The face in `box` (x, y, w, h in [0, 1]) with room around it, `size` pixels square, without
    the faces in the boxes `hide`.

    Decoded once, only as large as that needs. Raises PhotoError.
    """
    # The photo's shape is not known before it is decoded; 3:2 is what cameras make.
    share = max(box[2], box[3], 1e-3) / 1.5 * (1 + 2 * _ROOM)
    photo = read_photo(data, max_side=min(round(size / share) + 1, _LARGEST), limits=limits)
    return _jpeg(_square(hidden(photo.pixels, hide), box, size))


def _across(box: Box, width: int, height: int) -> float:
    """Pixels across the square around the face."""
    return max(1.0, max(box[2] * width, box[3] * height) * (1 + 2 * _ROOM))


def _square(pixels: Image, box: Box, size: int) -> Image:
    height, width = pixels.shape[:2]
    side = _across(box, width, height)
    centre = ((box[0] + box[2] / 2) * width, (box[1] + box[3] / 2) * height)
    scale = size / side
    shift = (size / 2 - centre[0] * scale, size / 2 - centre[1] * scale)
    if scale < 1:  # averaged first: a warp that shrinks only picks pixels
        smaller = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = np.asarray(cv2.resize(pixels, smaller, interpolation=cv2.INTER_AREA), np.uint8)
        scale = 1.0
    moved = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
    cut = cv2.warpAffine(
        pixels, moved, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)


def _jpeg(pixels: Image, quality: int = QUALITY) -> bytes:
    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420"
    )
    return encoded
