"""XMP in a JPEG file: one segment of its head. The picture stays as it is, byte for byte."""

from collections.abc import Iterator
from dataclasses import dataclass

from memoria_pipeline.errors import ExportError

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_APP0, _APP1, _APP2, _SOS, _EOI = 0xE0, 0xE1, 0xE2, 0xDA, 0xD9
_LARGEST = 65_533  # bytes in one segment, behind the two that count them
_BROKEN = "Its head is not that of a JPEG file; it was copied as it is."


@dataclass(frozen=True, slots=True)
class _Segment:
    """data[start:end] with its marker; payload: what follows the length."""

    marker: int
    start: int
    end: int
    payload: bytes


def xmp_of(data: bytes) -> bytes | None:
    """The packet of a JPEG file, or None. Raises ExportError where it is no JPEG."""
    found = next((each for each in _head(data) if _is_xmp(each)), None)
    return None if found is None else found.payload[len(_XMP) :]


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """The file with this packet in place of its own, or as its first; all else as it was.

    Raises ExportError where that cannot be: the packet is larger than a segment may be, the file is
    no JPEG, or holds more pictures at places that would no longer be right.
    """
    payload = _XMP + packet
    if len(payload) > _LARGEST:
        raise ExportError("Its XMP does not fit into a JPEG file; it is in a sidecar instead.")
    segment = b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
    head = list(_head(data))
    old = next((each for each in head if _is_xmp(each)), None)
    if old is None:
        at = _place(head)
        return data[:at] + segment + data[at:]
    # Further pictures (MPO, HDR) are found by their distance from this segment.
    if any(
        each.marker == _APP2 and each.payload.startswith(b"MPF\0") for each in _before(head, old)
    ):
        raise ExportError("It holds further pictures behind its XMP; that is in a sidecar instead.")
    return data[: old.start] + segment + data[old.end :]


def _is_xmp(segment: _Segment) -> bool:
    return segment.marker == _APP1 and segment.payload.startswith(_XMP)


def _before(head: list[_Segment], which: _Segment) -> list[_Segment]:
    return [each for each in head if each.start < which.start]


def _place(head: list[_Segment]) -> int:
    """Behind JFIF and EXIF, which want to be first."""
    at = 2
    for each in head:
        first = each.marker == _APP0 or (each.marker == _APP1 and each.payload[:4] == b"Exif")
        if not first:
            break
        at = each.end
    return at


def _head(data: bytes) -> Iterator[_Segment]:
    """The segments before the picture."""
    if data[:2] != b"\xff\xd8":
        raise ExportError(_BROKEN)
    at = 2
    while True:
        start = at
        while data[at : at + 2] == b"\xff\xff":  # bytes that may stand before a marker
            at += 1
        marker = data[at + 1 : at + 2]
        if data[at : at + 1] != b"\xff" or not marker:
            raise ExportError(_BROKEN)
        if marker[0] in (_SOS, _EOI):
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(data):
            raise ExportError(_BROKEN)
        yield _Segment(marker[0], start, end, data[at + 4 : end])
        at = end
