"""A folder of ONNX files: which of them detects, and which recognises."""

from dataclasses import dataclass
from pathlib import Path

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.onnx_header import Header, read_header


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
    header = _header(path)
    if header.outputs >= 5:
        return _detection(path, header.outputs), False
    shape = next(iter(header.inputs.values()), ())
    if len(header.inputs) != 1 or len(shape) != 4 or shape[2] != shape[3]:
        return "", False
    if shape[2] < 112 or shape[2] == 192 or shape[2] % 16:
        return "", False
    subtracts = any(name.startswith(("Sub", "_minus")) for name in header.nodes)
    return "recognition", subtracts and any(n.startswith(("Mul", "_mul")) for n in header.nodes)


def _header(path: Path) -> Header:
    try:
        return read_header(path)
    except (OSError, ValueError) as error:
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
