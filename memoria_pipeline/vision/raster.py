"""What Pillow and libheif decode, as RGB: everything but JPEG."""

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from memoria_pipeline.vision.container import Container
from memoria_pipeline.vision.tiff import exif_orientation

Pixels = NDArray[np.uint8]
Size = tuple[int, int]

# The plugins themselves, not Image.open: no other format can be reached, and Pillow's process-wide
# limit and its warnings about large pictures take no part.
_PLUGINS: dict[str, Any] = {
    "png": PngImagePlugin.PngImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
}
_ALPHA_MODES = frozenset(("RGBA", "RGBa", "LA", "La", "PA"))
_BAND_ROWS = 64
_FILTERS = threading.Lock()


def read_image(
    name: str, container: Container, max_side: int | None, admit: Callable[[Size], Size]
) -> tuple[Pixels, Size, int]:
    """Decode to (h, w, 3), the stored (width, height), and the orientation still to be applied.

    The pixels are already shrunk by a whole number where `max_side` allows it. `admit` sees the
    stored size before anything is decoded, and raises to refuse it.
    """
    if container.size is not None:
        admit(container.size)
    if name == "heif":
        # libheif turns the pixels itself, and a HEIF's EXIF orientation is then only history.
        heif = pillow_heif.open_heif(container.data)
        size = admit(heif.size)
        return _image_pixels(heif.to_pillow(), max_side), size, 1
    with _quiet(name):
        image = _PLUGINS[name](io.BytesIO(container.data))
        size = admit(image.size)
        image.load()
    orientation = container.orientation
    if name == "avif":
        # Pillow leaves the pixels as stored, and rewrites EXIF to say what the container says.
        orientation = exif_orientation(image.info.get("exif", b""))
    return _image_pixels(image, max_side), size, orientation


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Let no warning out of Pillow's TIFF reader, the only one that still has some to give.

    Warning filters belong to the process, so one thread at a time changes them.
    """
    if name != "tiff":
        yield
        return
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _image_pixels(image: Image.Image, max_side: int | None) -> Pixels:
    """Convert in bands of rows, each shrunk at once: whole pictures of 128 MP took four copies."""
    width, height = image.size
    factor = max(1, max(image.size) // max_side) if max_side else 1
    rows = _BAND_ROWS * factor
    extrema = image.getextrema() if image.mode in ("I", "F") else None
    bands = (image.crop((0, y, width, min(y + rows, height))) for y in range(0, height, rows))
    pixels = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    for index, band in enumerate(bands):
        top = index * _BAND_ROWS
        pixels[top : top + _BAND_ROWS] = np.asarray(_rgb(band, extrema).reduce(factor))
    return pixels


def _rgb(image: Image.Image, extrema: Any) -> Image.Image:
    """Turn any mode into RGB: deep samples scaled, not clipped; transparency over white."""
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image).astype(np.float32), 0, 65535)
    if image.mode in ("I", "F"):
        # 32-bit and float samples have no white that all agree on: stretch the range found.
        return _grey(np.asarray(image).astype(np.float32), *extrema)
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        seen = image.convert("RGBA")
        white = Image.new("RGB", seen.size, "white")
        white.paste(seen, mask=seen.getchannel("A"))
        return white
    return image.convert("RGB")


def _grey(values: NDArray[np.float32], low: float, high: float) -> Image.Image:
    scaled = (np.nan_to_num(values) - low) * (255.0 / ((high - low) or 1.0))
    return Image.fromarray(scaled.clip(0, 255).astype(np.uint8)).convert("RGB")
