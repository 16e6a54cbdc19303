"""dlib's face ResNet as an ONNX graph: the same numbers at a fifteenth of the time.

dlib-bin has no BLAS and runs its convolutions at a few GFLOP/s: 75 ms a crop, where ONNX Runtime
takes 5 on one thread of the same core. The weights stay where the package has them and are read
from dlib's own file format.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.errors import ModelError

CROP = 150
"""Pixels of the input's sides."""

LAYERS = 29
"""Convolutions in the file; each is followed by its affine layer, and all by one matrix."""

_LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""Channels, blocks, and whether the first block halves the picture."""

_MEAN, _SCALE = (122.782, 117.001, 104.298), 256.0
"""Of dlib's `input_rgb_image_sized`: colours as (value - mean) / scale."""

_NAME = re.compile(rb"\x01\x05con_4|\x01\x07affine_|\x01\x04fc_2")

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One convolution with what follows it folded in: (n, k, side, side) and (n,)."""

    weights: Weights
    bias: Weights


def graph(path: Path) -> bytes:
    """The network of dlib's file as ONNX: (n, 3, 150, 150) of 0 to 255, RGB → (n, 128).

    Raises ModelError for a file that is not dlib_face_recognition_resnet_model_v1.
    """
    try:
        layers, matrix = _read(path.read_bytes())
    except (OSError, ValueError, IndexError) as error:
        raise ModelError(
            f"The weights {path.name} cannot be read ({type(error).__name__}): install"
            " face_recognition_models again."
        ) from error
    return _Graph(iter(layers)).whole(matrix)


def _read(data: bytes) -> tuple[list[Layer], Weights]:
    read = list(_tensors(data))
    names, found = [name for name, _ in read], [tensor for _, tensor in read]
    if names != [b"con_4", b"affine_"] * LAYERS + [b"fc_2"]:
        raise ValueError("not the layers of this network")
    pairs = zip(found[:-1:2], found[1::2], strict=True)
    layers: list[Layer] = []
    for given, affine in pairs:
        layers.append(_folded(given, affine, 3 if layers else 7, first=not layers))
    return layers, found[-1].reshape(256, 128)


def _folded(given: Weights, affine: Weights, side: int, *, first: bool) -> Layer:
    """A convolution, then x * gamma + beta; before the first one, the colours' mean and scale."""
    gamma, beta = np.split(affine, 2)
    weights, bias = given[: -len(gamma)].reshape(len(gamma), -1, side, side), given[-len(gamma) :]
    if first:
        weights = weights / np.float32(_SCALE)
        bias = bias - weights.sum((2, 3)) @ np.array(_MEAN, np.float32)
    return Layer(weights * gamma[:, None, None, None], bias * gamma + beta)


def _tensors(data: bytes) -> Iterator[tuple[bytes, Weights]]:
    """Each layer's name and parameters, from the input to the output.

    dlib writes an integer as a byte with its length, then its bytes, low ones first; a tensor as
    version, four sizes and bare floats.
    """
    at = 0
    while match := _NAME.search(data, at):
        at, name = match.end(), match.group()[2:]
        for _ in range(2 if name == b"fc_2" else 0):
            _, at = _integer(data, at)
        sizes = []
        for _ in range(5):
            size, at = _integer(data, at)
            sizes.append(size)
        count = int(np.prod(sizes[1:]))
        yield name, np.frombuffer(data, "<f4", count, at).astype(np.float32)
        at += 4 * count


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, none negative here, and where the next one begins."""
    end = at + 1 + (data[at] & 15)
    return int.from_bytes(data[at + 1 : end], "little"), end


class _Graph:
    """The graph as it grows; each method gives the name of its result."""

    def __init__(self, layers: Iterator[Layer]) -> None:
        self._layers = layers
        self._nodes: list[Any] = []
        self._values: list[Any] = []

    def whole(self, matrix: Weights) -> bytes:
        """All of it, with the last matrix."""
        x = self._add("Relu", self._conv("crops", stride=2))
        x = self._add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
        side, before = 35, 32
        for width, blocks, halves in _LEVELS:
            for block in range(blocks):
                if halves and block == 0:
                    x = self._halved(x, side, width - before)
                    side, before = side // 2, width
                else:
                    x = self._block(x)
        mean = self._add("Flatten", self._add("GlobalAveragePool", x))
        self._add("MatMul", mean, self._constant(matrix), result="vectors")
        return self._serialised()

    def _serialised(self) -> bytes:
        from onnx import TensorProto, helper

        shapes: dict[str, list[str | int | None]] = {
            "crops": ["n", 3, CROP, CROP],
            "vectors": ["n", 128],
        }
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ]
        made = helper.make_graph(self._nodes, "dlib", ends[:1], ends[1:], self._values)
        opset = [helper.make_opsetid("", 13)]
        model = helper.make_model(made, opset_imports=opset, ir_version=8)
        return bytes(model.SerializeToString())

    def _block(self, x: str) -> str:
        inner = self._conv(self._add("Relu", self._conv(x, pad=1)), pad=1)
        return self._add("Relu", self._add("Add", inner, x))

    def _halved(self, x: str, side: int, more: int) -> str:
        """The block that halves the picture and has `more` channels after.

        dlib adds what differs in size as if zeros were there: channels of the shortcut, and where
        the side is even a row and a column of the block.
        """
        inner = self._conv(self._add("Relu", self._conv(x, stride=2)), pad=1)
        beside = self._add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
        if missing := side // 2 - (side - 1) // 2:
            inner = self._padded(inner, (0, missing, missing))
        beside = self._padded(beside, (more, 0, 0)) if more else beside
        return self._add("Relu", self._add("Add", inner, beside))

    def _conv(self, x: str, stride: int = 1, pad: int = 0) -> str:
        layer = next(self._layers)
        names = [self._constant(layer.weights), self._constant(layer.bias)]
        return self._add("Conv", x, *names, strides=[stride] * 2, pads=[pad] * 4)

    def _padded(self, x: str, ends: tuple[int, int, int]) -> str:
        """With zeros at the ends of channels, rows and columns."""
        pads = self._constant(np.array([0, 0, 0, 0, 0, *ends], np.int64))
        return self._add("Pad", x, pads)

    def _constant(self, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"w{len(self._values)}"
        self._values.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _add(self, kind: str, *given: str, result: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = result or f"x{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, given, [name], **attributes))
        return name
