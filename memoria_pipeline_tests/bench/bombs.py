"""Small files that ask for much: read one by one, each in a process that is measured.

`python -m memoria_pipeline_tests.bench.bombs FILE SIDE` reads one and says what it took.
"""

import io
import resource
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pillow_heif
import simplejpeg
from PIL import Image

MOST_MB, MOST_SECONDS = 600, 5.0
SIDES = (2048, 6000)
"""Pixels asked for: what a detector looks at, and the most that a face is cut out of."""
_HUGE = 10_900  # squared it is just within what is decoded


@dataclass(frozen=True, slots=True)
class Took:
    """What reading one took: megabytes above those before it, helpers included, and seconds."""

    name: str
    outcome: str
    megabytes: int
    seconds: float

    @property
    def within(self) -> bool:
        known = self.outcome not in ("crash", "hang")
        return known and self.megabytes <= MOST_MB and self.seconds <= MOST_SECONDS


def all_of_them() -> dict[str, Callable[[], bytes]]:
    """What each is called, and how it is made; some take a second."""
    return {
        "as many pixels as may be.png": lambda: png(_HUGE, 8, 2),
        "sixteen bits and alpha.png": lambda: png(_HUGE, 16, 6),
        "sixteen bits as large as may be.png": lambda: png(7_600, 16, 6),
        "more pixels than may be.png": lambda: png(20_000, 8, 2),
        "long profile.png": lambda: png(2, 8, 2, _chunk(b"iCCP", b"x\0\0" + _zeros(300_000_000))),
        "long text.png": lambda: png(2, 8, 2, _chunk(b"zTXt", b"a\0\0" + _zeros(300_000_000))),
        "many chunks.png": lambda: png(2, 8, 2, _chunk(b"teXt", b"") * 200_000),
        "overlapping tags.tif": overlapping_tags,
        "one strip.tif": lambda: tiff(9_000, 9_000),
        "many strips.tif": lambda: tiff(_HUGE, 16),
        "many pixels.gif": lambda: gif(_HUGE),
        "long comment.gif": lambda: gif(9, b"!\xfe" + (b"\xff" + bytes(255)) * 90_000 + b"\0"),
        "packed.bmp": packed_bmp,
        "plain and large.jpg": lambda: flat_jpeg(11_300, "RGB"),
        "short for its size.jpg": lambda: flat_jpeg(16, "RGB", claim=10_922),
        "in scans and whole.jpg": lambda: progressive("RGB", 11_000),
        "in scans and four colours.jpg": lambda: progressive("CMYK", 11_000),
        "many scans.jpg": many_scans,
        "38 bytes of it.webp": lambda: webp(16_000, 7_000),
        "as large as may be.webp": lambda: flat("WEBP", 5_590, lossless=True, method=0),
        "as large as may be.avif": lambda: flat("AVIF", 7_300, quality=20, speed=10),
        "says it is small.avif": lambda: _saying(flat("AVIF", 11_000, speed=10), 100),
        "as large as may be.heic": lambda: heic(9_900),
        "says it is small.heic": lambda: _saying(heic(9_900), 100),
    }


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _zeros(count: int) -> bytes:
    packer, block = zlib.compressobj(1), bytes(1 << 20)
    parts = [packer.compress(block) for _ in range(count >> 20)]
    parts.append(packer.compress(bytes(count & (1 << 20) - 1)))
    return b"".join([*parts, packer.flush()])


def png(side: int, depth: int, colour: int, *extra: bytes) -> bytes:
    """All black, square. colour: 2 for RGB, 6 with alpha."""
    row = 1 + side * depth * {2: 3, 6: 4}[colour] // 8
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    pixels = _chunk(b"IDAT", _zeros(row * side))
    return b"\x89PNG\r\n\x1a\n" + b"".join([head, *extra, pixels, _chunk(b"IEND", b"")])


