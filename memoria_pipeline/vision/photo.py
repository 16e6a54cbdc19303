"""A photo's bytes become an upright RGB array, or a PhotoError, however hostile the bytes.

The order is the defence: file size, magic bytes against an allow-list, the size that the container
declares against the limits, and a decode that demands the whole picture. A photo that is cut off
anywhere, even by one byte, is `broken`: decoders fill the rest with grey without a word, and a copy
that failed is worth copying again.
Colour profiles are not applied: detection and recognition do not notice them.
"""

import re
from dataclasses import dataclass
from functools import partial

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from memoria_pipeline.errors import PhotoError
from memoria_pipeline.vision.bounds import MOST_PIXELS, require_memory
from memoria_pipeline.vision.container import (
    EXTENSIONS,
    Container,
    broken,
    open_container,
    sniff,
)
from memoria_pipeline.vision.jpeg import jpeg_scans
from memoria_pipeline.vision.scales import sized

__all__ = ["EXTENSIONS", "Limits", "Photo", "read_photo", "sniff"]

Pixels = NDArray[np.uint8]

# What libjpeg complains of although the picture is all there. Anything else it says means damage,
# and so do extraneous bytes before a restart marker (0xd0 to 0xd7): the rows between are lost.
_HARMLESS = re.compile(
    "extraneous bytes before marker 0x(?!d[0-7])|Adobe color transform|JFIF|progression"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may ask for: bytes, and the pixels it declares (real cameras make 100 MP)."""

    max_bytes: int = 100_000_000
    max_pixels: int = 128_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """An upright photo.

    pixels: (h, w, 3) uint8 RGB, C-contiguous, perhaps smaller than the file's.
    width, height: the upright original's, in pixels; width / pixels.shape[1] is the scale.
    format: what `sniff` calls it (an MPO is a jpeg: its first picture).
    """

    pixels: Pixels
    width: int
    height: int
    format: str


_DEFAULT_LIMITS = Limits()


def read_photo(
    data: bytes | memoryview,
    *,
    max_side: int | None = None,
    limits: Limits = _DEFAULT_LIMITS,
    exact: bool = True,
) -> Photo:
    """Decode a photo upright, its longer side at most `max_side` pixels (all of them by default).

    exact: False takes more pixels where the decoder has them at no more cost.
    Of a photo that is larger than 48 MP even then, fewer pixels are decoded: memory is bounded.
    Raises PhotoError only: empty, too_large, unsupported, too_many_pixels, broken, or unreadable
    (no memory left now).
    """
    raw = bytes(data)
    name = _allowed_format(raw, limits)
    try:
        return _read(name, open_container(name, raw), max_side, limits, exact)
    except PhotoError:
        raise
    except MemoryError:
        message = "The photo needs more memory than there is now. Try again with fewer at a time."
        raise PhotoError("unreadable", message) from None
    # Decoders raise whatever the bytes provoke: SyntaxError, struct.error, KeyError, OSError.
    except Exception as error:
        raise broken(f"its {name} data cannot be decoded ({error})") from error


def _allowed_format(data: bytes, limits: Limits) -> str:
    if not data:
        raise PhotoError("empty", "The photo's file is empty. Copy or export it again.")
    if len(data) > limits.max_bytes:
        message = f"The file has {len(data):,} bytes, more than {limits.max_bytes:,}."
        message += " Export it smaller, or raise the limit."
        raise PhotoError("too_large", message)
    name = sniff(data)
    if name is None:
        message = "The file is no photo that can be read here. Export it as JPEG."
        raise PhotoError("unsupported", message)
    return name


def _read(
    name: str, container: Container, max_side: int | None, limits: Limits, exact: bool
) -> Photo:
    orientation = container.orientation
    if name == "jpeg":
        size = _within(container.size or (0, 0), limits)
        require_memory(container.needs)
        pixels = _jpeg_pixels(container, size, max_side)
    else:
        from memoria_pipeline.vision.raster import read_image  # 0.1 s that JPEGs do not need

        admit = partial(_within, limits=limits)
        pixels, size, orientation = read_image(name, container, max_side, admit)
    upright = _upright(_fitted(pixels, size, max_side if exact else None), orientation)
    width, height = size[::-1] if orientation >= 5 else size
    return Photo(upright, width, height, name)


def _within(size: tuple[int, int], limits: Limits) -> tuple[int, int]:
    if min(size) < 1:
        raise broken("it has no size")
    if size[0] * size[1] > limits.max_pixels:
        message = f"The photo claims {size[0]} x {size[1]} pixels, more than {limits.max_pixels:,}."
        message += " Export it smaller, or raise the limit."
        raise PhotoError("too_many_pixels", message)
    return size


def _jpeg_pixels(container: Container, size: tuple[int, int], max_side: int | None) -> Pixels:
    """Decode at the cheapest DCT scale whose longer side is still at least `max_side`."""
    side = "min_width" if size[0] >= size[1] else "min_height"
    options = {} if max_side is None else {side: _cheapest(size, max_side)}
    if container.components == 4:
        inverted = b"Adobe" in container.data[:4096]
        return _cmyk_to_rgb(_decode_jpeg(container.data, "CMYK", options), inverted)
    return _decode_jpeg(container.data, "RGB", options)


def _cheapest(size: tuple[int, int], max_side: int) -> int:
    """The longer side at an eighth, a quarter, half, or all of it where that is not too much.

    libjpeg-turbo has no fast transform between these: 24 megapixels take 41 ms at half, 82 to 137
    at five to seven eighths, and 60 as they are.
    """
    longer = max(size)
    most = round((MOST_PIXELS * longer / min(size)) ** 0.5)
    least = min(max_side, longer, most)
    sides = [-(-longer // part) for part in (8, 4, 2)]
    fitting = [side for side in sides if side >= least]
    return fitting[0] if fitting else longer if longer <= most else least


def _decode_jpeg(data: bytes, space: str, options: dict[str, int]) -> Pixels:
    """Decode strictly, for libjpeg's complaint is the only sign that a part is missing."""
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data, space, **options)
    except ValueError as error:
        if not _HARMLESS.search(str(error)) or not jpeg_scans(data)[1]:
            raise broken(f"its JPEG data is damaged or cut off ({error})") from None
        pixels = simplejpeg.decode_jpeg(data, space, strict=False, **options)
    return pixels


def _cmyk_to_rgb(pixels: Pixels, inverted: bool) -> Pixels:
    """Adobe stores CMYK inverted (255 = no ink), and so does everyone who writes its marker."""
    light = pixels if inverted else 255 - pixels
    product = light[..., :3].astype(np.uint16) * light[..., 3:]
    return (product // 255).astype(np.uint8)


def _fitted(pixels: Pixels, size: tuple[int, int], max_side: int | None) -> Pixels:
    """Average down to exactly `max_side`, in the original's proportions, not a rounded scale's."""
    if max_side is None or max(size) <= max_side or max(pixels.shape) <= max_side:
        return pixels
    width, height = (max(1, round(side * max_side / max(size))) for side in size)
    return sized(pixels, (width, height))


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation; the one place where a picture is turned."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    # Which axes each value mirrors after that transposition.
    rows, columns = {
        2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1),
    }.get(orientation, (1, 1))  # fmt: skip
    return np.ascontiguousarray(pixels[::rows, ::columns])
