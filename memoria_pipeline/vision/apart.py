"""A decoder that is not to be trusted with this process: run as a program, with limits."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.vision.avif_apart import shrunk_by
from memoria_pipeline.vision.container import broken

__all__ = ["read_avif", "shrunk_by"]

Pixels = NDArray[np.uint8]
Size = tuple[int, int]

_PATIENCE = 60.0  # seconds: the program gives itself 20 of the processor


def read_avif(
    data: bytes, max_side: int | None, most: int, check: Callable[[Size], Size]
) -> tuple[Pixels, Size, int]:
    """As raster.read_image. most: pixels that are decoded; check: raises for a size with more."""
    command = [sys.executable, "-I", "-m", "memoria_pipeline.vision.avif_apart"]
    try:
        ran = subprocess.run(
            [*command, str(max_side or 0), str(most)],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise broken("its AVIF data takes too long to decode") from None
    head, _, rows = ran.stdout.partition(b"\n")
    told: dict[str, Any] = json.loads(head) if head else {"size": (0, 0)}
    size = check((told["size"][0], told["size"][1])) if head else (0, 0)
    if ran.returncode or "shape" not in told:
        raise broken("its AVIF data cannot be decoded, or only to far more than it says")
    orientation: int = told["orientation"]
    pixels: Pixels = np.frombuffer(rows, np.uint8).reshape(told["shape"])
    return pixels, size, orientation if orientation in range(1, 9) else 1
