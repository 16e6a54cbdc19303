"""The laboratory's files: what must be in them, and what is said when it is not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.files import whole

KEY = ["photo", "face_index"]


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """n faces of one file: keys (photo, face_index), (n, d) vectors, and what else the file tells.

    quality and quality_class are None where the file has no such column; model is the pack's name
    from the file's metadata, or empty. box: (n, 4) x, y, w, h, or None.
    """

    path: Path
    keys: pd.DataFrame
    vectors: NDArray[np.float32]
    quality: NDArray[np.float64] | None
    quality_class: NDArray[np.object_] | None
    box: NDArray[np.float64] | None
    model: str


def read_faces(path: Path) -> Faces:
    """A table of faces; LabError for what cannot be grouped."""
    table = _parquet(path, [*KEY, "embedding"])
    # Without pandas' own notes: they may make an index of a column that is needed.
    frame = table.drop_columns(["embedding"]).to_pandas(ignore_metadata=True)
    sides = [f"box_{side}" for side in "xywh"]
    return Faces(
        path,
        _keys(frame, path),
        _vectors(table["embedding"].combine_chunks(), path),
        _quality(frame, path),
        _classes(frame, path),
        frame[sides].to_numpy(float) if set(sides) <= set(frame) else None,
        _metadata(table).get("model", ""),
    )


def read_people(path: Path) -> tuple[pd.DataFrame, str]:
    """A table of people and its title: the method that made it, else the file's name."""
    table = _parquet(path, [*KEY, "person"])
    frame = table.to_pandas(ignore_metadata=True)
    keys = _keys(frame, path)
    if frame["person"].isna().any():
        raise LabError(f"{path}: some faces have no person; write -1 for a face in no group.")
    keys["person"] = _integers(frame, "person", path)
    return keys, _metadata(table).get("method", path.stem)


