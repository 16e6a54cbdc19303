"""Photos in groups, as a GPU wants them: what came out one by one comes out, whatever happens."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision import line, together, worker
from memoria_pipeline.vision.analyse import Outcome, Work, analyse, analyse_photo
from memoria_pipeline.vision.backends import onnx_runtime
from memoria_pipeline.vision.backends.batched import FACES, Batched, with_batch_axis
from memoria_pipeline.vision.backends.network import Blob, Network, Networks
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.line import GroupModel, Line
from memoria_pipeline.vision.model import Detection, Embeddings, Image
from memoria_pipeline.vision.onnx_pack import open_pack
from memoria_pipeline_tests.bench.composed import read
from memoria_pipeline_tests.fakes import (
    BLACK,
    GREEN,
    RED,
    WHITE,
    ColourModel,
    Shelf,
    no_model,
    picture,
)


@dataclass(frozen=True)
class Grouped(ColourModel):
    """Wants four photos at once, and notes how many it was given, and how many faces."""

    together: int = 4
    groups: list[int] = field(default_factory=list)
    pools: list[int] = field(default_factory=list)

    def detect_together(self, images: Sequence[Image]) -> list[list[Detection]]:
        self.groups.append(len(images))
        return [self.detect(image) for image in images]

    def crops(self, image: Image, detections: Sequence[Detection]) -> list[Image]:
        return [image[:1, :1]] * len(detections)

    def vectors(self, crops: Sequence[Image]) -> Embeddings:
        self.pools.append(len(crops))
        return np.eye(4, dtype=np.float32)[[0] * len(crops)]


class Forgetful(Grouped):
    """Can embed the faces of one photo only."""

    def vectors(self, crops: Sequence[Image]) -> Embeddings:
        raise RuntimeError("out of memory")


def work(photos: dict[str, bytes], known: frozenset[str] = frozenset()) -> Work:
    return Work(Shelf(photos).read, Grouped, known=known, gpu=True)


def whites(count: int) -> dict[str, bytes]:
    return {f"{i:02}.png": picture(WHITE, (64 + i, 48)) for i in range(count)}


def through(
    model: GroupModel, photos: dict[str, bytes], size: int = 4, known: frozenset[str] = frozenset()
) -> list[Outcome]:
    """What comes out of a line, in this process."""
    moving = Line(Work(Shelf(photos).read, no_model, known=known), model, 2, threading.Event())
    keys = list(photos)
    groups = [keys[at : at + size] for at in range(0, len(keys), size)]
    return [outcome for group in [*groups, [], []] for outcome in moving.step(group)]


def seen(outcomes: Sequence[Outcome]) -> list[tuple[object, ...]]:
    """All of them that is not time."""
    return [(o.key, o.sha256, o.width, o.height, len(o.faces), o.error) for o in outcomes]


def test_outcomes_are_those_of_photos_one_by_one_in_their_order() -> None:
    photos = {
        **whites(5), "text.jpg": b"hello", "green.png": picture(GREEN), "empty.jpg": b"",
        "black.png": picture(BLACK), "copy.png": picture(WHITE), "last.png": picture(WHITE, (9, 9)),
    }  # fmt: skip
    names = [*photos, "gone.jpg"]
    alone = analyse(names, Work(Shelf(photos).read, ColourModel), workers=1)
    outcomes = list(analyse(names, work(photos), workers=2))
    assert seen(outcomes) == seen(list(alone))
    assert [outcome.duplicate for outcome in outcomes].index(True) == names.index("copy.png")
    assert all(outcome.seconds > 0 for outcome in outcomes)


def test_a_photo_that_ends_the_worker_costs_no_other_photo_of_its_group() -> None:
    photos = {**whites(5), "05-bad.png": picture(RED), "06.png": picture(WHITE, (9, 9))}
    outcomes = list(analyse(photos, work(photos), workers=2))
    assert [outcome.key for outcome in outcomes] == list(photos)
    assert [outcome.error and outcome.error[0] for outcome in outcomes] == [
        *[None] * 5, "crashed", None,
    ]  # fmt: skip


def test_a_hang_in_a_group_ends_the_worker() -> None:
    # That a worker's end costs one photo is the test above.
    hang = (
        "from memoria_pipeline.vision import together, worker\n"
        "from memoria_pipeline_tests.fakes import BLUE, Shelf, picture\n"
        "from memoria_pipeline_tests.vision.test_together import Grouped\n"
        "worker.LONGEST = 1\n"
        "work = worker.Work(Shelf({'a': picture(BLUE)}).read, Grouped)\n"
        "worker._start_worker(work, worker.SPAWN.Event())\n"
        "assert together._begin(1) == 4\n"
        "together._step(['a'])\n"
        "together._step([])\n"
    )
    ended = subprocess.run([sys.executable, "-c", hang], check=False, timeout=50)
    assert ended.returncode == -signal.SIGALRM


def leave_a_thread_that_hangs() -> None:
    worker.LONGEST = 1
    worker._start_worker(Work(hang, Grouped), worker.SPAWN.Event())
    together._begin(1)
    together._step(["a"])


def hang(_key: str) -> bytes:
    time.sleep(60)
    return b""


def test_a_worker_that_leaves_does_not_wait_for_a_thread_that_hangs() -> None:
    leaving = worker.SPAWN.Process(target=leave_a_thread_that_hangs)
    leaving.start()
    leaving.join(40)
    assert leaving.exitcode == -signal.SIGALRM


def test_a_model_that_is_on_no_gpu_after_all_gets_photos_one_by_one() -> None:
    photos = whites(3)
    for model in (ColourModel, partial(Grouped, together=1)):
        outcomes = list(analyse(photos, replace(work(photos), load=model), workers=1))
        assert [(o.key, len(o.faces)) for o in outcomes] == [(key, 1) for key in photos]


def test_a_model_that_cannot_be_had_is_the_runs_error() -> None:
    photos = whites(2)
    with pytest.raises(ModelError, match="install it"):
        list(analyse(photos, replace(work(photos), load=no_model), workers=1))


def test_closing_it_early_leaves_no_worker_and_no_photos_start_none() -> None:
    before = multiprocessing.active_children()
    assert list(analyse([], work({}))) == []
    assert multiprocessing.active_children() == before
    photos = whites(40)
    outcomes = analyse(photos, work(photos), workers=2)
    next(iter(outcomes))
    (worker,) = set(multiprocessing.active_children()) - set(before)
    outcomes.close()  # type: ignore[attr-defined]
    assert not os.path.exists(f"/proc/{worker.pid}")  # noqa: PTH110


def test_once_a_run_is_to_stop_nothing_is_looked_at_any_more() -> None:
    photos, model, stop = whites(8), Grouped(), threading.Event()
    moving = Line(Work(Shelf(photos).read, no_model), model, 2, stop)
    keys = list(photos)
    assert moving.step(keys[:4]) == []
    stop.set()
    assert moving.step(keys[4:]) == []
    assert model.groups == []


def test_groups_are_looked_at_together_and_their_faces_share_a_pool() -> None:
    photos = {**whites(6), "green.png": picture(GREEN), "broken.png": b"\x89PNG"}
    model = Grouped()
    outcomes = through(model, photos)
    assert [len(outcome.faces) for outcome in outcomes] == [1] * 6 + [0, 0]
    assert model.groups == [4, 3]
    assert model.pools == [4, 2]


def test_what_is_known_is_not_looked_at() -> None:
    photos = whites(4)
    first = through(Grouped(), photos)
    model = Grouped()
    again = through(model, photos, known=frozenset(outcome.sha256 for outcome in first))
    assert all(outcome.duplicate for outcome in again)
    assert model.groups == []


@pytest.mark.parametrize("largest", [1, line.LARGEST])
def test_large_photos_and_failing_pools_are_worked_on_alone(
    largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = {**whites(3), "green.png": picture(GREEN)}
    expected = through(Grouped(), photos)
    monkeypatch.setattr(line, "LARGEST", largest)
    model = Forgetful() if largest > 1 else Grouped()
    assert seen(through(model, photos)) == seen(expected)
    assert model.groups == ([] if largest == 1 else [4])


@pytest.mark.parametrize(
    ("detector", "may"),
    [
        (Detector(backend="cuda"), True),
        (Detector(backend="tensorrt"), True),
        (Detector(backend="openvino"), False),
        (Detector(device="cpu"), False),
        (Detector(), False),
    ],
)
def test_only_where_a_gpu_may_be_is_a_worker_asked(detector: Detector, may: bool) -> None:
    assert detector._may_have_gpu("dlib") == may


class Counted:
    """A network on the CPU that says it is on CUDA, and how many views it was given."""

    device, providers = "cuda", (onnx_runtime.CUDA,)

    def __init__(self, network: Network) -> None:
        self._network = network
        self.input_shape, self.output_shape = network.input_shape, network.output_shape
        self.outputs = network.outputs
        self.sizes: list[int] = []

    def run(self, blob: Blob) -> list[Blob]:
        self.sizes.append(len(blob))
        return self._network.run(blob)


@dataclass(frozen=True, eq=False)
class Real:
    """The small pack as on a GPU and as on a CPU, and photos of people: portraits and a crowd."""

    grouped: InsightFaceModel
    plain: InsightFaceModel
    recogniser: Counted
    photos: dict[str, bytes]


@pytest.fixture(scope="module")
def real(shared_models: Path, shared_data: Path) -> Real:
    pack = open_pack(shared_models / "scrfd_2.5g_mobilefacenet")
    names = {"name": "small", "licence": "", "thresholds": {}}
    single = [onnx_runtime.open_network(each, "cpu") for each in (pack.detector, pack.recogniser)]
    many = Counted(onnx_runtime.open_network(with_batch_axis(pack.detector), "cpu"))
    faces = Counted(single[1])
    on_gpu = Networks(Batched(many), Batched(faces, FACES), pack.raw_pixels)
    paths = sorted((shared_data / "lfw").glob("*/*_0001.jpg"))[:35]
    small = [cv2.resize(read(path), (90, 90)) for path in paths]
    crowd = np.vstack([np.hstack(small[at : at + 7]) for at in range(0, 35, 7)])
    photos = {path.name: path.read_bytes() for path in paths[:3]}
    photos |= {"crowd": simplejpeg.encode_jpeg(np.ascontiguousarray(crowd, np.uint8), 92)}
    return Real(
        InsightFaceModel(on_gpu, **names),  # type: ignore[arg-type]
        InsightFaceModel(Networks(single[0], single[1], pack.raw_pixels), **names),  # type: ignore[arg-type]
        faces,
        photos,
    )


def test_a_real_pack_finds_and_knows_in_groups_whom_it_does_one_by_one(real: Real) -> None:
    assert (real.grouped.together, real.plain.together) == (16, 1)
    plain = Work(Shelf(real.photos).read, no_model)
    outcomes = through(real.grouped, real.photos)
    for outcome in outcomes:
        alone = analyse_photo(outcome.key, real.photos[outcome.key], plain, real.plain)
        assert len(outcome.faces) == len(alone.faces) > 0
        assert (outcome.sha256, outcome.width) == (alone.sha256, alone.width)
        for one, other in zip(outcome.faces, alone.faces, strict=True):
            np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-4)
            assert one.detection.box == pytest.approx(other.detection.box, abs=1e-4)
            assert one.quality_class == other.quality_class


def test_faces_of_many_photos_share_calls_of_up_to_64(real: Real) -> None:
    real.recogniser.sizes.clear()
    crowds = {str(number): real.photos["crowd"] for number in range(2)}
    found = sum(len(outcome.faces) for outcome in through(real.grouped, crowds))
    assert found > 64
    assert real.recogniser.sizes[0] == 64
    assert sum(real.recogniser.sizes) >= found
    assert set(real.recogniser.sizes) <= set(FACES)
    assert len(real.recogniser.sizes) == 2
