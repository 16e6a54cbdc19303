"""From the start of a process to the first embedding, beside InsightFace's.

`python -m memoria_pipeline_tests.bench.cold` starts both in turns, on networks of the shapes of
SCRFD-10G and ArcFace R50 and on the pack of ../shared, with a photo of one face; both end there,
without tidying up. What ours keeps between runs (what OpenVINO compiled, what was measured) is
there, as from the second start on.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import simplejpeg

from memoria_pipeline_tests.bench import ratio, ways
from memoria_pipeline_tests.bench.detection import DATA, PACK, ROOT
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.networks import MARK

TURNS, MOST = 5, 0.5

OURS = """
import os
import sys
from pathlib import Path
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.photo import read_photo
setting, store, photo = sys.argv[1:]
found = Detector(setting, "cpu", store=Path(store))
model = found.load(found.pack)
image = read_photo(Path(photo).read_bytes(), max_side=model.max_side).pixels
faces = model.detect(image)
os._exit(len(model.embed([image], [faces])[0]) != 1)
"""

THEIRS = """
import os
import sys
import cv2
from insightface.app import FaceAnalysis
app = FaceAnalysis(
    sys.argv[1], allowed_modules=["detection", "recognition"], providers=["CPUExecutionProvider"]
)
app.prepare(ctx_id=0, det_size=(640, 640))
os._exit(sum(face.embedding is not None for face in app.get(cv2.imread(sys.argv[2]))) != 1)
"""


def rows() -> Iterator[Row]:
    """Both packs; of the one with R50 half is asked."""
    with tempfile.TemporaryDirectory() as folder:
        marked = Path(folder) / "marked.jpg"
        marked.write_bytes(simplejpeg.encode_jpeg(one_mark(), 90, "RGB", "420"))
        stand_in = str(ways.prepared()[0].detector.parent)
        person = next((DATA / "lfw").glob("*/*_0001.jpg"))
        yield start("R50", stand_in, marked, Path(folder), MOST)
        real = PACK.removeprefix("insightface:")
        yield start("MobileFaceNet", real, person, Path(folder))


def start(what: str, pack: str, photo: Path, store: Path, most: float = 0) -> Row:
    """One pack: our CPU seconds by InsightFace's."""
    sides = {
        "ours": child(OURS, f"insightface:{pack}", str(store), str(photo)),
        "theirs": child(THEIRS, pack, str(photo)),
    }
    turns = ratio.alternating(sides, TURNS)
    figure = f"cold start to the first embedding with {what}, by InsightFace's"
    return ratio.row(figure, turns.cpu("ours", "theirs"), turns.cost("ours"), most=most)


def child(code: str, *arguments: str) -> Callable[[], object]:
    """A process of its own; it fails where it finds no face, or two."""
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    return partial(subprocess.run, command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def one_mark() -> np.ndarray:
    """A photo with what is a face to the stand-in detector."""
    image = np.full((480, 640, 3), 90, np.uint8)
    image[200:280, 280:360] = MARK
    return image


if __name__ == "__main__":
    sys.exit(show("Cold start to the first embedding", rows()))
