"""How many faces are found: at each precision, small ones, and in tiles.

`python -m memoria_pipeline_tests.bench.found` compares with the plain loop's one view of 640 pixels
at fp32, with the real pack of ../shared: on the annotated photos and on composed ones of 2 to 24
megapixels. A small face is under 24 pixels wide in that view. int8 networks are made on the way
into .bench/, calibrated on photos that are not among these. Five minutes.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from memoria_pipeline.vision import catalogue
from memoria_pipeline.vision.backends import choose, keeping
from memoria_pipeline.vision.backends.network import Way
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.looking import look
from memoria_pipeline.vision.scales import resized
from memoria_pipeline.vision.trial import Trial
from memoria_pipeline_tests.bench.composed import Boxes, Composed, backgrounds, composed, read
from memoria_pipeline_tests.bench.detection import (
    DATA,
    PACK,
    annotated_photos,
    matches,
    pixel_boxes,
)
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.ratio import alternating, cost

ROOT = Path(__file__).resolve().parents[2]

CALIBRATION = DATA / "group-photos" / "crowds"

VIEW, SMALL, POINTS = 640, 24, 0.15
"""The loop's view, what counts as small in it, and by how much more of those are to be found."""

PHOTOS, CROWDS = 30, 4

ENOUGH = 30
"""Small faces, for a share of them to say anything."""

COST = 1.5
"""Most that tiles may make of an event's cost."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A file, and where its faces are in pixels."""

    data: bytes
    size: tuple[int, int]
    boxes: Boxes

    @property
    def small(self) -> np.ndarray:
        """Which faces are small."""
        scale = VIEW / max(self.size)
        return np.asarray((self.boxes[:, 2] - self.boxes[:, 0]) * scale < SMALL)


@dataclass(frozen=True, slots=True)
class Found:
    """Faces found and there, of all and of the small ones; shown: boxes, right or wrong."""

    all: int
    there: int
    small: int
    small_there: int
    shown: int

    @property
    def recall(self) -> float:
        """Of all."""
        return self.all / self.there

    @property
    def recall_small(self) -> float:
        """Of the small ones."""
        return self.small / max(self.small_there, 1)


def rows() -> Iterator[Row]:
    """The plain loop, every way beside it, small faces, tiles."""
    trial = prepared()
    sets = {"annotated": list(annotated()), "composed": list(large())}
    plain = {name: score(photos, trial.model(Way()), plainly=True) for name, photos in sets.items()}
    for way in choose.ON_CPU:
        if why := choose.unable(way, trial.pack, trial.place):
            yield f"faces found, {way}", "–", why, True
            continue
        model = trial.model(way)
        found = {name: score(photos, model) for name, photos in sets.items()}
        for name in sets:
            yield all_faces(f"{name}, {way}", found[name], plain[name])
        yield small_faces(f"composed, {way}", found["composed"], plain["composed"])
    yield from tiled([*sets["composed"], *crowds()])


def prepared() -> Trial:
    """The real pack, with int8 networks."""
    trial = Trial.of(PACK, ROOT / ".bench" / CALIBRATION.name, Path.home())
    if not keeping.has_quantised(trial.place, trial.pack):
        trial.make_int8(CALIBRATION)
    return trial


def all_faces(name: str, found: Found, plain: Found) -> Row:
    """Recall against the loop's."""
    said = f"{found.recall:.1%} of {found.there}, {found.shown - found.all} others"
    return f"faces found, {name}", f">= {plain.recall:.1%}", said, found.recall >= plain.recall


def small_faces(name: str, found: Found, plain: Found) -> Row:
    """Points above the loop; too few faces are not enough."""
    more = found.recall_small - plain.recall_small
    said = f"{100 * more:+.0f} points: {found.recall_small:.1%} of {found.small_there}"
    enough = more >= POINTS and found.small_there >= ENOUGH
    return f"small faces, {name}", f">= +{100 * POINTS:.0f} points", said, enough


