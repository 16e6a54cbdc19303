"""What a JPEG's markers tell."""

import numpy as np
import pytest

from memoria_pipeline.vision.jpeg import jpeg_scans, scan_marks


@pytest.mark.parametrize("length", [2, 3, 4, 5, 999, 1000])
def test_scan_marks_are_counted_as_bytes_would_count_them(length: int) -> None:
    chance = np.random.default_rng(length)
    data = chance.choice(np.array([0xFF, 0xDA, 0x00], np.uint8), length).tobytes()
    assert scan_marks(data) == data.count(b"\xff\xda")


def test_scans_are_counted_by_their_markers_and_not_in_other_segments() -> None:
    inside = b"\xff\xe1\x00\x06\xff\xda\xff\xda"
    scan = b"\xff\xda\x00\x02\x11\xff\x00\xff\xd3\x22"
    data = b"\xff\xd8" + inside + scan + scan
    assert jpeg_scans(data) == (2, False)
    assert jpeg_scans(data + b"\xff\xd9") == (2, True)
    assert scan_marks(data) == 4
