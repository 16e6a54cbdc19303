"""Photos that somebody damaged, at random or on purpose: read by workers that may die of them.

`python -m memoria_pipeline_tests.bench.mutants FOLDER FIRST COUNT` is such a worker: it says the
number of each mutant before it reads it, and what came of it afterwards.
"""

import random
import resource
import signal
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

SECONDS = 5.0
"""That one photo may take."""
_SPACE = 3 << 30  # bytes of addresses: half of them are libraries
Mutation = Callable[[random.Random, bytearray], bytearray]


def originals(folder: Path) -> None:
    """Write the photos that mutants are made of: each format as its writers know it."""
    noise = np.random.default_rng(7).integers(0, 256, (12, 16, 3), np.uint8)
    rgb = Image.fromarray(noise).resize((96, 72), Image.Resampling.BICUBIC)
    alpha, grey = rgb.convert("RGBA"), rgb.convert("L")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x927C] = 6, "maker", b"note" * 40
    made: list[tuple[Image.Image, str, dict[str, object]]] = [
        (rgb, "JPEG", {"exif": exif}),
        (rgb, "JPEG", {"progressive": True, "subsampling": 0, "exif": exif}),
        (grey, "JPEG", {}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "JPEG", {"restart_marker_rows": 1, "icc_profile": b"icc" * 99}),
        (rgb, "PNG", {"exif": exif}),
        (alpha, "PNG", {}),
        (rgb.quantize(40), "PNG", {"transparency": 3}),
        (Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "PNG", {}),
        (rgb, "WEBP", {"exif": exif}),
        (alpha, "WEBP", {"lossless": True}),
        (rgb, "WEBP", {"save_all": True, "append_images": [grey.convert("RGB")]}),
        (rgb, "TIFF", {"exif": exif}),
        (rgb, "TIFF", {"compression": "tiff_lzw"}),
        (rgb, "TIFF", {"compression": "tiff_adobe_deflate", "strip_size": 512}),
        (rgb, "TIFF", {"compression": "jpeg"}),
        (grey.convert("1"), "TIFF", {"compression": "group4"}),
        (rgb, "BMP", {}),
        (rgb.quantize(16), "BMP", {}),
        (rgb.quantize(64), "GIF", {"transparency": 2}),
        (rgb.quantize(64), "GIF", {"save_all": True, "append_images": [grey.convert("P")]}),
        (rgb, "MPO", {"save_all": True, "append_images": [rgb]}),
    ]
    for number, (image, form, options) in enumerate(made):
        image.save(folder / f"{number:02}.{form.lower()}", form, **options)
    pillow_heif.from_pillow(rgb).save(folder / "50.heic", quality=60, exif=exif.tobytes())
    pillow_heif.from_pillow(alpha).save(folder / "51.heic", quality=-1)
    rgb.save(folder / "60.avif", "AVIF", quality=50, speed=9)


def mutant(number: int, parts: list[bytes], rare: bytes) -> bytes:
    """The photo of this number, always the same. rare: an AVIF, which a program of its own reads,
    so one in forty is enough."""
    dice = random.Random(number)
    data = bytearray(rare if number % 40 == 0 else dice.choice(parts))
    for _ in range(dice.choice((1, 1, 2, 4))):
        data = dice.choice(_MUTATIONS)(dice, data) or bytearray(b"\xff")
    return bytes(data)


