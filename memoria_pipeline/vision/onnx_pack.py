"""A folder of ONNX files: which of them detects, and which recognises."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
