"""Networks on OpenVINO: fp32, bf16 where the CPU has it, int8 from a quantised file."""

import sys
import threading
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.backends.network import Blob

HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "bf16"}
"""What layers compute in that are not int8, where the CPU has it: bf16 takes 8 ms off 65."""


KEPT_LAYERS = 600
"""Layers prepared for a shape of photo that are remembered, some 60 per shape: without a bound of
its own, 121 shapes of view take 700 MB."""


class OpenVinoNetwork:
    """One compiled network; every thread has a request of its own."""

    device = "cpu"

    def __init__(self, compiled: Any, precision: str) -> None:
        self._compiled, self._own = compiled, threading.local()
        self.input_shape = _shape(compiled.inputs[0])
        self.output_shape = _shape(compiled.outputs[0])
        self.outputs = tuple(output.get_any_name() for output in compiled.outputs)
        self.providers: tuple[str, ...] = (f"OpenVINO {precision}",)

    def run(self, blob: Blob) -> list[Blob]:
        """All outputs for one input (n, 3, height, width); they are copies."""
        request = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self._compiled.create_infer_request()
        answer = request.infer([blob], share_inputs=True)
        return [answer[output] for output in self._compiled.outputs]


def installed() -> bool:
    """Whether the package is here; it is not imported (0.3 s)."""
    return find_spec("openvino") is not None


@cache
def capabilities() -> frozenset[str]:
    """What the CPU computes in hardware, as OpenVINO names it: FP32, BF16, INT8 …"""
    return frozenset(_package().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def open_network(
    path: Path, precision: str = "fp32", threads: int = 1, kept: Path | None = None
) -> OpenVinoNetwork:
    """A network on the CPU. kept: a folder for what was compiled, for the next start.

    ModelError where OpenVINO is not installed, the CPU has no bf16, or the file is broken.
    """
    if precision == "bf16" and "BF16" not in capabilities():
        raise ModelError(
            "bf16 was asked for, but this CPU does not compute in it (avx512_bf16 or AMX):"
            " set MEMORIA_PRECISION=auto, or int8."
        )
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[precision] if "BF16" in capabilities() else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Two pinned processes end up on one core (ARCHITECTURE: speed).
        "ENABLE_CPU_PINNING": False,
        "CPU_RUNTIME_CACHE_CAPACITY": KEPT_LAYERS,
    }
    if kept is not None:
        settings["CACHE_DIR"] = str(kept)
    try:
        compiled = _package().Core().compile_model(str(path), "CPU", settings)
    except RuntimeError as error:
        raise ModelError(
            f"OpenVINO cannot load {path.name} ({type(error).__name__}): fetch the pack again, or"
            " set MEMORIA_BACKEND=onnxruntime."
        ) from error
    return OpenVinoNetwork(compiled, precision)


def _package() -> Any:
    # On import OpenVINO tells Google Analytics of it, where this package of its own is installed.
    # Its converter of other formats, which it does without, takes a third of its import.
    for unwanted in ("openvino_telemetry", "openvino.tools.ovc"):
        sys.modules.setdefault(unwanted, None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise ModelError(
            "OpenVINO was asked for, but it is not installed: pip install"
            " 'memoria-pipeline[openvino]', or set MEMORIA_BACKEND=auto."
        ) from error
    return openvino


def _shape(port: Any) -> tuple[int | None, ...]:
    return tuple(d.get_length() if d.is_static else None for d in port.get_partial_shape())