def _flip(dice: random.Random, data: bytearray) -> bytearray:
    for _ in range(dice.choice((1, 1, 3, 12, 60))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return data


def _flip_head(dice: random.Random, data: bytearray) -> bytearray:
    for _ in range(dice.choice((1, 2, 5))):
        data[dice.randrange(min(64, len(data)))] = dice.randrange(256)
    return data


def _cut(dice: random.Random, data: bytearray) -> bytearray:
    return data[: dice.randrange(1, len(data) + 1)]


def _lie(dice: random.Random, data: bytearray) -> bytearray:
    """A number that is far too large, or too small, somewhere near the start."""
    form = dice.choice((">H", "<H", ">I", "<I"))
    most = 0xFFFF if form[1] == "H" else 0xFFFFFFFF
    value = dice.choice((0, 1, most, most >> 1, most - 1, 12_000, 60_000))
    at = dice.randrange(min(400, max(1, len(data) - 4)))
    data[at : at + struct.calcsize(form)] = struct.pack(form, value)
    return data


def _exif(dice: random.Random, data: bytearray) -> bytearray:
    """EXIF of directories that point at themselves, at each other and beyond the file."""
    order = dice.choice(("<", ">"))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    tags = b"".join(
        struct.pack(
            order + "HHII",
            dice.choice((0x0112, 0x8769, 0x8825, 0x927C, 0x0201, dice.randrange(65_536))),
            dice.randrange(14),
            dice.choice((0, 1, 2, 1 << 16, 1 << 31)),
            dice.choice((0, 8, 12, 1 << 31, dice.randrange(1 << 32))),
        )
        for _ in range(dice.randrange(30))
    )
    body = struct.pack(order + "H", dice.choice((len(tags) // 12, 65_535))) + tags
    block = b"Exif\0\0" + head + body + struct.pack(order + "I", 8) + dice.randbytes(40)
    if data.startswith(b"\xff\xd8"):
        data[2:2] = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    elif (at := data.find(b"II*\0")) >= 0 or (at := data.find(b"MM\0*")) >= 0:
        data[at : at + len(block)] = block[6:]
    return data


def _splice(dice: random.Random, data: bytearray) -> bytearray:
    """A part of it once more, elsewhere."""
    start = dice.randrange(len(data))
    part = data[start : start + dice.choice((4, 12, 100, 2_000))]
    at = dice.randrange(len(data) + 1)
    end = at + (len(part) if dice.random() < 0.5 else 0)
    data[at:end] = part
    return data


def _junk(dice: random.Random, data: bytearray) -> bytearray:
    at = dice.randrange(len(data) + 1)
    data[at:at] = dice.choice((dice.randbytes(dice.randrange(1, 300)), bytes(99), b"\xff" * 99))
    return data


def _disguise(dice: random.Random, data: bytearray) -> bytearray:
    """The first bytes of another format."""
    magic = dice.choice(
        (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0*", b"BM", b"RIFF")
        + (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", b"\0\0\0\x1cftypavif\0\0\0\0mif1avif")
    )
    data[: len(magic)] = magic
    return data


_MUTATIONS: tuple[Mutation, ...] = (
    *(_flip, _flip, _flip_head, _flip_head, _cut, _lie, _lie, _lie),
    *(_exif, _splice, _junk, _disguise),
)


def read(folder: Path, first: int, count: int) -> Counter[str]:
    """What came of mutants of the photos in the folder: reasons, and `read`; besides, of those that
    no photo may come to: `crash …`, `hang`, `memory`. A worker that dies is followed by another."""
    seen: Counter[str] = Counter()
    end = first + count
    while first < end:
        worker = [sys.executable, "-m", __name__, str(folder), str(first), str(end - first)]
        ran = subprocess.run(worker, capture_output=True, text=True, check=False)
        lines = ran.stdout.splitlines()
        seen.update(line.split(" ", 1)[1] for line in lines if " " in line)
        if ran.returncode == 0:
            break
        if not lines or " " in lines[-1]:
            raise RuntimeError(f"The worker did not come to a photo: {ran.stderr[-500:]}")
        hung = ran.returncode == -signal.SIGALRM
        seen["hang" if hung else f"crash {ran.returncode} at {lines[-1]}"] += 1
        first = int(lines[-1]) + 1
    return seen


def bad(seen: Counter[str]) -> int:
    """How many of them should not have been."""
    return sum(n for what, n in seen.items() if what.split(" ")[0] in ("crash", "hang", "memory"))


def _work(folder: Path, first: int, count: int) -> Iterator[str]:
    from memoria_pipeline.errors import ExportError, PhotoError
    from memoria_pipeline.export import jpeg, xmp
    from memoria_pipeline.export.regions import Marks
    from memoria_pipeline.vision.photo import read_photo

    parts = [path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".avif"]
    rare = next(path.read_bytes() for path in folder.iterdir() if path.suffix == ".avif")
    resource.setrlimit(resource.RLIMIT_AS, (_SPACE, _SPACE))
    for number in range(first, first + count):
        yield str(number)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)  # nobody handles it: the worker ends
        data = mutant(number, parts, rare)
        try:
            photo = read_photo(data, max_side=2048)
            outcome = "read" if photo.pixels.ndim == 3 else "crash by its shape"
            with suppress(ExportError):  # what an export does with it
                xmp.packet(Marks((), (), 1, 1), jpeg.xmp_of(data))
        except PhotoError as error:
            outcome = "memory" if error.reason == "unreadable" else error.reason
        except BaseException as error:
            outcome = f"crash of {type(error).__name__} at {number}"
        signal.setitimer(signal.ITIMER_REAL, 0)
        yield f"{number} {outcome}"


if __name__ == "__main__":
    for said in _work(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])):
        print(said, flush=True)  # noqa: T201
