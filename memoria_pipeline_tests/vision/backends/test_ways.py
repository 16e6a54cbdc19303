"""The same faces in every way that this CPU can run a pack."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from memoria_pipeline.errors import ModelError
from memoria_pipeline.settings import child_variables
from memoria_pipeline.vision.backends import keeping, onnx_runtime, openvino
from memoria_pipeline.vision.backends import quantise as quantising
from memoria_pipeline.vision.backends.network import Way
from memoria_pipeline.vision.backends.opening import open_network, open_networks
from memoria_pipeline.vision.backends.quantise import (
    Recorder,
    Recording,
    quantise,
    sensitive,
    signed,
)
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.model import Image
from memoria_pipeline.vision.onnx_pack import Pack
from memoria_pipeline.vision.trial import Trial
from memoria_pipeline_tests.bench.detection import matches, pixel_boxes

# How near the vectors of the same face must be; the int8 ones are calibrated on three photos.
NEAR = {"fp32": 0.9999, "bf16": 0.99, "int8": 0.9}

SPEED = {
    "det_2.5g.onnx": 60.0,
    "int8-detector.onnx": 24.0,
    "mobilefacenet_128d.onnx": 19.0,
    "int8-recogniser.onnx": 27.0,
}


def _have(precision: str) -> None:
    if precision == "bf16" and "BF16" not in openvino.capabilities():
        pytest.skip("this CPU has no bf16")


@pytest.mark.parametrize("precision", NEAR)
def test_a_faster_way_finds_the_same_faces_and_nearly_the_same_vectors(
    precision: str, trial: Trial, plain: InsightFaceModel, portraits: list[Image]
) -> None:
    _have(precision)
    model = trial.model(Way("openvino", precision))
    assert (model.device, model.providers) == ("cpu", (f"OpenVINO {precision}",))
    image = np.hstack(portraits)
    before, after = plain.detect(image), model.detect(image)
    pairs = matches(pixel_boxes(image, before), pixel_boxes(image, after))
    assert len(pairs) == len(before) == len(after)
    ours, theirs = (m.embed([image], [before])[0] for m in (plain, model))
    assert (ours * theirs).sum(axis=1).min() > NEAR[precision]


def test_sessions_that_share_their_memory_answer_as_one_with_its_own_bit_by_bit(
    pack: Pack, plain: InsightFaceModel, portraits: list[Image]
) -> None:
    image = np.hstack(portraits)
    faces = plain.detect(image)
    crops = np.stack(plain.crops(image, faces)).transpose(0, 3, 1, 2).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    own = onnxruntime.InferenceSession(
        str(pack.recogniser), options, providers=["CPUExecutionProvider"]
    )
    theirs = own.run(None, {own.get_inputs()[0].name: crops})[0]
    for _ in range(2):  # the second in memory that both networks have left their numbers in
        ours = onnx_runtime.open_network(pack.recogniser, "cpu").run(crops)[0]
        assert np.array_equal(ours, theirs)
        assert [f.box for f in plain.detect(image)] == [f.box for f in faces]


MANY_SESSIONS = """
import sys
from pathlib import Path
import numpy as np
from memoria_pipeline.vision.backends.onnx_runtime import open_network
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
view, networks = np.zeros((1, 3, 1536, 1536), np.float32), []
for number in range(4):
    networks.append(open_network(Path(sys.argv[1]), "cpu"))
    networks[-1].run(view)
    if number == 0:
        first = held()
