"""Networks of the shapes of SCRFD-10G and ArcFace R50, for speed where the weights cannot be had.

Same layers, same channels, random weights of a fixed seed. The detector finds what is really there
to be found: every magenta square (`MARK`) of at least 64 pixels in its view is one face, so that a
photo has as many faces for us as for the loop it is compared with.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MARK = (255, 0, 255)
"""A square of this colour is a face to the detector."""

STEM, STAGES, BLOCKS = 28, (56, 88, 88, 224), (3, 4, 2, 3)
"""Of SCRFD-10G-BNKPS: channels of the stem's first half, then of each stage, and blocks in it."""

NECK, HEAD, HEAD_DEPTH, ANCHORS = 56, 80, 3, 2

WIDTHS, DEPTHS = (64, 128, 256, 512), (3, 4, 14, 3)
"""Of IResNet50."""

REACH = 3.0
"""Strides from a cell's corner to each edge of its box: 192 pixels at a stride of 32."""

POINTS = np.array([[-0.6, -0.5], [0.6, -0.5], [0, 0.1], [-0.5, 0.7], [0.5, 0.7]], np.float32)
"""The landmarks from the cell's corner, in strides."""


def stand_in(folder: Path) -> Path:
    """A folder that `open_pack` and InsightFace take, written once; 0.2 GB, two seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in (("det_stand_in", detector), ("rec_stand_in", recogniser)):
        path = folder / f"{name}.onnx"
        if not path.is_file():
            new = path.with_suffix(".new")
            onnx.save(make(), str(new))
            new.rename(path)
    return folder


class Graph:
    """An ONNX graph that grows layer by layer; every method gives the name of its result."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.random = np.random.default_rng(seed)

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One node with one result."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        """A weight."""
        name = f"w_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def conv(
        self, x: str, width: tuple[int, int], size: int = 3, stride: int = 1, gain: float = 1.0
    ) -> str:
        """A convolution with He's weights and a bias, which is where batch norms end."""
        shape = (width[1], width[0], size, size)
        scale = gain * np.sqrt(2 / (width[0] * size * size))
        return self.conv_of(x, self.random.standard_normal(shape) * scale, stride)

    def conv_of(
        self,
        x: str,
        weights: NDArray[np.float64],
        stride: int = 1,
        bias: NDArray[np.float64] | None = None,
    ) -> str:
        """A convolution of given weights, padded to keep its side."""
        size = weights.shape[-1]
        given = np.zeros(len(weights)) if bias is None else bias
        names = [self.constant(each.astype(np.float32)) for each in (weights, given)]
        pads, steps = [size // 2] * 4, [stride, stride]
        return self.add(
            "Conv", x, *names, kernel_shape=[size, size], pads=pads, strides=steps, group=1
        )

    def normal(self, x: str, width: int) -> str:
        """A batch norm that changes little."""
        shift = self.random.standard_normal(width) * 0.1
        values = (np.ones(width), shift, np.zeros(width), np.ones(width))
        names = [self.constant(each.astype(np.float32)) for each in values]
        return self.add("BatchNormalization", x, *names, epsilon=1e-5)

    def prelu(self, x: str, width: int) -> str:
        return self.add("PRelu", x, self.constant(np.full((width, 1, 1), 0.25, np.float32)))

    def model(self, given: Any, results: Sequence[Any]) -> onnx.ModelProto:
        """The whole, checked."""
        graph = helper.make_graph(self.nodes, "stand_in", [given], list(results), self.weights)
        opset = [helper.make_opsetid("", 13)]
        made = helper.make_model(graph, opset_imports=opset, ir_version=8)
        onnx.checker.check_model(made)
        return made


def detector(seed: int = 7) -> onnx.ModelProto:
    """SCRFD-10G with key points: nine outputs, scores, edges and points at three strides."""
    g = Graph(seed)
    levels = _neck(g, _backbone(g, "input.1"))
    results = [_heads(g, level, stride) for level, stride in zip(levels, (8, 16, 32), strict=True)]
    outputs = [
        helper.make_tensor_value_info(names[kind], TensorProto.FLOAT, [None, width])
        for kind, width in enumerate((1, 4, 10))
        for names in results
    ]
    given = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, "?", "?"])
    return g.model(given, outputs)


def recogniser(seed: int = 8) -> onnx.ModelProto:
    """IResNet50 with 512 outputs, of 112 by 112 pixels."""
    g = Graph(seed)
    x = g.prelu(g.conv("input.1", (3, 64)), 64)
    before = 64
    for width, depth in zip(WIDTHS, DEPTHS, strict=True):
        for block in range(depth):
            x = _ires_block(g, x, before, width, stride=1 if block else 2)
            before = width
    flat = g.add("Flatten", g.normal(x, 512), axis=1)
    weights = g.random.standard_normal((512, 512 * 49)) * np.sqrt(1 / (512 * 49))
    names = [g.constant(each.astype(np.float32)) for each in (weights, np.zeros(512))]
    dense = g.add("Gemm", flat, *names, transB=1)
    given = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["None", 3, 112, 112])
    last = g.normal(dense, 512)
    return g.model(given, [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["None", 512])])


