"""int8 networks from fp32 ones: static quantisation, calibrated on what the networks really see."""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.backends import keeping, openvino
from memoria_pipeline.vision.backends.network import Blob, Network, Networks
from memoria_pipeline.vision.onnx_pack import Pack

OPERATORS = ["Conv", "Add", "Relu", "MaxPool", "AveragePool", "Resize"]

PASSING = {"Transpose", "Reshape", "Sigmoid", "Mul", "BatchNormalization", "Flatten", "PRelu"}
"""Between the last layer that computes and an output, which looks through these."""

PER_CHANNEL = 13
"""The first version of ONNX's operators in which a weight has a scale per channel."""

WORTH = 0.9
"""An int8 network that takes more than this share of the time is not used."""

VIEWS, FACES = 96, 256
"""Most inputs of the detector and of the recogniser that are used; more change no range."""


class Recorder:
    """A network that remembers what it was given, up to `most` rows of it."""

    def __init__(self, network: Network, most: int) -> None:
        self._network, self._most = network, most
        self.device, self.providers = network.device, network.providers
        self.input_shape, self.output_shape = network.input_shape, network.output_shape
        self.outputs = network.outputs
        self.seen: list[Blob] = []

    def run(self, blob: Blob) -> list[Blob]:
        """As the network itself."""
        room = self._most - sum(len(each) for each in self.seen)
        if room > 0:
            self.seen.append(blob[:room].copy())
        return self._network.run(blob)


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Both networks of a pack, and what they were given."""

    detector: Recorder
    recogniser: Recorder
    raw_pixels: bool

    @classmethod
    def of(cls, networks: Networks) -> "Recording":
        """Around loaded networks; nothing recorded yet."""
        detector, recogniser = (
            Recorder(networks.detector, VIEWS),
            Recorder(networks.recogniser, FACES),
        )
        return cls(detector, recogniser, networks.raw_pixels)

    @property
    def networks(self) -> Networks:
        """As a model takes them."""
        return Networks(self.detector, self.recogniser, self.raw_pixels)


def quantise(pack: Pack, recorded: Recording, into: Pack) -> None:
    """Writes the int8 networks of `pack` to the files of `into`.

    A network that int8 makes no faster stays as it was: one of depthwise layers (MobileFaceNet)
    takes 27 ms for three faces, not 19, and is less exact.

    ModelError where the recording holds no face, or a network cannot be quantised.
    """
    if not recorded.recogniser.seen:
        raise ModelError(
            "No face was found in the photos to calibrate on: give a folder with photos of people."
        )
    into.detector.parent.mkdir(parents=True, exist_ok=True)
    for source, seen, target in (
        (pack.detector, recorded.detector.seen, into.detector),
        (pack.recogniser, recorded.recogniser.seen, into.recogniser),
    ):
        _quantised(source, seen, target)
        if not _faster(target, source, seen[0]):
            keeping.copy(source, target)


def _quantised(source: Path, blobs: Sequence[Blob], target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        plain, made = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        try:
            _write(source, plain, blobs, made)
        except Exception as error:  # of onnx, of ONNX Runtime, of an odd graph
            raise ModelError(
                f"{source.name} cannot be made int8 ({type(error).__name__}): set"
                " MEMORIA_PRECISION=fp32 or bf16."
            ) from error
        made.replace(target)


def _faster(one: Path, other: Path, blob: Blob) -> bool:
    return _milliseconds(one, blob) < WORTH * _milliseconds(other, blob)


def _milliseconds(path: Path, blob: Blob) -> float:
    network = openvino.open_network(path)
    taken = []
    for _ in range(4):
        started = time.process_time()
        network.run(blob)
        taken.append(1000 * (time.process_time() - started))
    return min(taken[1:])


def _write(source: Path, plain: Path, blobs: Sequence[Blob], made: Path) -> None:
    import onnx
    from onnx import version_converter
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = onnx.load(str(source))
    if max(each.version for each in model.opset_import if not each.domain) < PER_CHANNEL:
        model = version_converter.convert_version(model, PER_CHANNEL)
    onnx.save(model, str(plain))
    quant_pre_process(str(plain), str(plain), skip_symbolic_shape=True)
    graph = onnx.load(str(plain), load_external_data=False).graph
    own = {each.name for each in graph.initializer}
    name = next(each.name for each in graph.input if each.name not in own)
    quantization.quantize_static(
        str(plain),
        str(made),
        _reader(name, blobs),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=OPERATORS,
        nodes_to_exclude=sensitive(graph),
        per_channel=True,
        activation_type=getattr(quantization.QuantType, "QInt8" if signed(graph) else "QUInt8"),
        weight_type=quantization.QuantType.QInt8,
        calibrate_method=quantization.CalibrationMethod.MinMax,
        extra_options={"ActivationSymmetric": signed(graph)},
    )


def sensitive(graph: Any) -> list[str]:
    """The layers that stay fp32: the first, which sees the pixels, and the last before outputs."""
    made_by = {name: node for node in graph.node for name in node.output}
    first = next(node for node in graph.node if node.op_type == "Conv")
    last = [node for output in graph.output for node in _before(output.name, made_by)]
    return sorted({first.name, *(node.name for node in last)})


def signed(graph: Any) -> bool:
    """Whether layers give values below zero (PReLU), which then get a zero point of zero.

    OpenVINO folds no other into the layer: R50 takes 118 ms for three faces, not 145. The layers of
    a network of ReLUs use all of uint8, and lose nothing by it.
    """
    return any(node.op_type == "PRelu" for node in graph.node)


def _before(name: str, made_by: dict[str, Any]) -> Iterator[Any]:
    node = made_by.get(name)
    if node is not None:
        yield node
        if node.op_type in PASSING:
            yield from _before(node.input[0], made_by)


def _reader(name: str, blobs: Iterable[Blob]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """One blob after the other."""

        def __init__(self) -> None:
            self._rest = iter(blobs)

        def get_next(self) -> dict[str, Blob] | None:
            blob = next(self._rest, None)
            return None if blob is None else {name: np.asarray(blob, np.float32)}

    return Reader()