def tiled(photos: Sequence[Known]) -> Iterator[Row]:
    """What tiles find and cost, on composed photos and on crowds of faces of 20 to 70 pixels."""
    models = {tiles: catalogue.load(PACK, "cpu", tiles=tiles) for tiles in ("off", "auto")}
    ordinary, dense = photos[:-CROWDS], photos[-CROWDS:]
    (without, once), (within, more) = (priced(dense, models[each]) for each in ("off", "auto"))
    said = f"{within.recall:.1%} of {within.there}, without tiles {without.recall:.1%}"
    yield "faces of 20 to 70 pixels in 24 MP, tiles", "more", said, within.all > without.all
    sides = {name: partial(score, ordinary, model) for name, model in models.items()}
    turns = alternating(sides, 1, warm=False)
    ratio = turns.cpu("auto", "off")
    yield "cost of tiles, composed photos", f"<= {COST}×", f"{ratio:.2f}×", ratio <= COST
    yield "cost of tiles, dense crowds", "–", f"{more / once:.2f}×", True


def priced(photos: Sequence[Known], model: object) -> tuple[Found, float]:
    """What a model finds, and the CPU seconds that it took."""
    found: list[Found] = []
    spent = cost(lambda: found.append(score(photos, model)))
    return found[0], spent.cpu


def score(photos: Sequence[Known], model: object, *, plainly: bool = False) -> Found:
    """What a model finds; plainly: in the loop's one view."""
    assert isinstance(model, InsightFaceModel)
    counted = np.zeros(5, int)
    for photo in photos:
        if plainly:
            pixels = simplejpeg.decode_jpeg(photo.data)
            faces = model.detect_once(resized(pixels, VIEW), VIEW)
        else:
            faces = look(photo.data, model)[1]
        canvas = np.broadcast_to(np.uint8(0), (photo.size[1], photo.size[0], 3))
        rows = [row for row, _ in matches(photo.boxes, pixel_boxes(canvas, faces))]
        small = photo.small
        counted += (len(rows), len(small), int(small[rows].sum()), int(small.sum()), len(faces))
    return Found(*(int(each) for each in counted))


def annotated() -> Iterator[Known]:
    """Photos whose faces people marked."""
    for image, boxes in annotated_photos(DATA):
        yield known(Composed(image, boxes))


def large() -> Iterator[Known]:
    """Composed photos of 2 to 24 megapixels."""
    for photo in composed(DATA, catalogue.load(PACK, "cpu"), PHOTOS, seed=7):
        yield known(photo)


def known(photo: Composed) -> Known:
    """As a file."""
    height, width = photo.image.shape[:2]
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(photo.image), 92)
    return Known(data, (width, height), photo.boxes)


def crowds() -> Iterator[Known]:
    """24 megapixels with 150 faces of 20 to 70 pixels in a part of them."""
    model = catalogue.load(PACK, "cpu")
    people = sorted((DATA / "lfw").glob("*/*_0001.jpg"))[::13][:150]
    faces = [(image, model.detect(image)) for image in map(read, people)]
    for number, ground in enumerate(backgrounds(DATA)[:CROWDS]):
        chance = np.random.default_rng(number)
        photo = np.asarray(cv2.resize(ground, (6000, 4000)), np.uint8)
        boxes = []
        for place, (image, found) in enumerate(faces):
            if len(found) != 1:
                continue
            box = pixel_boxes(image, found)[0]
            scale = float(np.exp(chance.uniform(*np.log((20, 70))))) / (box[2] - box[0])
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            small = small[:190, :190]
            left, top = 1500 + 190 * (place % 15), 1000 + 190 * (place // 15)
            photo[top : top + small.shape[0], left : left + small.shape[1]] = small
            boxes.append(box * scale + (left, top, left, top))
        yield known(Composed(photo, np.array(boxes)))


if __name__ == "__main__":
    sys.exit(show("Faces found", rows()))
