"""`memoria lab faces`: a folder of photos in, a table of faces out; no database."""

import csv
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.files import check_outputs, whole
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.photo import EXTENSIONS

_GROUP = 4096  # faces per row group: a group per photo would be slow to read
_FLOATS = pa.list_(pa.float32())
COLUMNS = pa.schema(
    [
        ("photo", pa.string()),
        ("face_index", pa.int32()),
        *((f"box_{side}", pa.float64()) for side in "xywh"),
        ("det_score", pa.float32()),
        ("quality", pa.float32()),
        ("quality_class", pa.string()),
        ("landmarks", _FLOATS),
        ("embedding", _FLOATS),
    ]
)
"""photo: relative path, forward slashes. Boxes and landmarks: in [0, 1] of the upright photo."""


@dataclass(slots=True)
class Found:
    """Photos tried, faces written, and (photo, reason, message) for each that failed."""

    photos: int = 0
    faces: int = 0
    errors: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one photo."""
        self.photos += 1
        self.faces += len(outcome.faces)
        if outcome.error:
            self.errors.append((outcome.key, *outcome.error))

    def left_out(self, key: str, why: str) -> None:
        """Note a file that could not be listed."""
        self.errors.append((key, "unreadable", why))


def find_faces(
    folder: Path,
    output: Path,
    detector: Detector,
    tick: Callable[[int], None],
    errors: Path | None = None,
) -> Found:
    """Analyse every photo of the folder into the Parquet file `output`.

    tick is called with the number of photos, at the start and after each. The same photo under two
    names is analysed twice: here a file is a file. The pack's name stands in the file's metadata,
    so that `lab cluster` takes its thresholds. errors: a CSV for what failed, as `Found` has it,
    with files that could not even be listed. LabError for a folder that cannot be read
    and files that cannot be written, before any photo is read.
    """
    _check(folder, output, errors)
    photos, found, model = Photos(str(folder)), Found(), detector.pack
    keys = [each.storage_key for each in photos.list(EXTENSIONS, found.left_out)]
    read = partial(photos.read, max_bytes=detector.max_bytes)
    outcomes = detector.analyse(model, keys, read, skip_duplicates=False)
    with whole(output) as half:
        _write(half, model, outcomes, found, lambda: tick(len(keys)))
    if errors:
        write_errors(errors, found)
    return found


def _check(folder: Path, output: Path, errors: Path | None) -> None:
    if not folder.is_dir():
        raise LabError(f"{folder} is not a folder; give the one that the photos are in.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise LabError(f"{folder} may not be read; change its permissions.")
    check_outputs([output, errors])
    for path in (output, errors):
        if path and path.suffix.lower() in EXTENSIONS:  # it may be one of the photos
            raise LabError(f"{path} has the ending of a photo; give the output another one.")


def _write(
    path: Path, model: str, outcomes: Iterator[Outcome], found: Found, tick: Callable[[], None]
) -> None:
    with pq.ParquetWriter(path, COLUMNS.with_metadata({"model": model})) as writer:
        rows: list[Row] = []
        tick()
        for outcome in outcomes:
            found.add(outcome)
            rows.extend(_rows(outcome))
            if len(rows) >= _GROUP:
                writer.write_table(pa.Table.from_pylist(rows, schema=writer.schema))
                rows.clear()
            tick()
        writer.write_table(pa.Table.from_pylist(rows, schema=writer.schema))


def write_errors(path: Path, found: Found) -> None:
    """The unreadable photos as CSV: photo, reason, message. LabError where it cannot be written."""
    with whole(path) as half, half.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("photo", "reason", "message"), *found.errors])


Row = dict[str, object]


def _rows(outcome: Outcome) -> Iterator[Row]:
    for index, face in enumerate(outcome.faces):
        box = dict(zip("xywh", face.detection.box, strict=True))
        yield {
            "photo": outcome.key,
            "face_index": index,
            **{f"box_{side}": value for side, value in box.items()},
            "det_score": face.detection.score,
            "quality": face.quality,
            "quality_class": face.quality_class,
            "landmarks": np.asarray(face.detection.landmarks, np.float32).ravel(),
            "embedding": np.asarray(face.embedding, np.float32),
        }