print(first, held())
"""


def test_another_session_works_in_the_memory_of_the_first(pack: Pack) -> None:
    said = subprocess.run(
        [sys.executable, "-c", MANY_SESSIONS, str(pack.detector)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    first, last = map(int, said.split())
    assert first > 150e6  # or the view says nothing
    assert last - first < 75e6  # three networks of 3 MB; with an arena each, over 300 MB


def test_threads_that_share_an_openvino_network_get_their_own_answers(pack: Pack) -> None:
    network = open_network(pack.recogniser, Way("openvino"))
    blobs = [np.full((1, 3, 112, 112), 10.0 * n, np.float32) for n in range(8)]
    alone = [network.run(blob)[0] for blob in blobs]
    with ThreadPoolExecutor(4) as pool:
        for one, many in zip(alone, pool.map(network.run, blobs), strict=True):
            np.testing.assert_array_equal(one, many[0])


def test_an_answer_stays_when_the_network_runs_again(pack: Pack) -> None:
    network = open_network(pack.recogniser, Way("openvino"))
    first = network.run(np.zeros((1, 3, 112, 112), np.float32))[0]
    kept = first.copy()
    network.run(np.full((1, 3, 112, 112), 200.0, np.float32))
    np.testing.assert_array_equal(first, kept)


def test_a_large_view_is_answered_alike_by_a_network_of_its_own_shape(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = open_network(pack.detector, Way("openvino"))
    chance = np.random.default_rng(0)
    shapes = ((1, 3, 320, 480), (1, 3, 480, 320), (1, 3, 320, 480), (1, 3, 96, 96))
    views = [chance.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]
    plain = [network.run(view) for view in views]
    monkeypatch.setattr(openvino, "LARGE", 320 * 480)
    for view, wanted in zip(views, plain, strict=True):
        for one, other in zip(network.run(view), wanted, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_shapes_are_told_alike_by_both(pack: Pack) -> None:
    for path in (pack.detector, pack.recogniser):
        one, other = (open_network(path, Way(name), "cpu") for name in ("onnxruntime", "openvino"))
        assert len(one.outputs) == len(other.outputs)
        assert [d for d in one.input_shape if isinstance(d, int)] == [
            d for d in other.input_shape if d is not None
        ]
        assert one.output_shape[-1] == other.output_shape[-1]


def test_what_was_compiled_is_kept_for_the_next_start(pack: Pack, tmp_path: Path) -> None:
    blob = np.ones((1, 3, 112, 112), np.float32)
    first = open_network(pack.recogniser, Way("openvino"), kept=tmp_path).run(blob)
    assert list(tmp_path.glob("*.blob"))
    again = open_network(pack.recogniser, Way("openvino"), kept=tmp_path).run(blob)
    np.testing.assert_array_equal(first[0], again[0])


def test_openvino_is_imported_without_what_reports_it_and_what_it_converts_with() -> None:
    assert "FP32" in openvino.capabilities()
    assert sys.modules["openvino_telemetry"] is None
    assert sys.modules["openvino.tools.ovc"] is None


@pytest.mark.parametrize(("given", "taken"), [({}, "4"), ({"OPENBLAS_THREAD_TIMEOUT": "28"}, "28")])
def test_the_idle_threads_of_numpys_openblas_sleep_unless_the_environment_says_otherwise(
    given: dict[str, str], taken: str
) -> None:
    code = (
        "import memoria_pipeline, sys, os;"
        "assert 'numpy' not in sys.modules;"
        "os.execvp('printenv', ['printenv', 'OPENBLAS_THREAD_TIMEOUT'])"
    )
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=child_variables(without=["OPENBLAS_THREAD_TIMEOUT"], **given),
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.strip() == taken


def test_a_broken_file_is_refused_by_openvino_too(tmp_path: Path) -> None:
    (tmp_path / "rec.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"OpenVINO cannot load rec\.onnx"):
        open_network(tmp_path / "rec.onnx", Way("openvino"))


def test_bf16_on_a_cpu_without_it_is_an_error_not_a_slow_run(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "capabilities", lambda: frozenset({"FP32"}))
    with pytest.raises(ModelError, match="does not compute in it"):
        open_network(pack.detector, Way("openvino", "bf16"))


def test_onnx_runtime_does_not_pretend_to_run_bf16(pack: Pack) -> None:
    with pytest.raises(ModelError, match="fp32 only"):
        open_network(pack.detector, Way("onnxruntime", "bf16"))


def test_a_gpu_that_is_asked_for_and_not_there_is_an_error() -> None:
    cpu = ["CPUExecutionProvider"]
    for device in ("cuda", "tensorrt"):
        with pytest.raises(ModelError, match="onnxruntime-gpu"):
            onnx_runtime.providers(device, cpu)


def test_tensorrt_stands_before_cuda_and_both_before_the_cpu() -> None:
    every = [onnx_runtime.CPU, onnx_runtime.CUDA, onnx_runtime.TENSORRT]
    assert onnx_runtime.providers("tensorrt", every) == every[::-1]
    assert onnx_runtime.providers("cuda", every) == [onnx_runtime.CUDA, onnx_runtime.CPU]
    assert onnx_runtime.providers("cpu", every) == [onnx_runtime.CPU]


def test_a_gpus_memory_is_bounded_and_taken_as_needed(tmp_path: Path) -> None:
    options = onnx_runtime.provider_options(onnx_runtime.CUDA, tmp_path)
    assert options["arena_extend_strategy"] == "kSameAsRequested"
    assert int(options["gpu_mem_limit"]) <= 8 << 30
    kept = onnx_runtime.provider_options(onnx_runtime.TENSORRT, tmp_path)
    assert kept["trt_engine_cache_path"] == str(tmp_path)
    assert onnx_runtime.provider_options(onnx_runtime.CPU, tmp_path) == {}


def test_the_first_layer_and_the_last_ones_stay_exact(pack: Pack) -> None:
    graph = onnx.load(str(pack.detector)).graph
    convolutions = [node.name for node in graph.node if node.op_type == "Conv"]
    kept = set(sensitive(graph)) & set(convolutions)
    assert convolutions[0] in kept
    assert len(kept) == 1 + len(graph.output)


def test_networks_of_prelus_are_quantised_around_zero(pack: Pack) -> None:
    assert signed(onnx.load(str(pack.recogniser)).graph)
    assert not signed(onnx.load(str(pack.detector)).graph)


def test_photos_without_a_face_make_no_int8_network(pack: Pack) -> None:
    recording = Recording.of(open_networks(pack, Way(), "cpu"))
    with pytest.raises(ModelError, match="No face was found"):
        quantise(pack, recording, pack)


def test_a_network_that_int8_makes_no_faster_stays_as_it_was(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(quantising, "_quantised", lambda _, __, target: target.touch())
    monkeypatch.setattr(quantising, "_milliseconds", lambda path, _: SPEED[path.name])
    recording = Recording.of(open_networks(trial.pack, Way(), "cpu"))
    recording.networks.detector.run(np.zeros((1, 3, 64, 64), np.float32))
    recording.networks.recogniser.run(np.zeros((1, 3, 112, 112), np.float32))
    into = keeping.quantised(tmp_path, trial.pack)
    quantise(trial.pack, recording, into)
    assert into.detector.stat().st_size == 0
    assert into.recogniser.read_bytes() == trial.pack.recogniser.read_bytes()


def test_a_recorder_remembers_no_more_than_it_was_told(pack: Pack) -> None:
    recorder = Recorder(open_network(pack.recogniser, Way()), 3)
    for _ in range(3):
        recorder.run(np.zeros((2, 3, 112, 112), np.float32))
    assert [len(each) for each in recorder.seen] == [2, 1]
