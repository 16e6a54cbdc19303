"""What a photo file says about itself before a decoder sees it: format, size, orientation.

A decoder is handed only the bytes that make pixels. Text, profiles, thumbnails, further frames and
metadata are where small files hide large work (a PNG's zTXt, a GIF's comments, overlapping tags),
and none of them changes what we look for. Every loop here is bounded by a count of blocks.
"""

import struct
import zlib
from dataclasses import dataclass

from memoria_pipeline.errors import PhotoError
from memoria_pipeline.vision.jpeg import MAX_SCANS, REAL_MARKER, jpeg_scans, samples, scan_marks
from memoria_pipeline.vision.tiff import exif_orientation, pixel_directory, strip_bytes

# fmt: off
EXTENSIONS = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".heic", ".heif", ".hif",
    ".avif", ".avifs", ".tif", ".tiff", ".gif", ".bmp",
))
# fmt: on
"""Lower-case suffixes that a folder scan takes as photos."""

MAX_SCANNED_PIXELS = 2_560_000_000
MAX_BLOCKS = 100_000
_BRANDS = {b"avif": "avif", b"avis": "avif"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "heif"
)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_IN_ONE_SCAN = frozenset((0xC0, 0xC1, 0xC9))  # else libjpeg keeps all coefficients
_PNG_PIXEL_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_EXIF_PROFILE = b"Raw profile type exif\0"


@dataclass(frozen=True, slots=True)
class Container:
    """What a decoder needs.

    data: the bytes that make pixels.
    orientation: EXIF's, 1 to 8, still to be applied.
    size: (width, height) as stored, None where only the decoder can tell.
    components: samples per pixel of a JPEG.
    needs: bytes that a decoder takes besides those of the picture.
    """

    data: bytes
    orientation: int = 1
    size: tuple[int, int] | None = None
    components: int = 3
    needs: int = 0


