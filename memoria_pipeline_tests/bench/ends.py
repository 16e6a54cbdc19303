"""Photos from their bytes to their vectors, against InsightFace's own loop and the machine's limit.

`python -m memoria_pipeline_tests.bench.ends` prints CPU milliseconds per photo of 24 megapixels
with three faces, on networks of the shapes of SCRFD-10G and ArcFace R50, with one view of 640
pixels on both sides, in turns. Where the faces are is put into the detector's answer after it was
computed (random weights find nobody), alike on both sides. Three minutes.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg

from memoria_pipeline.vision.align import FIVE_POINTS
from memoria_pipeline.vision.analyse import Work, analyse_photo
from memoria_pipeline.vision.backends import choose
from memoria_pipeline.vision.backends.network import Blob, Network, Networks, Way
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.model import Detection, Image
from memoria_pipeline_tests.bench import ratio, ways
from memoria_pipeline_tests.bench.composed import backgrounds, read
from memoria_pipeline_tests.bench.detection import DATA
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.ratio import Cost, Measured, Turns

SIZE, VIEW = (6000, 4000), 640

WIDTHS = ((320, 560, 1030), (420, 700, 900), (500, 610, 1200), (340, 450, 800))
"""Of the three faces of each photo, in its pixels: 34 to 128 in the view."""

STRIDE, ANCHORS = 16, 2

ASKED = {"fp32": 1.35, "bf16": 2.3, "int8": 3.5}

SHARE = 0.85

ROUNDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A file, and its faces as left, top, width in pixels; all are half as high again."""

    path: Path
    faces: tuple[tuple[float, float, float], ...]


Side = Callable[[Photo], int | None]
"""Gives the number of faces, if there are to be any."""


