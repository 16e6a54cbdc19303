"""Opening one network in one way."""

from pathlib import Path

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.backends import batched, onnx_runtime, openvino
from memoria_pipeline.vision.backends.network import Network, Networks, Way
from memoria_pipeline.vision.onnx_pack import Pack


def open_network(
    path: Path, way: Way, device: str = "auto", threads: int = 1, kept: Path | None = None
) -> Network:
    """The network of an ONNX file; kept: where a back-end keeps what it compiled.

    device: of ONNX Runtime alone; the back-ends cuda and tensorrt are devices themselves. int8
    wants the file that `quantise` made. ModelError where the way cannot be had.
    """
    if way.backend == "openvino":
        return openvino.open_network(path, way.precision, threads, kept)
    if way.precision != "fp32":
        raise ModelError(
            f"{way.precision} was asked for on {way.backend}, which runs fp32 only: set"
            " MEMORIA_BACKEND=openvino or MEMORIA_PRECISION=auto."
        )
    asked = device if way.backend == "onnxruntime" else way.backend
    return onnx_runtime.open_network(path, asked, threads, kept)


def open_networks(
    pack: Pack, way: Way, device: str = "auto", threads: int = 1, kept: Path | None = None
) -> Networks:
    """Both networks of a pack; on a GPU they are called with several views and faces.

    ModelError as `open_network`.
    """
    recogniser = open_network(pack.recogniser, way, device, threads, kept)
    if recogniser.device == "cuda":
        asked = device if way.backend == "onnxruntime" else way.backend
        graph = batched.with_batch_axis(pack.detector)
        plain: Network = onnx_runtime.open_network(graph, asked, threads, kept)
        faces = batched.Batched(recogniser, batched.FACES)
        return Networks(batched.Batched(plain), faces, pack.raw_pixels)
    detector = open_network(pack.detector, way, device, threads, kept)
    return Networks(detector, recogniser, pack.raw_pixels)
