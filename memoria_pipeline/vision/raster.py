"""What Pillow and libheif decode, as RGB: everything but JPEG."""

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from memoria_pipeline.errors import PhotoError
from memoria_pipeline.vision import apart
from memoria_pipeline.vision.bounds import MEMORY, require_memory
from memoria_pipeline.vision.container import Container

Pixels = NDArray[np.uint8]
Size = tuple[int, int]

# The plugins themselves, not Image.open: no other format can be reached, and Pillow's process-wide
# limit and its warnings about large pictures take no part.
_PLUGINS: dict[str, Any] = {
    "png": PngImagePlugin.PngImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
}
_ALPHA_MODES = frozenset(("RGBA", "RGBa", "LA", "La", "PA"))
_BAND_ROWS = 64
# Bytes that a decoder takes per pixel, as measured: Pillow's of WebP has two canvases and copies.
_BYTES = {"png": 4.0, "gif": 4.0, "tiff": 4.0, "bmp": 4.0, "webp": 15.3, "avif": 8.8}
_HEIF_BYTES = 3.2  # for each plane of 8 bits, whole or in part
_PLANES = {400: 1.0, 420: 1.5, 422: 2.0, 444: 3.0}
_RLE_PIXELS = 1_000_000
_FILTERS = threading.Lock()


def read_image(
    name: str, container: Container, max_side: int | None, admit: Callable[[Size], Size]
) -> tuple[Pixels, Size, int]:
    """Decode to (h, w, 3), the stored (width, height), and the orientation still to be applied.

    The pixels are already shrunk by a whole number where `max_side` allows it. `admit` sees the
    stored size before anything is decoded, and raises to refuse it.
    """

    def check(size: Size, each: float, needs: int = container.needs) -> Size:
        require_memory(round(admit(size)[0] * size[1] * each) + needs)
        return size

    if name == "heif":
        return _heif(container.data, max_side, check)
    if name == "avif":
        each = _BYTES[name]
        most = int(MEMORY / each)
        return apart.read_avif(container.data, max_side, most, partial(check, each=each))
    if container.size is not None:
        check(container.size, _BYTES[name])
    with _quiet(name):
        image = _PLUGINS[name](io.BytesIO(container.data))
        size = check(image.size, _BYTES[name])
        # Pillow unpacks these in Python, 1 µs a run; they are screenshots of long ago, small ones.
        if any(tile[0] == "bmp_rle" for tile in image.tile) and size[0] * size[1] > _RLE_PIXELS:
            raise PhotoError("too_many_pixels", "The photo is a packed BMP. Export it as JPEG.")
        image.load()
    extrema = image.getextrema() if image.mode in ("I", "F") else None

    def band(top: int, end: int) -> Image.Image:
        return _rgb(image.crop((0, top, size[0], end)), extrema)

    return _banded(size, max_side, band), size, container.orientation


def _heif(
    data: bytes, max_side: int | None, check: Callable[[Size, float], Size]
) -> tuple[Pixels, Size, int]:
    # libheif turns the pixels itself, and a HEIF's EXIF orientation is then only history.
    heif = pillow_heif.open_heif(data)
    planes = _PLANES.get(heif.info.get("chroma"), 3.0) + heif.has_alpha
    deep = heif.info.get("bit_depth", 16) > 8
    size = check(heif.size, _HEIF_BYTES * planes * (2 if deep else 1))
    rows = np.asarray(heif)  # not as an image of Pillow's, which has four bytes for three

    def band(top: int, end: int) -> Image.Image:
        return _rgb(Image.fromarray(np.ascontiguousarray(rows[top:end, : size[0]])), None)

    return _banded(size, max_side, band), size, 1


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


def _banded(size: Size, max_side: int | None, band: Callable[[int, int], Image.Image]) -> Pixels:
    """Convert in bands of rows, each shrunk at once: whole pictures of 128 MP took four copies.

    band: the rows from one to before another, as RGB.
    """
    width, height = size
    factor = apart.shrunk_by(size, max_side)
    rows = _BAND_ROWS * factor
    pixels = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    for index, top in enumerate(range(0, height, rows)):
        at = index * _BAND_ROWS
        seen = band(top, min(top + rows, height))
        pixels[at : at + _BAND_ROWS] = np.asarray(seen.reduce(factor))
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
