"""How a photo of the sample album is stored: format, quality, pixels turned as cameras do."""

import io

import numpy as np
import pillow_heif
from PIL import Image

from memoria_pipeline.album.sources import Pixels

_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "HEIF": ".heic"}
# EXIF orientation: how the upright picture is mirrored in rows and in columns, and if the two
# then change places.
_STORED = {
    1: (1, 1, False), 2: (1, -1, False), 3: (-1, -1, False), 4: (-1, 1, False),
    5: (1, 1, True), 6: (1, -1, True), 7: (-1, -1, True), 8: (-1, 1, True),
}  # fmt: skip
_ORIENTATION = 274


def suffix(form: str) -> str:
    """A file's suffix for JPEG, PNG, WEBP or HEIF."""
    return _SUFFIXES[form]


def encoded(pixels: Pixels, form: str, orientation: int, rng: np.random.Generator) -> bytes:
    """Store an upright (h, w, 3) picture so that its EXIF orientation makes it upright again.

    A HEIF is stored upright: its own container says how it is turned, and readers differ on EXIF.
    """
    buffer, quality = io.BytesIO(), int(rng.integers(60, 96))
    if form == "HEIF":
        heif = pillow_heif.from_pillow(Image.fromarray(pixels))
        heif.save(buffer, quality=quality, enc_params={"preset": "ultrafast"})
        return buffer.getvalue()
    rows, columns, turned = _STORED[orientation]
    stored = pixels[::rows, ::columns]
    image = Image.fromarray(np.ascontiguousarray(stored.transpose(1, 0, 2) if turned else stored))
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    # WebP's slower methods make it smaller by a few percent, and PNG's too.
    fast = {"WEBP": {"method": 1}, "PNG": {"compress_level": 3}}.get(form, {})
    image.save(buffer, form, exif=exif, quality=quality, **fast)
    return buffer.getvalue()
