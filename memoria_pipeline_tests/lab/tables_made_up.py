"""Made-up tables for the laboratory's tests."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from memoria_pipeline_tests.people.synthetic import Event


def frame(faces: Event) -> pd.DataFrame:
    """photo, face_index and embedding of made-up faces."""
    photo = pd.Series(faces.photo).map("party/{:04d}.jpg".format)
    return pd.DataFrame(
        {
            "photo": photo,
            "face_index": photo.groupby(photo).cumcount(),
            "embedding": [list(map(float, vector)) for vector in faces.vectors],
        }
    )


def save(table: pd.DataFrame, path: Path, **metadata: str) -> Path:
    """As Parquet, with metadata in the schema."""
    pq.write_table(pa.Table.from_pandas(table).replace_schema_metadata(metadata or None), path)
    return path


def save_truth(faces: Event, path: Path) -> Path:
    """photo, face_index, identity as CSV."""
    names = [f"guest {who}" for who in np.asarray(faces.truth)]
    frame(faces)[["photo", "face_index"]].assign(identity=names).to_csv(path, index=False)
    return path