class Shown:
    """What the detector is made to see: set before each photo."""

    faces: tuple[tuple[float, float, float], ...] = ()

    def put(self, answer: list[Any], width: int) -> list[Any]:
        """The nine outputs of a view of this width, with the faces in them."""
        scale, levels = width / SIZE[0], len(answer) // 3
        for left, top, across in self.faces:
            edges = np.array([left, top, left + across, top + 1.5 * across]) * scale
            middle = (edges[:2] + edges[2:]) / 2 // STRIDE
            row = int(middle[1] * (width // STRIDE) + middle[0]) * ANCHORS
            centre = np.tile(middle * STRIDE, 2)
            marks = (FIVE_POINTS - 56) / 80 * across * scale + edges[:2] / 2 + edges[2:] / 2
            scores, reach, points = (answer[1 + k * levels].reshape(-1, n) for k, n in KINDS)
            scores[row] = 0.9
            reach[row] = (edges - centre) * (-1, -1, 1, 1) / STRIDE
            points[row] = ((marks - centre[:2]) / STRIDE).ravel()
        return answer


KINDS = ((0, 1), (1, 4), (2, 10))


class Seeing:
    """Our detector, with faces put into its answer."""

    def __init__(self, network: Network, shown: Shown) -> None:
        self._network, self._shown = network, shown
        self.device, self.providers = network.device, network.providers
        self.input_shape, self.output_shape = network.input_shape, network.output_shape
        self.outputs = network.outputs

    def run(self, blob: Blob) -> list[Blob]:
        """As the network itself, and then the faces."""
        return self._shown.put(self._network.run(blob), blob.shape[3])


class SeeingSession:
    """The same around a session of InsightFace's."""

    def __init__(self, session: Any, shown: Shown) -> None:
        self._session, self._shown = session, shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: Any, given: dict[str, Any]) -> list[Any]:
        """As the session itself, and then the faces."""
        (blob,) = given.values()
        return self._shown.put(self._session.run(names, given), blob.shape[3])


class OneView(InsightFaceModel):
    """Detection at one scale, as the loop does it."""

    def __init__(self, networks: Networks) -> None:
        super().__init__(networks, name="stand-in", licence="", thresholds={}, tiles="off")
        self.max_side = VIEW

    def detect(self, image: Image) -> list[Detection]:
        """One view of 640 pixels."""
        return self.detect_once(image, VIEW)


def rows() -> Iterator[Row]:
    """The loop, every way against it, and what more views cost."""
    shown = Shown()
    pack, place = ways.prepared()
    possible = [way for way in choose.ON_CPU if ways.possible(way, pack, place)]
    sides: dict[str, Side] = {
        f"loop {threads}": loop(pack.detector.parent, threads, shown) for threads in (1, 2)
    }
    for way in possible:
        networks = seeing(ways.opened(way, pack, place), shown)
        sides[str(way)] = ours(OneView(networks))
        sides[f"product {way.precision}"] = bare(ways.product(way.precision))
    sides["all views"] = ours(InsightFaceModel(networks, name="", licence="", thresholds={}))
    sides["decode"] = decode_floor
    with tempfile.TemporaryDirectory() as folder:
        turns = alternating(sides, list(compose(Path(folder))), shown)
    plain = min("loop 1", "loop 2", key=lambda name: turns.cost(name).cpu)
    yield took("a photo in the loop", turns, plain)
    yield took("decoding a photo, at the least", turns, "decode")
    for way in possible:
        yield from judged(way, turns, plain)
    yield took(
        f"a photo in all our views (192 and 2048 pixels), {possible[-1]}", turns, "all views"
    )


def took(what: str, turns: Turns, side: str) -> Row:
    """What one side takes, of which nothing is asked."""
    spent = turns.cost(side)
    return Measured.of(what, "–", f"{1000 * spent.cpu:.0f} CPU-ms", True, spent)


def judged(way: Way, turns: Turns, plain: str) -> Iterator[Row]:
    """A way against the loop and against the limit."""
    spent = turns.cost(str(way))
    product = turns.cost(f"product {way.precision}").cpu / ways.SIDE**3
    limit = turns.cost("decode").cpu + 1e9 * ways.BILLIONS * product
    faster, share = turns.cpu(plain, str(way)), limit / spent.cpu
    asked = (ASKED[way.precision], SHARE) if way.backend == "openvino" else (1.0, 0.0)
    said, enough = f"{faster:.2f}× ({1000 * spent.cpu:.0f} CPU-ms)", faster >= asked[0]
    yield Measured.of(f"{way}: times the loop", f">= {asked[0]:.2f}×", said, enough, spent)
    said, enough = f"{share:.0%} ({1000 * limit:.0f} CPU-ms)", share >= asked[1]
    yield Measured.of(f"{way}: of the limit", f">= {asked[1]:.0%}", said, enough, spent)


def bare(work: Callable[[], object]) -> Side:
    """Work that has nothing to do with a photo."""

    def once(_: Photo) -> None:
        work()

    return once


def seeing(networks: Networks, shown: Shown) -> Networks:
    """With a detector that sees the faces."""
    detector = Seeing(networks.detector, shown)
    return Networks(detector, networks.recogniser, networks.raw_pixels)


def ours(model: InsightFaceModel) -> Side:
    """The engine's own path for one photo; gives the number of faces."""
    work = Work(lambda key: Path(key).read_bytes(), lambda: model)

    def once(photo: Photo) -> int:
        key = str(photo.path)
        return len(analyse_photo(key, work.read(key), work, model).faces)

    return once


def loop(folder: Path, threads: int, shown: Shown) -> Side:
    """What InsightFace's own example does, with detection and recognition only."""
    import onnxruntime
    from insightface.app import FaceAnalysis

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    app = FaceAnalysis(
        str(folder),
        allowed_modules=["detection", "recognition"],
        providers=["CPUExecutionProvider"],
        sess_options=options,
    )
    app.prepare(ctx_id=0, det_size=(VIEW, VIEW))
    sized = app.det_model._session_for_input_size
    app.det_model._session_for_input_size = lambda size: SeeingSession(sized(size), shown)
    return lambda photo: len(app.get(cv2.imread(str(photo.path))))


def alternating(sides: Mapping[str, Side], photos: Sequence[Photo], shown: Shown) -> Turns:
    """What a photo takes on each side, in turns; each photo is a turn."""
    cv2.setNumThreads(1)
    taken: dict[str, list[Cost]] = {name: [] for name in sides}
    for turn in range(ROUNDS + 1):
        for photo in photos[: None if turn else 1]:
            shown.faces = photo.faces
            for name, side in sides.items():
                spent = ratio.cost(partial(_once, name, side, photo))
                time.sleep(0.02)  # a pool of threads that spins would be the next one's cost
                taken[name] += [spent] if turn else []
    return Turns(taken)


def _once(name: str, side: Side, photo: Photo) -> None:
    faces = side(photo)
    assert faces in (None, len(photo.faces)), f"{name}: {faces} faces"


def decode_floor(photo: Photo) -> None:
    """The smallest scale, which is all of the Huffman pass and nearly nothing else."""
    simplejpeg.decode_jpeg(photo.path.read_bytes(), "RGB", min_width=SIZE[0] // 8)


def compose(folder: Path, data: Path = DATA) -> Iterator[Photo]:
    """Landscapes with grain, as a camera has it, and three portraits in each."""
    chance = np.random.default_rng(1)
    people = sorted((data / "lfw").glob("*/*_0001.jpg"))
    grain = np.tile(chance.normal(0, 5, (1000, 1000, 3)), (4, 6, 1))
    grounds = backgrounds(data)
    for number, widths in enumerate(WIDTHS):
        canvas = cv2.resize(grounds[-3 - number], SIZE, interpolation=cv2.INTER_CUBIC)
        faces, left = [], 200.0
        for width in widths:
            head = read(people[int(chance.integers(len(people)))])[50:200, 75:175]
            face = cv2.resize(head, (width, round(1.5 * width)), interpolation=cv2.INTER_CUBIC)
            top = int(chance.integers(200, SIZE[1] - 200 - len(face)))
            canvas[top : top + len(face), int(left) : int(left) + width] = face
            faces.append((left, float(top), float(width)))
            left += width + 700
        path = folder / f"{number}.jpg"
        pixels = np.clip(canvas + grain, 0, 255).astype(np.uint8)
        path.write_bytes(simplejpeg.encode_jpeg(pixels, 92, "RGB", "420"))
        yield Photo(path, tuple(faces))


if __name__ == "__main__":
    sys.exit(show("From a photo's bytes to its vectors", rows()))
