"""A detector that takes several views at once: what a GPU needs to be busy.

SCRFD's exports put all views of a batch into one list of anchors, in an order that cannot be taken
apart; the graph is changed to give a list for each. A batch has one of a few sizes, since a GPU
plans its work, and keeps memory, for each size that it meets.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.backends.network import Blob, Network

BUCKETS = (1, 4, 8, 16)
"""Views per call; what is missing to the next of these is empty views."""

FACES = (*BUCKETS, 32, 64)
"""Faces per call of a recogniser."""

AFTER = ("Sigmoid", "Mul", "Identity")
"""What may stand between the list of anchors and an output."""


class Batched:
    """A network with a batch axis, called with as many views as one of `sizes`. A `Network`."""

    def __init__(self, network: Network, sizes: Sequence[int] = BUCKETS) -> None:
        self._network, self._sizes = network, sizes
        self.device, self.providers = network.device, network.providers
        self.input_shape, self.output_shape = network.input_shape, network.output_shape
        self.outputs = network.outputs

    def run(self, blob: Blob) -> list[Blob]:
        """All outputs for (n, 3, height, width), each (n, …); any n from 1."""
        most = self._sizes[-1]
        parts = [self._padded(blob[at : at + most]) for at in range(0, len(blob), most)]
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    def _padded(self, blob: Blob) -> list[Blob]:
        size = next(bucket for bucket in self._sizes if bucket >= len(blob))
        if size > len(blob):
            empty = np.zeros((size - len(blob), *blob.shape[1:]), np.float32)
            return [each[: len(blob)] for each in self._network.run(np.concatenate([blob, empty]))]
        return self._network.run(blob)


def answers(network: Network, blobs: Sequence[Blob]) -> list[list[Blob]]:
    """The outputs for each view (1, 3, height, width), in order; views of one shape share calls."""
    if not isinstance(network, Batched):
        return [network.run(blob) for blob in blobs]
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, blob in enumerate(blobs):
        alike[blob.shape].append(number)
    found: dict[int, list[Blob]] = {}
    for numbers in alike.values():
        together = network.run(np.concatenate([blobs[number] for number in numbers]))
        for row, number in enumerate(numbers):
            found[number] = [each[row : row + 1] for each in together]
    return [found[number] for number in range(len(blobs))]


def with_batch_axis(source: Path) -> bytes:
    """SCRFD's graph with outputs (n, anchors, width) for (n, 3, height, width), as an ONNX file.

    ModelError for a graph of another build.
    """
    import onnx

    try:
        model = onnx.load(str(source))
        for number, output in enumerate(model.graph.output):
            _open(model.graph, output, f"batched_{number}")
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "views"
        del model.graph.value_info[:]  # shapes of one view
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())
    except Exception as error:  # of onnx, of an odd graph
        raise ModelError(
            f"The detector {source.name} cannot take several photos at once"
            f" ({type(error).__name__}): take an SCRFD model of InsightFace, or set"
            " MEMORIA_DEVICE=cpu and MEMORIA_BACKEND=auto."
        ) from error


def _open(graph: Any, output: Any, name: str) -> None:
    """One output: (height, width, n, anchors × width) made flat becomes a list for each view."""
    from onnx import helper, numpy_helper

    made_by = {result: node for node in graph.node for result in node.output}
    reshape = made_by[output.name]
    while reshape.op_type in AFTER:
        reshape = made_by[reshape.input[0]]
    transpose = made_by[reshape.input[0]]
    if (reshape.op_type, transpose.op_type) != ("Reshape", "Transpose"):
        raise ValueError(f"{reshape.op_type} after {transpose.op_type}")
    width = output.type.tensor_type.shape.dim[-1].dim_value
    del transpose.attribute[:]
    transpose.attribute.append(helper.make_attribute("perm", [0, 2, 3, 1]))
    graph.initializer.append(numpy_helper.from_array(np.array([0, -1, width], np.int64), name))
    reshape.input[1] = name
    shape = helper.make_tensor_value_info("", 1, ["views", "anchors", width]).type
    output.type.CopyFrom(shape)
