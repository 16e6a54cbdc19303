"""A network as a face model sees it, whatever runs it, and the ways there are to run one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Blob = NDArray[np.float32]
"""(n, 3, height, width)."""

BACKENDS = ("onnxruntime", "openvino", "cuda", "tensorrt")

PRECISIONS = ("fp32", "bf16", "int8")


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """One way to run a pack: one of BACKENDS at one of PRECISIONS."""

    backend: str = "onnxruntime"
    precision: str = "fp32"

    def __str__(self) -> str:
        return f"{self.backend} {self.precision}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the settings ask for; `auto` leaves it to a measurement.

    store: where int8 networks, the guard's results and measurements are kept, a folder per pack;
    None: nothing is kept, so `auto` is ONNX Runtime at fp32.
    """

    backend: str = "auto"
    precision: str = "auto"
    store: Path | None = None

    def allows(self, way: Way) -> bool:
        """Whether the settings leave this way open."""
        return self.backend in ("auto", way.backend) and self.precision in ("auto", way.precision)


class Network(Protocol):
    """One loaded network. `run` may be called from several threads at once."""

    @property
    def input_shape(self) -> tuple[int | str | None, ...]:
        """Of the one input; what may change is no number."""

    @property
    def output_shape(self) -> tuple[int | str | None, ...]:
        """Of the first output."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs' names, in their order."""

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""

    @property
    def providers(self) -> tuple[str, ...]:
        """What runs it, for people; the first does most."""

    def run(self, blob: Blob) -> list[Blob]:
        """All outputs for one input."""


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """A pack, loaded. raw_pixels: the recogniser scales its input itself."""

    detector: Network
    recogniser: Network
    raw_pixels: bool