def tiff(side: int, rows: int) -> bytes:
    """RGB, deflated, in strips of so many rows that all are the same bytes of the file."""
    strips = -(-side // rows)
    data = _zeros(side * rows * 3)
    tables = (
        struct.pack(f"<{strips}I", *[8] * strips),
        struct.pack(f"<{strips}I", *[len(data)] * strips),
    )
    at = 8 + len(data)
    depths = struct.pack("<HHHH", 8, 8, 8, 0)
    places = (at, at + len(tables[0])) if strips > 1 else (8, len(data))
    entries = [
        (256, 4, 1, side), (257, 4, 1, side), (258, 3, 3, at + 2 * len(tables[0])), (259, 3, 1, 8),
        (262, 3, 1, 2), (273, 4, strips, places[0]), (277, 3, 1, 3), (278, 4, 1, rows),
        (279, 4, strips, places[1]),
    ]  # fmt: skip
    body = data + b"".join(tables) + depths
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<I", 8 + len(body))
    return head + body + struct.pack("<H", len(entries)) + table + bytes(4)


def overlapping_tags() -> bytes:
    """Some 64,000 tags of a megabyte each, all the same one."""
    data = bytes(1_000_000)
    tags = [(tag, 1, 1_000_000, 8) for tag in range(600, 65_000)]
    entries = [(256, 4, 1, 2), (257, 4, 1, 2), (262, 3, 1, 1), (273, 4, 1, 8), *tags]
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    return head + struct.pack("<H", len(entries)) + table + bytes(4)


def gif(side: int, comment: bytes = b"") -> bytes:
    """One colour, in LZW that doubles with each code."""
    buffer = io.BytesIO()
    Image.new("P", (side, side)).save(buffer, "GIF")
    data = buffer.getvalue()
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    return data[:at] + comment + data[at:]


def packed_bmp() -> bytes:
    """25 million runs of one pixel."""
    data, at = b"\1\1" * 12_500_000, 14 + 40 + 1024
    head = struct.pack("<IiiHHIIiiII", 40, 5000, 5000, 1, 8, 1, len(data), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", at + len(data), 0, 0, at) + head + bytes(1024) + data


def flat_jpeg(side: int, space: str, claim: int | None = None) -> bytes:
    """Of one colour; claim: the size that its frame says instead."""
    pixels = np.full((side, side, 3), 90, np.uint8)
    data = bytearray(simplejpeg.encode_jpeg(pixels, quality=50, colorspace=space))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", claim or side, claim or side)
    return bytes(data)


def progressive(mode: str, side: int) -> bytes:
    """In several scans, so that libjpeg keeps every coefficient."""
    buffer = io.BytesIO()
    image = Image.new(mode, (side, side))
    image.save(buffer, "JPEG", progressive=True, subsampling=0, quality=50)
    return buffer.getvalue()


def many_scans() -> bytes:
    """A thousand times the last scan."""
    buffer = io.BytesIO()
    Image.new("L", (1000, 1000), 128).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 1000 + data[-2:]


def webp(width: int, height: int) -> bytes:
    """One colour without loss takes no bits per pixel: only the head says how many there are."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (9, 9, 9)).save(buffer, "WEBP", lossless=True)
    data = bytearray(buffer.getvalue())
    bits = int.from_bytes(data[21:25], "little") >> 28 << 28
    data[21:25] = (bits | (height - 1) << 14 | width - 1).to_bytes(4, "little")
    return bytes(data)


def flat(form: str, side: int, **options: object) -> bytes:
    """One colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side)).save(buffer, form, **options)
    return buffer.getvalue()


def heic(side: int) -> bytes:
    """One colour."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (side, side))).save(buffer, quality=10)
    return buffer.getvalue()


def _saying(data: bytes, side: int) -> bytes:
    """Every size in the container's boxes is that one; what is coded stays."""
    said, at = bytearray(data), -1
    while (at := said.find(b"ispe", at + 1)) >= 0:
        said[at + 8 : at + 16] = struct.pack(">II", side, side)
    return bytes(said)


def measured(folder: Path) -> Iterator[Took]:
    """Make each, and read it twice, in a process of its own each time; the worse of the two."""
    for name, make in all_of_them().items():
        (folder / name).write_bytes(make())
        took = [_read(folder / name, side) for side in SIDES]
        worst = max(took, key=lambda each: each.megabytes)
        yield replace(worst, seconds=max(each.seconds for each in took))
        (folder / name).unlink()


def _read(path: Path, side: int) -> Took:
    command = [sys.executable, "-m", __name__, str(path), str(side)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired:
        return Took(path.name, "hang", 0, 60.0)
    if ran.returncode:
        return Took(path.name, "crash", 0, 0.0)
    outcome, megabytes, seconds = ran.stdout.split(",")
    return Took(path.name, outcome, int(megabytes), float(seconds))


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def _processor() -> float:
    own, helpers = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + helpers.ru_utime + helpers.ru_stime


def _main(path: Path, side: int) -> str:
    from memoria_pipeline.errors import PhotoError
    from memoria_pipeline.vision.photo import read_photo

    data = path.read_bytes()
    before, started, used = _peak(), time.perf_counter(), _processor()
    try:
        outcome = f"read {read_photo(data, max_side=side).pixels.shape[1]} wide"
    except PhotoError as error:
        outcome = error.reason
    # The processor's, where others use the machine as well; with several threads they are more.
    seconds = min(time.perf_counter() - started, _processor() - used)
    helper = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    return f"{outcome},{_peak() - before + helper},{seconds:.2f}"


if __name__ == "__main__":
    print(_main(Path(sys.argv[1]), int(sys.argv[2])))  # noqa: T201
