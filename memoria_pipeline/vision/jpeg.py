"""What a JPEG's markers tell of the work that it asks for; every look is linear in its length."""

import re

import numpy as np

# libjpeg's own progressive script has 10 scans, jpegrescan's longest about 20; many more are an
# attack, for each scan walks all blocks again: 50 empty ones of 121 MP took 8.6 s.
MAX_SCANS = 64

REAL_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""No filling, no restart, no byte of the picture's own."""


def scan_marks(data: bytes) -> int:
    """How often 0xffda is there: as `bytes.count`, which takes 5 ms for 5 MB and not 0.7."""
    pairs = (np.frombuffer(data, "<u2", (len(data) - at) // 2, at) for at in (0, 1))
    return sum(int(np.count_nonzero(each == 0xDAFF)) for each in pairs)


def samples(components: bytes) -> float:
    """Samples per pixel, from a frame's list of components (id, factors, table)."""
    factors = [(each >> 4 or 1, each & 15 or 1) for each in components[1::3]]
    most = max((h for h, _ in factors), default=1) * max((v for _, v in factors), default=1)
    return sum(h * v for h, v in factors) / most


def jpeg_scans(data: bytes) -> tuple[int, bool]:
    """Count the scans, to just beyond the limit, and say whether the end marker was reached."""
    scans, at = 0, 2
    while (found := REAL_MARKER.search(data, at)) and scans <= MAX_SCANS:
        marker, at = data[found.start() + 1], found.end()
        if marker == 0xD9:
            return scans, True
        scans += marker == 0xDA
        if marker not in (0x01, 0xD8):
            at += int.from_bytes(data[at : at + 2], "big")
    return scans, False
