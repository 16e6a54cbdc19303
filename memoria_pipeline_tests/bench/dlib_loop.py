"""The default dlib pack against the plain face_recognition loop, on the same files.

`python -m memoria_pipeline_tests.bench.dlib_loop` prints CPU seconds and wall time with two
workers. The loop is what face_recognition does, line by line (its package is a few calls of dlib's,
and is not installed here): Pillow reads the file, the photo is shrunk to the size at which our
detector looks, `face_locations` with HOG and no upsampling, `face_encodings` with the five points
and as many passes per face as ours has, two. One pass, its default, is printed beside it. Both
sides see photos of 24 megapixels with three faces from LFW, in turns. Three minutes.
"""

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import cv2
import dlib
import numpy as np
import simplejpeg
from PIL import Image as Pillow

from memoria_pipeline.vision import catalogue
from memoria_pipeline.vision.analyse import Outcome, Work, analyse, analyse_photo
from memoria_pipeline.vision.dlib_model import MAX_SIDE, weights
from memoria_pipeline.vision.model import Image
from memoria_pipeline_tests.bench.composed import backgrounds, read
from memoria_pipeline_tests.bench.detection import DATA
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.ratio import Measured, alternating, cost

SIZE, PHOTOS, FACES = (6000, 4000), 6, 3
ROUNDS, MANY = 3, 4
ASKED = 2.0


class Loop:
    """face_recognition's calls, and nothing else. passes: its num_jitters."""

    def __init__(self, passes: int) -> None:
        folder = weights()
        self._passes = passes
        self._hog = dlib.get_frontal_face_detector()
        points = folder / "shape_predictor_5_face_landmarks.dat"
        self._points = dlib.shape_predictor(str(points))
        resnet = folder / "dlib_face_recognition_resnet_model_v1.dat"
        self._resnet = dlib.face_recognition_model_v1(str(resnet))

    def __call__(self, data: bytes) -> int:
        """How many faces one file shows."""
        image: Image = np.array(Pillow.open(io.BytesIO(data)).convert("RGB"))
        scale = MAX_SIDE / max(image.shape)
        image = np.asarray(
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR), np.uint8
        )
        found = self._hog(image, 0)
        encoded = [
            self._resnet.compute_face_descriptor(image, self._points(image, box), self._passes)
            for box in found
        ]
        return len(encoded)


def rows() -> Iterator[Row]:
    """CPU per photo against the loop with two passes and one; wall time with two workers."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(photos()):
            (Path(folder) / f"{number}.jpg").write_bytes(data)
        yield from compared(sorted(str(path) for path in Path(folder).iterdir()))


def contents(path: str) -> bytes:
    """A file's bytes."""
    return Path(path).read_bytes()


def compared(paths: list[str]) -> Iterator[Row]:
    """Both sides on these files."""
    work = Work(contents, partial(catalogue.load, "dlib"))
    model, seen = work.load(), dict[str, int]()

    def ours() -> None:
        seen["ours"] = faces(analyse_photo(path, contents(path), work, model) for path in paths)

    def workers() -> None:
        faces(analyse(paths * MANY, work, 2, skip_duplicates=False))

    def plain(passes: int) -> Callable[[], None]:
        loop = Loop(passes)
        return lambda: seen.update({f"loop {passes}": sum(loop(contents(p)) for p in paths)})

    turns = alternating({"ours": ours, "loop 2": plain(2), "loop 1": plain(1)}, ROUNDS)
    for passes, asked in ((2, ASKED), (1, 0.0)):
        ratio = turns.cpu(f"loop {passes}", "ours")
        each = [1000 * turns.cost(side).cpu / PHOTOS for side in ("ours", f"loop {passes}")]
        said = f"{ratio:.2f}× as fast ({each[0]:.0f}, not {each[1]:.0f} CPU ms a photo)"
        name = f"dlib pack ÷ face_recognition, {passes} pass(es) a face"
        wanted, spent = f">= {asked:.1f}×" if asked else "–", turns.cost("ours").each(PHOTOS)
        yield Measured.of(name, wanted, said, ratio >= asked, spent)
    told = f"{seen['ours']} (the loop {seen['loop 2']}, of {PHOTOS * FACES})"
    yield "faces that the dlib pack finds", "no fewer", told, seen["ours"] >= seen["loop 2"]
    shared = cost(workers)
    both = MANY * turns.cost("loop 2").wall / shared.wall
    said = f"{both:.2f}× as fast by the clock (load {os.getloadavg()[0]:.0f})"
    what, each_photo = "dlib pack, two workers with their start", shared.each(PHOTOS * MANY)
    yield Measured.of(what, f">= {ASKED:.1f}×", said, both >= ASKED, each_photo)


def faces(outcomes: Iterable[Outcome]) -> int:
    """How many there are in all."""
    return sum(len(outcome.faces) for outcome in outcomes)


def photos() -> Iterator[bytes]:
    """JPEGs of 24 megapixels with three faces of 500 to 900 pixels each."""
    grounds = backgrounds(DATA)
    people = sorted((DATA / "lfw").glob("*/*_0001.jpg"))[100::97]
    for number in range(PHOTOS):
        ground = cv2.resize(grounds[number % 6], SIZE, interpolation=cv2.INTER_CUBIC)
        for place in range(FACES):
            face = read(people[number * FACES + place])
            side = 1000 + 300 * place
            left, top = 300 + 1900 * place, 600 + 250 * number
            large = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
            ground[top : top + side, left : left + side] = large
        yield simplejpeg.encode_jpeg(np.ascontiguousarray(ground, np.uint8), 90)


if __name__ == "__main__":
    sys.exit(show("The dlib pack", rows()))