def sniff(data: bytes) -> str | None:
    """Name the format by the first bytes: jpeg png gif bmp tiff webp heif avif; else None."""
    if data[4:8] == b"ftyp":
        return _brand(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    for magic, name in (
        (b"\xff\xd8\xff", "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF8", "gif"),
        (b"II*\0", "tiff"),
        (b"MM\0*", "tiff"),
        (b"BM", "bmp"),
    ):
        if data.startswith(magic):
            return name
    return None


def _brand(data: bytes) -> str | None:
    """Decide by all brands: `mif1` alone says neither, and either format may name it first."""
    end = min(int.from_bytes(data[:4], "big"), 256, len(data))
    found = {_BRANDS.get(data[at : at + 4]) for at in (8, *range(16, end, 4))} - {None}
    return "avif" if "avif" in found else "heif" if found else None


def open_container(name: str, data: bytes) -> Container:
    """Read a file that `sniff` named; PhotoError('broken') where it contradicts itself."""
    readers = {"jpeg": _jpeg, "png": _png, "gif": _gif, "tiff": _tiff, "webp": _webp}
    try:
        return readers[name](data) if name in readers else Container(data)
    except (IndexError, struct.error):
        raise broken("the file ends before its picture does") from None


def broken(why: str) -> PhotoError:
    return PhotoError("broken", f"The photo is broken: {why}. Copy or export it again.")


def _tiff(data: bytes) -> Container:
    kept = pixel_directory(data)
    return Container(kept, exif_orientation(data), needs=strip_bytes(data))


def _jpeg(data: bytes) -> Container:
    """Walk the segments up to the first scan; keep tables and Adobe's marker, drop junk between."""
    kept: list[bytes | memoryview] = [data[:2]]
    exif, frame, at = b"", None, 2
    for _ in range(MAX_BLOCKS):
        found = REAL_MARKER.search(data, at)
        if found is None:
            raise broken("the JPEG holds no picture")
        marker, start = data[found.end() - 1], found.end()
        if marker == 0xDA:
            kept.append(memoryview(data)[start - 2 :])
            whole = frame is not None and data[start + 2] == frame[8]
            return _checked_jpeg(b"".join(kept), exif_orientation(exif), frame, whole)
        at = start + int.from_bytes(data[start : start + 2], "big")
        if marker in _FRAMES and frame is None:
            frame = data[start - 1 : at]
        if marker == 0xE1 and data.startswith(b"Exif\0\0", start + 2):
            exif = exif or data[start + 2 : at]
        if not 0xE0 <= marker <= 0xEF or marker == 0xEE:
            kept.append(data[start - 2 : at])
    raise broken("the JPEG has too many segments")


def _checked_jpeg(data: bytes, orientation: int, frame: bytes | None, whole: bool) -> Container:
    """Refuse what cannot be a whole picture before memory is taken for it.

    frame: from its marker on; whole: the first scan holds all its components.
    """
    if frame is None:
        raise broken("the JPEG has no size")
    height, width, components = struct.unpack_from(">4xHHB", frame)
    # Each 8x8 block costs at least one bit, so a file of n bytes holds at most 512 n pixels.
    if len(data) * 512 < width * height:
        raise broken("the JPEG is far too short for its size")
    # Counting pairs is fast and never too low; only a suspect is walked marker by marker.
    most = min(MAX_SCANS, MAX_SCANNED_PIXELS // max(1, width * height))
    if scan_marks(data) > most and jpeg_scans(data)[0] > most:
        raise broken("the JPEG has too many scans")
    in_one = whole and frame[0] in _IN_ONE_SCAN
    needs = 0 if in_one else round(2 * width * height * samples(frame[9:]))
    return Container(data, orientation, (width, height), components, needs)


def _png(data: bytes) -> Container:
    """Keep the default image's chunks: an APNG becomes the PNG that every old viewer shows."""
    kept, exif, at = [data[:8]], b"", 8
    for _ in range(MAX_BLOCKS):
        length, kind = struct.unpack_from(">I4s", data, at)
        start, end = at + 8, at + 12 + length
        if end > len(data):
            raise broken("the PNG is truncated")
        if kind in _PNG_PIXEL_CHUNKS:
            kept.append(data[at:end])
        elif kind == b"eXIf":
            exif = data[start : end - 4]
        elif kind in (b"zTXt", b"tEXt") and data.startswith(_PNG_EXIF_PROFILE, start):
            text = data[start + len(_PNG_EXIF_PROFILE) : end - 4]
            exif = exif or _exif_profile(text[1:] if kind == b"zTXt" else text, kind == b"zTXt")
        if kind == b"IEND":
            width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
            deeper = max(0, depth * _PNG_SAMPLES.get(colour, 4) // 8 - 4)
            needs = width * height * deeper  # not of memory, but of time
            return Container(b"".join(kept), exif_orientation(exif), (width, height), needs=needs)
        at = end
    raise broken("the PNG has too many chunks")


def _exif_profile(text: bytes, packed: bool) -> bytes:
    """Decode ImageMagick's way of keeping EXIF in a PNG: a name, a length and hexadecimal lines."""
    try:
        plain = zlib.decompressobj().decompress(text, 1 << 18) if packed else text[: 1 << 18]
        return bytes.fromhex("".join(plain.decode("ascii").split()[2:]))
    except (zlib.error, ValueError):
        return b""


def _gif(data: bytes) -> Container:
    """Keep the screen, the first frame and its transparency."""
    width, height, flags = struct.unpack_from("<6xHHB", data)
    at = head = 13 + _gif_table(flags)
    control = b""
    for _ in range(MAX_BLOCKS):
        if data[at] == 0x2C:
            left, top, wide, high, flags = struct.unpack_from("<xHHHHB", data, at)
            end = _gif_blocks(data, at + 11 + _gif_table(flags))
            size = (max(width, left + wide), max(height, top + high))
            return Container(data[:head] + control + data[at:end] + b";", 1, size)
        if data[at] != 0x21:
            raise broken("the GIF holds no picture")
        end = _gif_blocks(data, at + 2)
        control = data[at:end] if data[at + 1] == 0xF9 else control
        at = end
    raise broken("the GIF has too many blocks")


def _gif_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks(data: bytes, at: int) -> int:
    while length := data[at]:
        at += length + 1
    return at + 1


def _webp(data: bytes) -> Container:
    """Find size and EXIF among the RIFF chunks."""
    if len(data) < int.from_bytes(data[4:8], "little") + 8:
        raise broken("the WebP is truncated")
    exif, at = b"", 12
    for _ in range(MAX_BLOCKS):
        if at + 8 > len(data):
            break
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"EXIF":
            exif = data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return Container(data, exif_orientation(exif), _webp_size(data))


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] == b"VP8X":
        width, height = data[24:27] + b"\0", data[27:30] + b"\0"
        return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF
