"""`memoria lab faces`: a folder of photos in, a table of faces out; no database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from memoria_pipeline.store.photos import Photos
from memoria_pipeline.vision.analyse import Outcome, Work, analyse
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
"""photo: path relative to the folder, forward slashes. Boxes and landmarks: [0, 1], upright photo."""


@dataclass(slots=True)
class Found:
    """Photos read, faces written, and (photo, reason, message) for each that failed."""

    photos: int = 0
    faces: int = 0
    errors: list[tuple[str, str, str]] = field(default_factory=list)


def find_faces(
    photos: Photos, work: Work, model: str, output: Path, workers: int, tick: Callable[[], None]
) -> Found:
    """Analyse every photo of the folder into the Parquet file `output`; call `tick` after each.

    The same photo under two names is analysed twice: here a file is a file. The pack's name stands
    in the file's metadata, so that `lab cluster` takes its thresholds.
    """
    found = Found()
    keys = [each.storage_key for each in photos.list(EXTENSIONS)]
    half = output.with_name(output.name + ".part")
    schema = COLUMNS.with_metadata({"model": model})
    rows: list[dict[str, object]] = []
    with pq.ParquetWriter(half, schema) as writer:
        for outcome in analyse(keys, work, workers, skip_duplicates=False):
            found.photos += 1
            if outcome.error:
                found.errors.append((outcome.key, *outcome.error))
            found.faces += len(outcome.faces)
            rows.extend(_rows(outcome))
            if len(rows) >= _GROUP:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows.clear()
            tick()
        writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    half.replace(output)
    return found


def _rows(outcome: Outcome) -> Iterator[dict[str, object]]:
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
