"""What is kept of a pack between runs: int8 networks, the guard's results, measurements.

One folder per pack, named by the content of its files, under the store (`models/` in the home).
"""

import fcntl
import hashlib
import json
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any
from uuid import uuid4

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision import packs
from memoria_pipeline.vision.onnx_pack import Pack

FILES = "files.json"
"""Hashes of the packs' files."""

FEATURES = (
    *("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16"),
    *("amx_bf16", "amx_int8", "asimd", "bf16", "i8mm"),
)
"""Flags of a CPU that decide how a network is computed."""


def folder(store: Path, pack: Pack) -> Path:
    """Where a pack's things are; it may not exist yet."""
    parts = "".join(_sha256(store / FILES, path) for path in (pack.detector, pack.recogniser))
    return store / hashlib.sha256(parts.encode()).hexdigest()[:16]


def _sha256(kept: Path, path: Path) -> str:
    """Of a pack's file; kept with what tells that it is still the same: R50 takes 0.1 s."""
    state = path.stat()
    key = f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
    known = read(kept)
    if key not in known:
        write(kept, {**known, key: packs.sha256(path)})
    else:
        packs.HASHES[path, state.st_mtime_ns] = known[key]
    return packs.sha256(path)


def quantised(place: Path, pack: Pack) -> Pack:
    """The pack's int8 networks, there or not."""
    return Pack(place / "int8-detector.onnx", place / "int8-recogniser.onnx", pack.raw_pixels)


def has_quantised(place: Path, pack: Pack) -> bool:
    """Whether both int8 networks are there."""
    made = quantised(place, pack)
    return made.detector.is_file() and made.recogniser.is_file()


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """While a pack's networks are made or measured; ModelError where another process is at it.

    A verdict would else be kept on networks that another has made anew meanwhile.
    """
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ModelError(
                "`memoria model quantise` or `guard` is at work on this pack: wait until it ends."
            ) from error
        yield


@cache
def machine(backend: str) -> str:
    """The CPU's features and the back-end's version: what a result holds for."""
    return f"{cpu()}; {backend} {_version('openvino' if backend == 'openvino' else 'onnxruntime')}"


def _version(package: str) -> str:
    """Of a package that need not be imported for it (0.1 s); of a build of another name it is."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return str(import_module(package).__version__)


@cache
def cpu(source: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU's name and those of FEATURES that it has."""
    lines = source.read_text("utf-8", "replace").splitlines() if source.is_file() else []
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = {*told.get("flags", "").split(), *told.get("Features", "").split()}
    name = told.get("model name", platform.processor() or platform.machine())
    return " ".join([name, *(each for each in FEATURES if each in flags)])


def read(path: Path) -> dict[str, Any]:
    """A kept JSON object; empty where there is none. ModelError for one that cannot be read."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        return dict(found)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{path.name} of a model pack cannot be read ({type(error).__name__}): delete it, in"
            " `models/` of MEMORIA_HOME; `memoria model guard` or the next start writes it anew."
        ) from error


def write(path: Path, what: dict[str, Any]) -> None:
    """Keep a JSON object; nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = _beside(path)
    new.write_text(json.dumps(what, indent=1, sort_keys=True) + "\n", "utf-8")
    new.replace(path)


def copy(source: Path, path: Path) -> None:
    """Keep a copy of a file; nobody ever sees half of it."""
    new = _beside(path)
    shutil.copyfile(source, new)
    new.replace(path)


def _beside(path: Path) -> Path:
    return path.with_suffix(f".{uuid4().hex}")  # two containers on one home both are process 1
