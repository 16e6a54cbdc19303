"""How many faces the InsightFace pack of ../shared finds, and how fast it starts.

`python -m memoria_pipeline_tests.bench.detection` prints the figures; MEMORIA_TEST_DATA says where
the photos are. Needs about 90 s on one core.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from memoria_pipeline.vision import catalogue
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.model import Detection, FaceModel, Image
from memoria_pipeline.vision.scales import overlaps, resized
from memoria_pipeline_tests.bench.composed import Boxes, composed, read
from memoria_pipeline_tests.bench.figures import Row, show

SAME = 0.35
"""Intersection over union from which two boxes are the same face."""

ROOT = Path(__file__).resolve().parents[2]

DATA = Path(os.environ.get("MEMORIA_TEST_DATA", ROOT.parent / "shared" / "data"))

PACK = f"insightface:{DATA.parent / 'models' / 'scrfd_2.5g_mobilefacenet'}"


def rows(data: Path = DATA, pack: str = PACK) -> Iterator[Row]:
    """All figures, one after the other."""
    model = catalogue.load(pack, "cpu")
    assert isinstance(model, InsightFaceModel)
    yield annotated(data, model)
    yield tight(data, model)
    yield crowds(data, model)
    yield from large_photos(data, model)
    yield cold_start(pack)


def annotated(data: Path, model: FaceModel) -> Row:
    """The annotated faces of ten group photos."""
    found = wanted = 0
    for image, boxes in annotated_photos(data):
        found += len(matches(boxes, pixel_boxes(image, model.detect(image))))
        wanted += len(boxes)
    return "annotated faces found", "43 of 43", f"{found} of {wanted}", found == wanted == 43


def tight(data: Path, model: FaceModel) -> Row:
    """Crops that show one face and nothing else: of the annotated photos, and 100 of LFW."""
    crops = [crop(image, box) for image, boxes in annotated_photos(data) for box in boxes]
    for path in sorted((data / "lfw").glob("*/*_0001.jpg"))[::20][:100]:
        image = read(path)
        crops.append(crop(image, central(image, model.detect(image))))
    found = sum(fills(model.detect(each)) for each in crops)
    asked = round(0.98 * len(crops))
    return (
        "tight crops found",
        f"{asked} of {len(crops)}",
        f"{found} of {len(crops)}",
        found >= asked,
    )


def crowds(data: Path, model: InsightFaceModel) -> Row:
    """The share of what the detector finds in crowds with the longer side at 1280 pixels.

    Not all of it: in a photo that has no face under 24 pixels at its own size no larger view is
    taken, and of two overlapping boxes another one may win.
    """
    found = wanted = 0
    for path in sorted((data / "group-photos" / "crowds").glob("*.jpg")):
        image = read(path)
        truth = pixel_boxes(image, model.detect_once(image, 1280))
        found += len(matches(truth, pixel_boxes(image, model.detect(image))))
        wanted += len(truth)
    share = found / wanted
    return "of the crowds' faces at 1280 px", "85.0 %", f"{share:.1%} of {wanted}", share >= 0.85


def large_photos(data: Path, model: FaceModel, count: int = 60) -> list[Row]:
    """Recall and precision on composed photos of 2 to 24 MP with faces of 50 to 400 pixels."""
    found = shown = wanted = 0
    for photo in composed(data, model, count):
        seen = resized(photo.image, min(max(photo.image.shape[:2]), model.max_side))
        boxes = pixel_boxes(photo.image, model.detect(seen))
        found += len(matches(photo.boxes, boxes))
        shown += len(boxes)
        wanted += len(photo.boxes)
    recall, precision = found / wanted, found / max(shown, 1)
    return [
        ("faces found, 2-24 MP", "97.0 %", f"{recall:.1%} of {wanted}", recall >= 0.97),
        ("precision, 2-24 MP", "99.0 %", f"{precision:.1%} of {shown}", precision >= 0.99),
    ]


def cold_start(pack: str) -> Row:
    """From a new Python process to the model being ready, imports and all."""
    code = "import sys; from memoria_pipeline.vision import catalogue; catalogue.load(sys.argv[1])"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, pack], check=True, cwd=ROOT)
    seconds = time.perf_counter() - started
    return "cold start of the model", "10 s", f"{seconds:.1f} s", seconds < 10


def annotated_photos(data: Path) -> Iterator[tuple[Image, Boxes]]:
    """The photos with annotated faces, and their boxes in pixels."""
    folder = data / "group-photos" / "annotated-boxes"
    for name, boxes in json.loads((folder / "boxes.json").read_text()).items():
        yield read(folder / name), np.array(boxes, dtype=np.float64)


def pixel_boxes(image: Image, found: Sequence[Detection]) -> Boxes:
    """(n, 4) left, top, right, bottom in the image's pixels."""
    boxes: Boxes = np.array([face.box for face in found], dtype=np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return np.asarray(boxes * np.tile(image.shape[1::-1], 2), dtype=np.float64)


def matches(truth: Boxes, found: Boxes) -> list[tuple[int, int]]:
    """Pairs (row of truth, row of found) of the same face, one-to-one."""
    if not len(truth) or not len(found):
        return []
    others = found.astype(np.float32)
    shared = np.array([overlaps(box, others)[0] for box in truth.astype(np.float32)])
    pairs = zip(*linear_sum_assignment(-shared), strict=True)
    return [(int(i), int(j)) for i, j in pairs if shared[i, j] >= SAME]


def central(image: Image, found: Sequence[Detection]) -> NDArray[np.float64]:
    """The box nearest to the middle, in pixels."""
    boxes = pixel_boxes(image, found)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2 - np.array(image.shape[1::-1]) / 2
    return np.asarray(boxes[int(np.argmin((middles**2).sum(axis=1)))], dtype=np.float64)


def crop(image: Image, box: NDArray[np.float64]) -> Image:
    """The part of the image in the box."""
    left, top, right, bottom = np.maximum(np.round(box), 0).astype(int)
    return image[top:bottom, left:right]


def fills(found: Sequence[Detection]) -> bool:
    """Whether one of the faces fills half of its photo or more."""
    return any(face.box[2] * face.box[3] > 0.5 for face in found)


if __name__ == "__main__":
    sys.exit(show("Detection", rows()))
