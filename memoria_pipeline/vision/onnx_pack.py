"""A folder of ONNX files: which of them detects, which recognises, and sessions over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.errors import ModelError


@dataclass(frozen=True, slots=True)
class Pack:
    """The two files of a pack that are used.

    raw_pixels: the recogniser scales its input itself and wants RGB in 0 to 255 (older MXNet
    exports).
    """

    detector: Path
    recogniser: Path
    raw_pixels: bool


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """One ONNX Runtime session. `run` may be called from several threads at once."""

    session: Any
    input: str
    input_shape: tuple[int | str | None, ...]
    outputs: tuple[str, ...]
    output_shape: tuple[int | str | None, ...]
    providers: tuple[str, ...]

    @property
    def device(self) -> str:
        """`cuda` where the CUDA provider really loaded, else `cpu`."""
        return "cuda" if "CUDAExecutionProvider" in self.providers else "cpu"

    def run(self, blob: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs for one input (n, 3, height, width)."""
        answer: list[NDArray[np.float32]] = self.session.run(self.outputs, {self.input: blob})
        return answer


def open_pack(folder: Path) -> Pack:
    """Finds the detector and the recogniser among a folder's ONNX files, without loading the
    others.

    Told apart as InsightFace does, by their inputs and outputs. ModelError where one is missing,
    twice there, or a detector without key points.
    """
    if not folder.is_dir():
        raise ModelError(f"There is no model pack at {folder.name}: give a folder of ONNX files.")
    kinds: dict[str, list[tuple[Path, bool]]] = {"detection": [], "recognition": []}
    for path in sorted(folder.glob("*.onnx")):
        kind, raw = _kind(path)
        if kind:
            kinds[kind].append((path, raw))
    for kind, files in kinds.items():
        if len(files) != 1:
            raise ModelError(
                f"The model pack {folder.name} holds {len(files)} {kind} models; it must hold"
                " exactly one: put one .onnx file of each kind in a folder of their own."
            )
    (detector, _), (recogniser, raw) = kinds["detection"][0], kinds["recognition"][0]
    return Pack(detector, recogniser, raw)


def _kind(path: Path) -> tuple[str, bool]:
    """What an ONNX file is (`detection`, `recognition` or nothing of ours), and raw_pixels."""
    graph = _graph(path)
    if len(graph.output) >= 5:
        return _detection(path, len(graph.output)), False
    shape = [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
    own = {initializer.name for initializer in graph.initializer}
    inputs = [i for i in graph.input if i.name not in own]
    if len(inputs) != 1 or len(shape) != 4 or shape[2] != shape[3] or shape[2] in (0, 96, 192):
        return "", False
    if shape[2] < 112 or shape[2] % 16:
        return "", False
    first = [node.name for node in graph.node[:8]]
    subtracts = any(name.startswith(("Sub", "_minus")) for name in first)
    return "recognition", subtracts and any(name.startswith(("Mul", "_mul")) for name in first)


def _graph(path: Path) -> Any:
    import onnx  # 0.2 s, and only this needs it

    try:
        return onnx.load_model(str(path), load_external_data=False).graph
    except Exception as error:  # protobuf's DecodeError among others; the file is broken either way
        raise ModelError(
            f"The model file {path.name} cannot be read ({type(error).__name__}):"
            " fetch the pack again."
        ) from error


def _detection(path: Path, outputs: int) -> str:
    if outputs not in (9, 15):
        raise ModelError(
            f"The detector {path.name} gives no five landmarks ({outputs} outputs, not 9 or 15):"
            " take an SCRFD model with key points (its name ends in `kps`, or it is of a buffalo"
            " pack)."
        )
    return "detection"


def open_network(path: Path, device: str = "auto", threads: int = 1) -> Network:
    """An ONNX Runtime session on `auto`, `cpu` or `cuda`, with `threads` threads per call.

    ModelError where CUDA was asked for and did not load, or the file is broken.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning thread pool takes the core from the worker beside it (ARCHITECTURE: speed).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The detector's input changes with the photo; remembered patterns would only pile up.
    options.enable_mem_pattern = False
    wanted = providers(device, onnxruntime.get_available_providers())
    if "CUDAExecutionProvider" in wanted:
        onnxruntime.preload_dlls()
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=wanted)
    except Exception as error:
        raise ModelError(
            f"ONNX Runtime cannot load {path.name} ({type(error).__name__}): fetch the pack again."
        ) from error
    return _network(session, device)


def providers(device: str, available: Sequence[str]) -> list[str]:
    """The execution providers for a device. ModelError where CUDA is asked for and not built in."""
    if device not in ("auto", "cpu", "cuda"):
        raise ModelError(f"Unknown device {device!r}: use auto, cpu or cuda.")
    cuda = "CUDAExecutionProvider" in available
    if device == "cuda" and not cuda:
        raise ModelError(
            "CUDA was asked for, but this ONNX Runtime has no CUDA provider: replace onnxruntime by"
            " onnxruntime-gpu (the extra `gpu`), or set MEMORIA_DEVICE=cpu."
        )
    if device == "cpu" or not cuda:
        return ["CPUExecutionProvider"]
    return ["CUDAExecutionProvider", "CPUExecutionProvider"]


def _network(session: Any, device: str) -> Network:
    loaded = tuple(session.get_providers())
    if device == "cuda" and "CUDAExecutionProvider" not in loaded:
        raise ModelError(
            "CUDA was asked for, but its provider did not load (driver, CUDA or cuDNN libraries"
            " are missing): install the libraries that onnxruntime-gpu names, or set"
            " MEMORIA_DEVICE=cpu."
        )
    given, results = session.get_inputs()[0], session.get_outputs()
    return Network(
        session,
        given.name,
        tuple(given.shape),
        tuple(result.name for result in results),
        tuple(results[0].shape),
        loaded,
    )
