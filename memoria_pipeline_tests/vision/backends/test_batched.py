"""A detector with a batch axis gives what the one without gives, view by view."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.backends import onnx_runtime, opening
from memoria_pipeline.vision.backends.batched import BUCKETS, Batched, answers, with_batch_axis
from memoria_pipeline.vision.backends.network import Blob, Network, Networks, Way
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.model import Image
from memoria_pipeline.vision.onnx_pack import Pack
from memoria_pipeline_tests.bench import networks


class Counted:
    """A network that says how many views it was given."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.device, self.providers = network.device, network.providers
        self.input_shape, self.output_shape = network.input_shape, network.output_shape
        self.outputs = network.outputs
        self.sizes: list[int] = []

    def run(self, blob: Blob) -> list[Blob]:
        self.sizes.append(len(blob))
        return self._network.run(blob)


@pytest.fixture(scope="module")
def counted(pack: Pack) -> Counted:
    return Counted(onnx_runtime.open_network(with_batch_axis(pack.detector), "cpu"))


@pytest.fixture(scope="module", params=["real", "stand-in"])
def detector(request: Any, pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "real":
        return pack.detector
    path: Path = tmp_path_factory.mktemp("networks") / "detector.onnx"
    onnx.save(networks.detector(), str(path))
    return path


def views(count: int, height: int = 96, width: int = 128, seed: int = 1) -> Blob:
    shape = (count, 3, height, width)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def test_each_view_gets_the_outputs_of_the_graph_without_a_batch_axis(detector: Path) -> None:
    single = onnx_runtime.open_network(detector, "cpu")
    many = onnx_runtime.open_network(with_batch_axis(detector), "cpu")
    blob = views(3)
    together = many.run(blob)
    assert [len(each) for each in together] == [3] * 9
    for row in range(3):
        alone = single.run(blob[row : row + 1])
        for one, each in zip(alone, together, strict=True):
            np.testing.assert_allclose(each[row], one, rtol=1e-5, atol=1e-6)
    for one, each in zip(single.run(blob[:1]), many.run(blob[:1]), strict=True):
        np.testing.assert_array_equal(each[0], one)


@pytest.mark.parametrize("count", [1, 2, 4, 5, 16, 19])
def test_only_a_few_sizes_of_batch_reach_the_network(count: int, counted: Counted) -> None:
    counted.sizes.clear()
    found = Batched(counted).run(views(count))
    assert {len(each) for each in found} == {count}
    assert set(counted.sizes) <= set(BUCKETS)
    assert sum(counted.sizes) - count < BUCKETS[-1]


def test_views_of_one_shape_share_a_call_and_keep_their_order(counted: Counted, pack: Pack) -> None:
    single = onnx_runtime.open_network(pack.detector, "cpu")
    blobs = [views(1, 64, 96 + 32 * (n % 2), seed=n) for n in range(5)]
    counted.sizes.clear()
    together = answers(Batched(counted), blobs)
    assert counted.sizes == [4, 4]
    for blob, found in zip(blobs, together, strict=True):
        for one, each in zip(answers(single, [blob])[0], found, strict=True):
            np.testing.assert_allclose(each[0], one, rtol=1e-5, atol=1e-6)


def test_a_graph_of_another_build_is_refused(pack: Pack) -> None:
    with pytest.raises(ModelError, match="several photos at once"):
        with_batch_axis(pack.recogniser)


def test_bound_inputs_and_outputs_give_the_same_numbers(counted: Counted, pack: Pack) -> None:
    network = onnx_runtime.open_network(pack.detector, "cpu")
    blob = views(1)
    found = onnx_runtime.bound(network.session, network.input, network.outputs, blob)
    for one, each in zip(network.run(blob), found, strict=True):
        np.testing.assert_array_equal(one, each)


def test_a_pack_on_a_gpu_gets_the_batch_axis(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU is here: sessions are opened on the CPU and said to be on CUDA."""
    plain, asked = onnx_runtime.open_network, []

    def opened(path: Path | bytes, device: str = "auto", *_: object) -> onnx_runtime.OnnxNetwork:
        asked.append(device)
        on_cpu = plain(path, "cpu")
        return onnx_runtime.OnnxNetwork(
            on_cpu.session, on_cpu.input, on_cpu.input_shape, on_cpu.outputs, on_cpu.output_shape,
            (onnx_runtime.CUDA,),
        )  # fmt: skip

    monkeypatch.setattr(onnx_runtime, "open_network", opened)
    loaded = opening.open_networks(pack, Way("tensorrt"))
    assert asked == ["tensorrt", "tensorrt"]
    assert loaded.detector.device == "cuda"
    assert {len(each) for each in loaded.detector.run(views(5))} == {5}


def test_photos_looked_at_together_show_what_each_shows_alone(
    pack: Pack, portraits: list[Image], counted: Counted, plain: InsightFaceModel
) -> None:
    recogniser = opening.open_network(pack.recogniser, Way())
    model = InsightFaceModel(
        Networks(Batched(counted), recogniser, pack.raw_pixels),
        name="", licence="", thresholds={},
    )  # fmt: skip
    images = [*portraits, np.hstack(portraits), np.zeros((90, 120, 3), np.uint8)]
    counted.sizes.clear()
    together = model.detect_together(images)
    assert 4 in counted.sizes
    assert [len(each) for each in together] == [len(plain.detect(image)) for image in images]
    for image, found in zip(images, together, strict=True):
        for one, other in zip(plain.detect(image), found, strict=True):
            assert one.box == pytest.approx(other.box, abs=1e-4)
