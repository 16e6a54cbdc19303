"""Looking for bytes in every file below a folder, whatever wrote them there.

Addresses and ids as text, ids as their 16 bytes, vectors by any 16 of their bytes in a row that
begin at a multiple of 16.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

_WINDOW = 16
_TABLE = 1 << 24
"""Of the low three bytes of a window: one in a thousand windows of something else gets past it."""


@dataclass(frozen=True, slots=True)
class Canary:
    """Something of somebody that must not be found. texts: as text; raw: as bytes, at any place."""

    name: str
    texts: tuple[bytes, ...] = ()
    raw: tuple[bytes, ...] = ()


def of_address(email: str) -> Canary:
    """An address, by its part that is nobody else's."""
    return Canary(f"address {email[:6]}", (email.split("@")[0].encode(),))


def of_id(one: UUID) -> Canary:
    """An id, as text, without dashes, and as the database keeps it."""
    return Canary(f"id {one.hex[:6]}", (str(one).encode(), one.hex.encode()), (one.bytes,))


def of_vector(name: str, halves: NDArray[np.float16], text: str) -> Canary:
    """A vector, (d,) as the database rounds it, and the beginning of its text."""
    stored = halves.astype("<f2").tobytes()
    windows = tuple(stored[i : i + _WINDOW] for i in range(0, len(stored) - _WINDOW + 1, _WINDOW))
    return Canary(f"vector {name}", (text[:48].encode(),), windows)


def search(folder: Path, canaries: Sequence[Canary]) -> dict[str, set[str]]:
    """Canary → the files below `folder` that hold something of it; those that none holds are
    missing. A file that went meanwhile holds nothing."""
    found: dict[str, set[str]] = {}
    raw = _Raw(canaries)
    for path in sorted(folder.rglob("*")):
        try:
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        except FileNotFoundError:
            continue
        if data:
            where = str(path.relative_to(folder))
            for canary in {*_texts(data, canaries), *raw.found(data)}:
                found.setdefault(canary, set()).add(where)
    return found


def _texts(data: bytes, canaries: Sequence[Canary]) -> Iterator[str]:
    for each in canaries:
        if any(text in data for text in each.texts):
            yield each.name


class _Raw:
    """Windows of 16 bytes, looked for at every place of a file at once."""

    def __init__(self, canaries: Sequence[Canary]) -> None:
        self._whose = {window: each.name for each in canaries for window in each.raw}
        heads = np.array([int.from_bytes(w[:8], "little") for w in self._whose], np.uint64)
        self._table = np.zeros(_TABLE, bool)
        self._table[(heads % _TABLE).astype(np.int64)] = True

    def found(self, data: bytes) -> Iterator[str]:
        """The names of those whose windows are in it."""
        for shift in range(8):
            usable = (len(data) - shift) // 8 * 8
            if usable <= 0:
                return
            words = np.frombuffer(data, "<u8", usable // 8, shift)
            likely = np.flatnonzero(self._table[(words & np.uint64(_TABLE - 1)).astype(np.int64)])
            for i in likely.tolist():
                at = shift + 8 * i
                name = self._whose.get(data[at : at + _WINDOW])
                if name is not None:
                    yield name
