"""Networks on ONNX Runtime: the CPU at fp32, CUDA and TensorRT."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.backends.network import Blob

CPU, CUDA, TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))

GPU_BYTES = 4 << 30
"""Most that one session may take of a GPU; both networks at their largest batch take under 2 GB."""

SHARED_BYTES = 512 << 20
"""What the sessions of a process begin with to work in, in turns; none of it is taken before it is
touched. SCRFD-10G has 0.35 GB in use at once for a view of 2048 pixels; with pieces of all sizes,
a set for each session, 1.4 GB were held for what fits into this."""


@dataclass(frozen=True, slots=True, eq=False)
class OnnxNetwork:
    """One ONNX Runtime session."""

    session: Any
    input: str
    input_shape: tuple[int | str | None, ...]
    outputs: tuple[str, ...]
    output_shape: tuple[int | str | None, ...]
    providers: tuple[str, ...]

    @property
    def device(self) -> str:
        """`cuda` where the CUDA provider really loaded, else `cpu`."""
        return "cuda" if CUDA in self.providers else "cpu"

    def run(self, blob: Blob) -> list[Blob]:
        """All outputs for one input (n, 3, height, width)."""
        if self.device == "cuda":
            return bound(self.session, self.input, self.outputs, blob)
        answer: list[Blob] = self.session.run(self.outputs, {self.input: blob})
        return answer


def bound(session: Any, given: str, outputs: Sequence[str], blob: Blob) -> list[Blob]:
    """As `run`, with I/O binding: one copy to the device and, after the last layer, one back."""
    binding = session.io_binding()
    binding.bind_cpu_input(given, np.ascontiguousarray(blob))
    for name in outputs:
        binding.bind_output(name)
    session.run_with_iobinding(binding)
    answer: list[Blob] = binding.copy_outputs_to_cpu()
    return answer


def open_network(
    path: Path | bytes, device: str = "auto", threads: int = 1, cache: Path | None = None
) -> OnnxNetwork:
    """A session on `auto`, `cpu`, `cuda` or `tensorrt`, with `threads` threads per call.

    path: of an ONNX file, or its bytes. cache: where TensorRT keeps the engines it built.
    ModelError where a GPU was asked for and its provider did not load, or the file is broken.
    """
    import onnxruntime

    wanted = providers(device, onnxruntime.get_available_providers())
    if CUDA in wanted:
        onnxruntime.preload_dlls()
    given = [(name, provider_options(name, cache)) for name in wanted]
    options = _options(threads)
    if wanted == [CPU]:
        _share_memory(options)
    try:
        graph = path if isinstance(path, bytes) else str(path)
        session = onnxruntime.InferenceSession(graph, options, providers=given)
    except Exception as error:
        name = path.name if isinstance(path, Path) else "the network"
        raise ModelError(
            f"ONNX Runtime cannot load {name} ({type(error).__name__}): fetch the pack again."
        ) from error
    return _network(session, device)


def _options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning thread pool takes the core from the worker beside it (ARCHITECTURE: speed).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The detector's input changes with the photo; remembered patterns would only pile up.
    options.enable_mem_pattern = False
    return options


def _share_memory(options: Any) -> None:
    """One arena for all sessions, and the weights outside of it."""
    _arena()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")


@cache
def _arena() -> None:
    """Registers it; ONNX Runtime takes one per process."""
    import onnxruntime

    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    how = onnxruntime.OrtArenaCfg({"initial_chunk_size_bytes": SHARED_BYTES})
    onnxruntime.create_and_register_allocator(memory, how)


def providers(device: str, available: Sequence[str]) -> list[str]:
    """The execution providers for a device. ModelError where one is asked for and not built in."""
    if device not in ("auto", "cpu", "cuda", "tensorrt"):
        raise ModelError(f"Unknown device {device!r}: use auto, cpu or cuda.")
    for name, provider in (("cuda", CUDA), ("tensorrt", TENSORRT)):
        if device == name and provider not in available:
            raise ModelError(
                f"{provider.removesuffix('ExecutionProvider')} was asked for, but this ONNX Runtime"
                " has no such provider: replace onnxruntime by onnxruntime-gpu (the extra `gpu`),"
                " or set MEMORIA_DEVICE=cpu and MEMORIA_BACKEND=auto."
            )
    first = [TENSORRT] if device == "tensorrt" else []
    return [*first, *([CUDA] if device != "cpu" and CUDA in available else []), CPU]


def provider_options(provider: str, cache: Path | None) -> dict[str, str]:
    """A GPU's memory is taken as it is needed, up to a bound; TensorRT keeps what it built."""
    if provider == CUDA:
        return {
            "gpu_mem_limit": str(GPU_BYTES),
            "arena_extend_strategy": "kSameAsRequested",
            "cudnn_conv_algo_search": "HEURISTIC",
        }
    if provider == TENSORRT and cache is not None:
        return {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(cache)}
    return {}


def _network(session: Any, device: str) -> OnnxNetwork:
    loaded = tuple(session.get_providers())
    asked = {"cuda": CUDA, "tensorrt": TENSORRT}.get(device, CPU)
    if asked not in loaded:
        raise ModelError(
            f"{asked.removesuffix('ExecutionProvider')} was asked for, but its provider did not"
            " load (driver, CUDA or cuDNN libraries are missing): install the libraries that"
            " onnxruntime-gpu names, or set MEMORIA_DEVICE=cpu and MEMORIA_BACKEND=auto."
        )
    given, results = session.get_inputs()[0], session.get_outputs()
    return OnnxNetwork(
        session,
        given.name,
        tuple(given.shape),
        tuple(result.name for result in results),
        tuple(results[0].shape),
        loaded,
    )
