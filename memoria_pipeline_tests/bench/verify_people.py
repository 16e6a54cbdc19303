"""`make verify-people`: the figures of stable people, asked and reached.

An hour on two cores: it finds LFW's faces with both packs first (12 minutes each), unless
MEMORIA_BENCH_FACES and MEMORIA_BENCH_FACES_DLIB name tables that `memoria lab faces` has made.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from memoria_pipeline.lab import calibrate
from memoria_pipeline.lab.fit import Labelled
from memoria_pipeline.lab.tables import read_faces
from memoria_pipeline_tests.bench import calibration, histories, identity, review, scale
from memoria_pipeline_tests.bench.detection import DATA, PACK
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.grouping import analysed


def rows() -> Iterator[Row]:
    """Every figure of the issue's table, in its order."""
    insightface = labelled("MEMORIA_BENCH_FACES", PACK)
    dlib = labelled("MEMORIA_BENCH_FACES_DLIB", "dlib")
    yield from identity.rows(insightface)
    yield from histories.rows()
    yield from review.rows(dlib)
    yield from calibration.rows(insightface, dlib)
    yield from scale.rows()


def labelled(variable: str, pack: str) -> Labelled:
    """LFW's faces by one pack: from the table that the variable names, or found now."""
    given = os.environ.get(variable)
    with tempfile.TemporaryDirectory() as folder:
        made = given or analysed(Path(folder) / "faces.parquet", DATA / "lfw", pack)
        return calibrate.labelled(read_faces(Path(made)))


if __name__ == "__main__":
    sys.exit(show("Stable people", rows()))