def _ires_block(g: Graph, x: str, before: int, width: int, stride: int) -> str:
    inner = g.prelu(g.conv(g.normal(x, before), (before, width)), width)
    inner = g.conv(inner, (width, width), stride=stride, gain=0.3)
    same = stride == 1 and before == width
    aside = x if same else g.conv(x, (before, width), size=1, stride=stride, gain=0.7)
    return g.add("Add", inner, aside)


def _backbone(g: Graph, x: str) -> list[tuple[str, int]]:
    """The last three stages' results, and their channels."""
    for widths, stride in (((3, STEM), 2), ((STEM, STEM), 1), ((STEM, STAGES[0]), 1)):
        x = g.add("Relu", g.conv(x, widths, stride=stride))
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    before, found = STAGES[0], []
    for stage, (width, depth) in enumerate(zip(STAGES, BLOCKS, strict=True)):
        for block in range(depth):
            x = _res_block(g, x, before, width, stride=1 if block or not stage else 2)
            before = width
        found.append((x, width))
    return found[1:]


def _res_block(g: Graph, x: str, before: int, width: int, stride: int) -> str:
    inner = g.add("Relu", g.conv(x, (before, width), stride=stride))
    inner = g.conv(inner, (width, width), gain=0.3)
    if stride == 2:
        x = g.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    if stride == 2 or before != width:
        x = g.conv(x, (before, width), size=1, gain=0.7)
    return g.add("Relu", g.add("Add", inner, x))


def _neck(g: Graph, levels: Sequence[tuple[str, int]]) -> list[str]:
    """A path down and a path up over the three levels."""
    flat = [g.conv(x, (width, NECK), size=1) for x, width in levels]
    for upper in (1, 0):
        flat[upper] = g.add("Add", flat[upper], _twice(g, flat[upper + 1], flat[upper]))
    found = [g.conv(each, (NECK, NECK)) for each in flat]
    for lower in (1, 2):
        shrunk = g.conv(found[lower - 1], (NECK, NECK), stride=2)
        found[lower] = g.add("Add", found[lower], shrunk)
    return [found[0], *(g.conv(each, (NECK, NECK)) for each in found[1:])]


def _twice(g: Graph, x: str, like: str) -> str:
    """The level below, as large as the one above it."""
    first = [g.add("Shape", each) for each in (x, like)]
    rows = [g.constant(np.array(each, np.int64)) for each in ([0], [2], [4])]
    size = g.add("Slice", first[1], rows[1], rows[2], rows[0])
    channels = g.add("Slice", first[0], rows[0], rows[1], rows[0])
    whole = g.add("Concat", channels, size, axis=0)
    return g.add(
        "Resize", x, "", "", whole,
        mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric",
    )  # fmt: skip


def _heads(g: Graph, x: str, stride: int) -> tuple[str, str, str]:
    """Scores, edges and points of one level, one row per anchor."""
    before = NECK
    for _ in range(HEAD_DEPTH):
        x = g.add("Relu", g.conv(x, (before, HEAD)))
        before = HEAD
    faint = g.random.standard_normal
    scores = g.conv_of(x, faint((ANCHORS, HEAD, 3, 3)) * 1e-4, bias=np.full(ANCHORS, -8.0))
    if stride == 32:
        scores = g.add("Add", scores, _marks(g))
    edges = np.tile(np.full(4, REACH), ANCHORS)
    points = np.tile(POINTS.ravel(), ANCHORS).astype(np.float64)
    boxes = g.conv_of(x, faint((len(edges), HEAD, 3, 3)) * 1e-5, bias=edges)
    marks = g.conv_of(x, faint((len(points), HEAD, 3, 3)) * 1e-5, bias=points)
    rows = [_rows(g, each, n) for each, n in ((scores, 1), (boxes, 4), (marks, 10))]
    return g.add("Sigmoid", rows[0]), rows[1], rows[2]


def _rows(g: Graph, x: str, width: int) -> str:
    turned = g.add("Transpose", x, perm=[0, 2, 3, 1])
    return g.add("Reshape", turned, g.constant(np.array([-1, width], np.int64)))


def _marks(g: Graph) -> str:
    """What the first anchor of a cell gets that is magenta all over: 16, for a score of .9997."""
    mean = g.add("AveragePool", "input.1", kernel_shape=[32, 32], strides=[32, 32])
    weights = np.zeros((ANCHORS, 3, 1, 1))
    weights[0, :, 0, 0] = 40, -40, 40
    over = g.conv_of(mean, weights, bias=np.array([-40 * 2.6, 0]))
    return g.add("Relu", over)
