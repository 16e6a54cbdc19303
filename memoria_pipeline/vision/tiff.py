"""TIFF directories: the structure of a TIFF file and of every photo's EXIF.

Read by hand, because the libraries' readers load the value of every tag, and 65,535 overlapping
tags turn a file of one megabyte into gigabytes.
"""

import struct
from collections.abc import Iterator

from memoria_pipeline.errors import PhotoError

_ORIENTATION = 274
_SHORT, _LONG = 3, 4
_WIDTH, _HEIGHT, _DEPTH, _COMPRESSION, _SAMPLES = 256, 257, 258, 259, 277
_STRIP_ROWS, _TILE_WIDTH, _TILE_ROWS = 278, 322, 323
_TYPE_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8)
# More than any photo's strip table or palette needs.
_MAX_TAG_BYTES = 1 << 20
# Size, samples, compression, strips and tiles, palette, JPEG tables, YCbCr: what libtiff needs
# for pixels. The orientation is left out on purpose, or Pillow would turn the picture as well.
# fmt: off
_PIXEL_TAGS = frozenset((
    256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325,
    332, 338, 339, 347, 512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532,
))
# fmt: on


def exif_orientation(blob: bytes) -> int:
    """Read the orientation (1 to 8) from a TIFF or EXIF blob; 1 for a missing or senseless one."""
    tiff = blob.removeprefix(b"Exif\0\0")
    order = _byte_order(tiff)
    if order is None:
        return 1
    try:
        entry = dict(_entries(tiff, order)).get(_ORIENTATION, bytes(12))
    except struct.error:
        return 1
    (kind,) = struct.unpack_from(order + "H", entry, 2)
    form = {_SHORT: "H", _LONG: "I"}.get(kind)
    (value,) = struct.unpack_from(order + form, entry, 8) if form else (1,)
    return value if 1 <= value <= 8 else 1


def pixel_directory(data: bytes) -> bytes:
    """Rewrite a TIFF so that it has one directory, with only the tags that make pixels.

    Raises PhotoError('broken') for a tag outside the file, struct.error for a directory outside it.
    """
    order = _byte_order(data) or "<"
    entries = {tag: raw for tag, raw in _entries(data, order) if tag in _PIXEL_TAGS}
    for raw in entries.values():
        _check_tag(raw, order, len(data))
    padded = data[8:] + bytes(len(data) % 2)
    head = data[:4] + struct.pack(order + "I", 8 + len(padded))
    table = struct.pack(order + "H", len(entries)) + b"".join(entries.values()) + bytes(4)
    return head + padded + table


def strip_bytes(data: bytes) -> int:
    """The bytes of the largest strip or tile, unpacked: libtiff holds one beside the picture.

    0 where nothing is packed. Raises struct.error for a directory outside the file.
    """
    order = _byte_order(data) or "<"
    entries = dict(_entries(data, order))

    def said(tag: int, default: int) -> int:
        return _first(entries[tag], order, data) if tag in entries else default

    height = said(_HEIGHT, 0)
    rows = said(_TILE_ROWS, min(said(_STRIP_ROWS, height), height))
    width = said(_TILE_WIDTH, said(_WIDTH, 0))
    packed = said(_COMPRESSION, 1) != 1
    return width * rows * said(_SAMPLES, 1) * said(_DEPTH, 1) // 8 if packed else 0


def _first(raw: bytes, order: str, data: bytes) -> int:
    """A tag's first value, where it is a whole number."""
    kind, count, at = struct.unpack_from(order + "2xHII", raw)
    form = {_SHORT: "H", _LONG: "I"}.get(kind, "B")
    inside = count * struct.calcsize(form) <= 4
    value: int = struct.unpack_from(order + form, *((raw, 8) if inside else (data, at)))[0]
    return value


def _byte_order(data: bytes) -> str | None:
    return {b"II": "<", b"MM": ">"}.get(data[:2])


def _entries(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    for at in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        yield struct.unpack_from(order + "H", data, at)[0], data[at : at + 12]


def _check_tag(raw: bytes, order: str, length: int) -> None:
    kind, count, at = struct.unpack_from(order + "2xHII", raw)
    size = count * (_TYPE_BYTES[kind] if kind < len(_TYPE_BYTES) else 8)
    if size > _MAX_TAG_BYTES or (size > 4 and at + size > length):
        message = (
            "The photo is broken: a TIFF tag points outside the file. Copy or export it again."
        )
        raise PhotoError("broken", message)
