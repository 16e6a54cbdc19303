"""`python -m memoria_pipeline.vision.avif_apart SIDE PIXELS`: an AVIF on stdin, its pixels out.

A program of its own, for an AVIF can say one size and decode to another, 16,384 pixels square and
deep: no header that we read tells. Here it runs into a limit, and a crash is nobody else's.
Imports little, for it starts once per photo.
"""

import io
import json
import resource
import sys
from contextlib import suppress

from PIL import AvifImagePlugin, Image

from memoria_pipeline.vision.bounds import MOST_PIXELS

_MEMORY, _SECONDS = 620_000_000, 20
_THREADS = 2
_ROWS = 64


def main(side: int, most: int) -> None:
    """Write a line of JSON (size, orientation, shape), then rows of RGB, shrunk towards `side`.

    most: pixels; of more only the size is told. side: 0 for all pixels.
    """
    for what, limit in ((resource.RLIMIT_DATA, _MEMORY), (resource.RLIMIT_CPU, _SECONDS)):
        with suppress(ValueError, OSError):  # not every system has them
            resource.setrlimit(what, (limit, limit))
    AvifImagePlugin.DEFAULT_MAX_THREADS = _THREADS
    image = AvifImagePlugin.AvifImageFile(io.BytesIO(sys.stdin.buffer.read()))
    width, height = image.size
    factor = shrunk_by(image.size, side)
    told = {"size": [width, height], "orientation": image.getexif().get(274, 1)}
    if width * height <= most:
        image.load()
        told["shape"] = [-(-height // factor), -(-width // factor), 3]
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n")
    for top in range(0, height if "shape" in told else 0, _ROWS * factor):
        band = image.crop((0, top, width, min(top + _ROWS * factor, height)))
        sys.stdout.buffer.write(_over_white(band).reduce(factor).tobytes())


def shrunk_by(size: tuple[int, int], side: int | None) -> int:
    """How many pixels become one, across and down; side: None or 0 for all pixels."""
    if not side:
        return 1
    factor = max(1, max(size) // side)
    while (size[0] // factor) * (size[1] // factor) > MOST_PIXELS:
        factor += 1
    return factor


def _over_white(band: Image.Image) -> Image.Image:
    if band.mode != "RGBA":
        return band.convert("RGB")
    white = Image.new("RGB", band.size, "white")
    white.paste(band, mask=band.getchannel("A"))
    return white


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
