"""Whether the bytes of somebody are still in files: of the server, of the home, of Dagster."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import sqlalchemy as sa


def of_vector(vector: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[bytes]:
    """16 bytes each, from all over a vector as the database keeps it, in both precisions.

    Windows that are mostly zeros are anybody's.
    """
    halves = vector.astype("<f2").tobytes()
    floats = vector.astype("<f4").tobytes()
    cut = [kept[i : i + 16] for kept in (halves, floats) for i in range(0, len(kept) - 16, 256)]
    return [window for window in cut if window.count(0) < 8]


def of_text(text: str) -> list[bytes]:
    return [text.encode(), text.lower().encode(), text.encode().hex().encode()]


def of_id(text: str) -> list[bytes]:
    bare = text.replace("-", "")
    return [text.encode(), bare.encode(), bytes.fromhex(bare)]


def server_files(conn: sa.Connection) -> list[Path]:
    """What the server keeps of this database and of all together, its log and its WAL."""
    data, number = conn.execute(_DATA).one()
    others = [each for each in Path(data).iterdir() if each.name != "base"]
    return [*others, Path(data) / "base" / str(number)]


_DATA = sa.text(
    "select current_setting('data_directory'), oid from pg_database"
    " where datname = current_database()"
)


def found(folders: Iterable[Path], needles: Iterable[bytes]) -> dict[str, int]:
    """File → how many of the needles are in it."""
    wanted = list(needles)
    hits = {}
    for path in _files(folders):
        try:
            data = path.read_bytes()
        except FileNotFoundError:  # a temporary file
            continue
        if number := sum(each in data for each in wanted):
            hits[str(path)] = number
    return hits


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_file():
            yield folder
        yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
