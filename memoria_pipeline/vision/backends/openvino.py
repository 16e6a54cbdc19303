"""Networks on OpenVINO: fp32, bf16 where the CPU has it, int8 from a quantised file."""

import sys
import threading
from collections.abc import Callable, Sequence
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

LARGE = 1_500_000
"""Pixels from which on a view at fp32 has a network of its own shape: one of 2048 by 1376 takes 250
MB so, and 460 in a network of any shape. It is made anew, in 0.25 s of such a view's 2.2, where a
view has another shape than the last: to keep several would take what one saves."""

Compile = Callable[[Sequence[int]], Any]
"""A network of one shape, compiled."""


class OpenVinoNetwork:
    """One compiled network; every thread has a request of its own.

    fixed: where large views are to have networks of their own shapes.
    """

    device = "cpu"

    def __init__(self, compiled: Any, precision: str, fixed: Compile | None = None) -> None:
        self._compiled, self._own, self._fixed = compiled, threading.local(), fixed
        self.input_shape = _shape(compiled.inputs[0])
        self.output_shape = _shape(compiled.outputs[0])
        self.outputs = tuple(output.get_any_name() for output in compiled.outputs)
        self.providers: tuple[str, ...] = (f"OpenVINO {precision}",)

    def run(self, blob: Blob) -> list[Blob]:
        """All outputs for one input (n, 3, height, width); they are copies."""
        answer = self._request(blob.shape).infer([blob], share_inputs=True)
        return list(answer.to_tuple())

    def _request(self, shape: tuple[int, ...]) -> Any:
        own = self._own.__dict__
        if self._fixed is not None and shape[2] * shape[3] >= LARGE:
            if own.get("shape") != shape:
                own.update(large=None, shape=None)  # gone before there is another
                own.update(large=self._fixed(shape).create_infer_request(), shape=shape)
            return own["large"]
        if "request" not in own:
            own["request"] = self._compiled.create_infer_request()
        return own["request"]


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
    core = _package().Core()
    try:
        compiled = core.compile_model(str(path), "CPU", settings | _cached(kept))
    except RuntimeError as error:
        raise ModelError(
            f"OpenVINO cannot load {path.name} ({type(error).__name__}): fetch the pack again, or"
            " set MEMORIA_BACKEND=onnxruntime."
        ) from error

    def fixed(shape: Sequence[int]) -> Any:
        model = core.read_model(str(path))
        model.reshape(list(shape))
        return core.compile_model(model, "CPU", settings)

    return OpenVinoNetwork(compiled, precision, fixed if precision == "fp32" else None)


def _cached(kept: Path | None) -> dict[str, str]:
    return {"CACHE_DIR": str(kept)} if kept is not None else {}


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
