"""Hostile and damaged photos: cut, flipped and bombs, each refused with a reason and at no cost."""

import contextlib
import io
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from memoria_pipeline.errors import PhotoError
from memoria_pipeline.vision.photo import EXTENSIONS, Limits, read_photo, sniff

Array = NDArray[np.uint8]


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def refusal(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(PhotoError) as caught:
        read_photo(data, limits=limits or Limits())
    assert str(caught.value).endswith(".")
    return caught.value.reason


@pytest.fixture(scope="module")
def picture() -> Array:
    """512 wide, 320 high, with detail everywhere."""
    noise = np.random.default_rng(3).integers(0, 256, (40, 64, 3), np.uint8)
    return np.asarray(Image.fromarray(noise).resize((512, 320), Image.Resampling.BICUBIC))


@pytest.fixture(scope="session")
def formats(shared_data: Path) -> Path:
    return shared_data / "awkward" / "formats"


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_even_one_byte_is_broken(picture: Array, progressive: bool) -> None:
    data = encoded(Image.fromarray(picture), "JPEG", progressive=progressive)
    for kept in [*range(3, len(data), len(data) // 40), *range(len(data) - 20, len(data))]:
        assert refusal(data[:kept]) == "broken"
    # A second end marker half-way hides nothing.
    assert refusal(data[: len(data) // 2] + b"\xff\xd9") == "broken"
    assert read_photo(data + b"a phone's video").width == 512


def test_any_format_cut_short_is_broken(picture: Array, formats: Path) -> None:
    image = Image.fromarray(picture)
    whole = [encoded(image, form) for form in ("PNG", "GIF", "WEBP", "TIFF", "BMP")]
    whole += [encoded(image, "TIFF", compression="tiff_lzw")]
    whole += [(formats / name).read_bytes() for name in ("avif/hopper.avif", "avif/hopper.heif")]
    for data in whole:
        assert read_photo(data)
        for kept in (20, len(data) // 3, len(data) // 2, len(data) * 9 // 10):
            assert refusal(data[:kept]) in ("broken", "unsupported"), (data[:12], kept)


def test_flipped_bytes_give_a_photo_or_a_reason(formats: Path) -> None:
    rng = random.Random(5)
    names = ["hopper.jpg", "hopper.webp", "hopper.tif", "hopper.gif", "avif/hopper.avif"]
    names += ["avif/hopper.heif", "apng/delay.png", "hopper_orientation_6.jpg", "p_16.png"]
    for name in names:
        original = (formats / name).read_bytes()
        for _ in range(25):
            data = bytearray(original)
            for _ in range(rng.choice((1, 4, 30))):
                data[rng.randrange(len(data) if rng.random() < 0.5 else 64)] = rng.randrange(256)
            with contextlib.suppress(PhotoError):
                assert read_photo(bytes(data), limits=Limits(max_pixels=4_000_000)).width


def test_files_over_the_limits_and_files_that_are_no_photos_are_refused(picture: Array) -> None:
    data = encoded(Image.fromarray(picture), "PNG")
    assert refusal(b"") == "empty"
    assert refusal(b"%PDF-1.7 " * 9) == "unsupported"
    assert refusal(data, Limits(max_bytes=len(data) - 1)) == "too_large"
    assert refusal(data, Limits(max_pixels=512 * 320 - 1)) == "too_many_pixels"
    assert read_photo(memoryview(data), limits=Limits(len(data), 512 * 320)).width == 512


def test_the_first_bytes_name_the_format() -> None:
    assert sniff(b"\xff\xd8\xff\xe0") == "jpeg"
    assert sniff(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif") == "avif"
    assert sniff(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic") == "heif"
    assert sniff(b"\0\0\0\x18ftypisom\0\0\0\0isommp41") is None
    assert sniff(b"II+\0") is None  # a BigTIFF is no photo, and its directories have no bound
    assert sniff(b"") is None
    assert {".jpg", ".heic", ".webp"} <= EXTENSIONS
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in EXTENSIONS)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(side: int, rows: bytes, *extra: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), *extra, chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(side: int, data: bytes, *extra: tuple[int, int, int, int]) -> bytes:
    entries = [
        (256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, len(data)), *extra,
    ]  # fmt: skip
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    return head + struct.pack("<H", len(entries)) + table + bytes(4)


def gif(side: int, comment: bytes = b"") -> bytes:
    frame = b"," + struct.pack("<HHHHB", 0, 0, side, side, 0x80) + bytes(6) + b"\x02\x02\x44\x01\0;"
    return b"GIF89a" + struct.pack("<HHBBB", side, side, 0, 0, 0) + comment + frame


def scans(count: int) -> bytes:
    data = encoded(Image.new("L", (1000, 1000), 128), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


def bombs() -> dict[str, bytes]:
    zeros = zlib.compress(bytes(60_000_000), 9)
    row = zlib.compress(bytes(13), 9)
    tags = [(tag, 1, 1_000_000, 8) for tag in range(600, 65_000)]
    jpeg = encoded(Image.new("L", (16, 16)), "JPEG")
    at = jpeg.index(b"\xff\xc0") + 5
    return {
        "many pixels.png": png(20_000, zeros),
        "long text.png": png(2, row, chunk(b"zTXt", b"Raw profile type exif\0\0" + zeros)),
        "long profile.png": png(2, row, chunk(b"iCCP", b"x\0\0" + zeros)),
        "many chunks.png": png(2, row, chunk(b"teXt", b"") * 200_000),
        "many pixels.tif": tiff(20_000, zeros),
        "overlapping tags.tif": tiff(2, bytes(1_000_000), *tags),
        "many pixels.gif": gif(65_535),
        "long comment.gif": gif(9, b"!\xfe" + (b"\xff" + bytes(255)) * 40_000 + b"\0"),
        "short for its size.jpg": jpeg[:at] + b"\x2a\xaa\x2a\xaa" + jpeg[at + 4 :],
        "many scans.jpg": scans(1000),
        "many segments.jpg": jpeg[:2] + b"\xff\xe0\0\2" * 200_000 + jpeg[2:],
        "many pixels.webp": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff" * 6 + bytes(8),
    }


MEASURE = """
import sys, pathlib
from memoria_pipeline.vision.photo import PhotoError, read_photo
peak = lambda: int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    data = path.read_bytes()
    before = peak()
    try:
        read_photo(data)
        outcome = "ok"
    except PhotoError as error:
        outcome = error.reason
    print(path.name, outcome, (peak() - before) // 1024, sep=",")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_a_decompression_bomb_costs_no_memory(tmp_path: Path) -> None:
    for name, data in bombs().items():
        (tmp_path / name).write_bytes(data)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", MEASURE, str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    rows = [line.split(",") for line in ran.stdout.splitlines()]
    outcomes = {name: outcome for name, outcome, _ in rows}
    assert outcomes.keys() == bombs().keys()
    assert {name for name, outcome in outcomes.items() if outcome == "ok"} <= {
        "long text.png", "long profile.png", "long comment.gif", "overlapping tags.tif",
    }  # fmt: skip
    assert max(int(megabytes) for *_, megabytes in rows) < 100