def write_people(path: Path, frame: pd.DataFrame, about: Mapping[str, str]) -> None:
    """photo, face_index, person, probability; `about` goes into the file's metadata.

    The file appears whole or not at all.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with whole(path) as half:
        pq.write_table(table.replace_schema_metadata(dict(about)), half)


def read_truth(path: Path) -> pd.DataFrame:
    """photo, face_index, identity (text); rows without an identity are left out.

    UTF-8, with or without a byte order mark; the columns in any order.
    """
    _require_file(path)
    try:
        # Text, and only "" is empty: people may be called NA, null or 007.
        frame = pd.read_csv(
            path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig"
        )
    except (OSError, ValueError) as error:
        raise LabError(f"{path} cannot be read as CSV: {_why(error)}.") from error
    frame.columns = frame.columns.str.strip()
    _require(frame.columns, [*KEY, "identity"], path)
    keys = _keys(frame, path)
    keys["identity"] = frame["identity"].str.strip()
    return keys[keys["identity"].fillna("") != ""].reset_index(drop=True)


def with_identity(
    faces: pd.DataFrame, truth: pd.DataFrame, path: Path, truth_path: Path
) -> pd.DataFrame:
    """The rows of `faces` in their order, with the column identity: missing where it is unknown.

    A face whose photo has backslashes, and that the other table does not have, is looked for with
    forward slashes: Windows wrote it. LabError when the tables have no face in common, or a photo
    is there twice.
    """
    left = _forward(faces, truth, path)
    right = _forward(truth, faces, truth_path)
    joined = left.merge(right, on=KEY, how="left")
    if joined["identity"].isna().all():
        raise LabError(
            f"{path} and {truth_path} have no (photo, face_index) in common; photo is the path"
            " relative to the folder, with forward slashes, and face_index counts from 0."
        )
    return faces.assign(identity=joined["identity"].to_numpy())


def _forward(frame: pd.DataFrame, other: pd.DataFrame, path: Path) -> pd.DataFrame:
    there = pd.MultiIndex.from_frame(frame[KEY]).isin(pd.MultiIndex.from_frame(other[KEY]))
    forward = frame["photo"].str.replace("\\", "/", regex=False)
    changed = frame.assign(photo=frame["photo"].where(there, forward))
    if changed.duplicated(KEY).any():
        raise LabError(
            f"{path}: a photo is named with backslashes and with forward slashes; write it one way."
        )
    return changed


def _parquet(path: Path, columns: list[str]) -> pa.Table:
    _require_file(path)
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise LabError(f"{path} cannot be read as Parquet: {_why(error)}.") from error
    _require(table.column_names, columns, path)
    return table


def _require_file(path: Path) -> None:
    if not path.exists():
        raise LabError(f"{path}: there is no such file; check the name.")


def _why(error: Exception) -> str:
    """What the system or the library says, on one line, without the path once more."""
    said = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "")
    return said.rstrip(".") or type(error).__name__


def _require(given: Iterable[str], wanted: list[str], path: Path) -> None:
    missing = [name for name in wanted if name not in set(given)]
    if missing:
        raise LabError(f"{path} has no column {', '.join(missing)}; it needs {', '.join(wanted)}.")


def _metadata(table: pa.Table) -> dict[str, str]:
    raw: dict[bytes, bytes] = table.schema.metadata or {}
    return {key.decode(): value.decode("utf-8", "replace") for key, value in raw.items()}


def _keys(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """photo (text) and face_index (integer): present, and each pair once."""
    if frame[KEY].isna().any(axis=None):
        raise LabError(f"{path}: some rows have no photo or no face_index; fill them in.")
    index = _integers(frame, "face_index", path)
    keys = pd.DataFrame({"photo": frame["photo"].astype(str), "face_index": index})
    twice = keys.duplicated()
    if twice.any():
        raise LabError(
            f"{path}: {twice.sum()} rows repeat a (photo, face_index), the first is row"
            f" {int(np.argmax(twice.to_numpy()))}; a face has one row."
        )
    return keys


def _integers(frame: pd.DataFrame, column: str, path: Path) -> "pd.Series[int]":
    """A column without gaps, as integers; 2.0 is one, 2.5 is not."""
    numbers = pd.to_numeric(frame[column], errors="coerce")
    if numbers.isna().any() or (numbers % 1 != 0).any():
        raise LabError(f"{path}: the column {column} must hold integers.")
    return numbers.astype(np.int64)


def _vectors(column: Any, path: Path) -> NDArray[np.float32]:
    """(n, d) from a list column; d is the same in every row."""
    try:
        lengths = np.asarray(column.value_lengths() if len(column) else [], float)
        flat = np.asarray(column.flatten(), np.float32) if len(column) else np.empty(0, np.float32)
    except (AttributeError, ValueError, TypeError, pa.ArrowException) as error:
        raise LabError(f"{path}: the column embedding must hold lists of numbers.") from error
    if len(lengths) and (not (lengths == lengths[0]).all() or lengths[0] < 1):
        raise LabError(
            f"{path}: the embeddings are not all of one length (row"
            f" {int(np.argmax(lengths != lengths[0]))} differs); one file holds one model's faces."
        )
    vectors = flat.reshape(len(lengths), -1) if len(lengths) else np.empty((0, 1), np.float32)
    size = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~np.isfinite(size) | (size == 0))
    if len(bad):
        raise LabError(
            f"{path}: {len(bad)} embeddings are zero or not finite, the first in row {bad[0]};"
            " make them anew with `memoria lab faces`, or leave those rows out."
        )
    return vectors


def _quality(frame: pd.DataFrame, path: Path) -> NDArray[np.float64] | None:
    if "quality" not in frame:
        return None
    quality = pd.to_numeric(frame["quality"], errors="coerce").to_numpy(float)
    if not np.isfinite(quality).all():
        raise LabError(f"{path}: some faces have no number in quality; drop the column or fill it.")
    return quality


def _classes(frame: pd.DataFrame, path: Path) -> NDArray[np.object_] | None:
    if "quality_class" not in frame:
        return None
    if frame["quality_class"].isna().any():
        raise LabError(f"{path}: some faces have no quality_class; drop the column or fill it.")
    unknown = sorted(set(frame["quality_class"].astype(str)) - {"A", "B", "C"})
    if unknown:
        raise LabError(f"{path}: quality_class is A, B or C, not {', '.join(unknown[:3])}.")
    return frame["quality_class"].to_numpy(object)
