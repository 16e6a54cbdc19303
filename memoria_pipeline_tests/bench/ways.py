"""What each way of running a pack costs per photo, beside what the machine could do at best.

`python -m memoria_pipeline_tests.bench.ways` prints CPU milliseconds for one view of 640 pixels and
three faces, on networks of the shapes of SCRFD-10G and ArcFace R50; the limit is the same number of
multiplications as one large matrix product at that precision. The guard is not asked: random
weights find nobody. Two minutes.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from memoria_pipeline.vision.backends import choose, keeping, openvino
from memoria_pipeline.vision.backends.network import Blob, Networks, Way
from memoria_pipeline.vision.backends.opening import open_networks
from memoria_pipeline.vision.backends.quantise import Recording, quantise
from memoria_pipeline.vision.onnx_pack import Pack, open_pack
from memoria_pipeline_tests.bench import ratio
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.networks import stand_in
from memoria_pipeline_tests.bench.ratio import Measured

ROOT = Path(__file__).resolve().parents[2]

VIEW, FACES = (448, 640), 3

BILLIONS = 10.0 * 448 / 480 + FACES * 6.31
"""Multiplications of the two networks: SCRFD-10G has its name from 640 by 480 pixels."""

SIDE = 1536
"""Of the matrices; larger ones are no faster."""

ROUNDS = 5


def rows() -> Iterator[Row]:
    """For each way its cost, against ONNX Runtime at fp32 and against the limit."""
    pack, place = prepared()
    ready = {way: opened(way, pack, place) for way in choose.ON_CPU if possible(way, pack, place)}
    works: dict[str, Callable[[], object]] = {str(w): work(n) for w, n in ready.items()}
    works |= {f"limit {way.precision}": product(way.precision) for way in ready}
    turns = ratio.alternating(works, ROUNDS)
    taken = {name: 1000 * turns.cost(name).cpu for name in works}
    plain = taken[str(Way())]
    for way in ready:
        rate = SIDE**3 / taken[f"limit {way.precision}"] / 1e6
        share = BILLIONS * 1000 / rate / taken[str(way)]
        said = f"{plain / taken[str(way)]:.2f}× as fast, {taken[str(way)]:.0f} CPU-ms"
        reached = f"{said}, {share:.0%} of {2 * rate:.0f} GFLOP/s"
        yield Measured.of(str(way), "–", reached, True, turns.cost(str(way)))


def prepared(folder: Path = ROOT / ".bench") -> tuple[Pack, Path]:
    """The stand-in pack and the folder of its int8 networks, which are made once."""
    pack = open_pack(stand_in(folder / "stand_in"))
    place = keeping.folder(folder / "models", pack)
    if not keeping.has_quantised(place, pack):
        recording = Recording.of(open_networks(pack, Way(), "cpu"))
        for blob in blobs():
            (recording.detector if blob.shape[0] == 1 else recording.recogniser).run(blob)
        quantise(pack, recording, keeping.quantised(place, pack))
    return pack, place


def possible(way: Way, pack: Pack, place: Path) -> bool:
    """Whether this machine can run the way at all."""
    return not choose.unable(way, pack, place)


def opened(way: Way, pack: Pack, place: Path) -> Networks:
    """The networks in this way, without asking the guard."""
    files = keeping.quantised(place, pack) if way.precision == "int8" else pack
    return open_networks(files, way, "cpu")


def blobs() -> list[Blob]:
    """One view and the faces of one photo: noise."""
    random = np.random.default_rng(1)
    shapes = (1, 3, *VIEW), (FACES, 3, 112, 112)
    return [random.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]


def work(networks: Networks) -> Callable[[], object]:
    """Both networks on one photo."""
    view, faces = blobs()
    return lambda: (networks.detector.run(view), networks.recogniser.run(faces))


def product(precision: str) -> Callable[[], object]:
    """One large matrix product at a precision, on one thread of OpenVINO."""
    import openvino as ov
    from openvino import opset13 as ops

    random = np.random.default_rng(2)
    given = ops.parameter([SIDE, SIDE], np.float32)
    weights = ops.constant(random.uniform(-1, 1, (SIDE, SIDE)).astype(np.float32))
    left: Any = given
    if precision == "int8":
        left, weights = (_levels(ops, each) for each in (given, weights))
    model = ov.Model([ops.matmul(left, weights, False, True)], [given])
    settings = {
        "INFERENCE_PRECISION_HINT": openvino.HINTS[precision],
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
    }
    request = ov.Core().compile_model(model, "CPU", settings).create_infer_request()
    blob = random.uniform(-1, 1, (SIDE, SIDE)).astype(np.float32)
    return lambda: request.infer([blob], share_inputs=True, share_outputs=True)


def _levels(ops: Any, each: Any) -> Any:
    ends = [ops.constant(np.float32(end)) for end in (-1.0, 1.0)]
    return ops.fake_quantize(each, *ends, *ends, 255)


if __name__ == "__main__":
    sys.exit(show("Ways of running a pack", rows()))
