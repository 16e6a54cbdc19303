"""The way a pack is run: what the settings leave open and the guard permits, the fastest of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.backends import guard, keeping, openvino
from memoria_pipeline.vision.backends.network import BACKENDS, PRECISIONS, Networks, Wanted, Way
from memoria_pipeline.vision.backends.onnx_runtime import CUDA
from memoria_pipeline.vision.backends.opening import open_networks
from memoria_pipeline.vision.onnx_pack import Pack

PLAIN = Way()

ON_CPU = (Way(), *(Way("openvino", precision) for precision in PRECISIONS))

FILE = "speed.json"

SIDE, RUNS = 320, 2
"""A quarter of a usual view and one face tell the ways apart; R50 takes 0.2 s so at fp32."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a pack is run. milliseconds: of the ways that were measured; reason: for people."""

    way: Way
    files: Pack
    kept: Path | None
    reason: str
    milliseconds: Mapping[str, float] = field(default_factory=dict)


def settle(pack: Pack, wanted: Wanted, device: str = "auto") -> Plan:
    """The way to run this pack here. ModelError where the settings ask for what cannot be had."""
    _known(wanted)
    if device == "cuda" and wanted.backend == "openvino":
        raise ModelError(
            "OpenVINO runs on the CPU only: set MEMORIA_DEVICE=auto, or another back-end."
        )
    if wanted.store is None and wanted.precision in ("auto", "fp32"):
        asked = PLAIN.backend if wanted.backend == "auto" else wanted.backend
        return _plan(Way(asked), pack, None, "fp32, as nothing is kept that would permit another")
    if _on_gpu(wanted, device):
        backend = "cuda" if wanted.backend == "auto" else wanted.backend
        precision = "fp32" if wanted.precision == "auto" else wanted.precision
        return _plan(Way(backend, precision), pack, wanted.store, f"{backend}: asked for, or here")
    place = keeping.folder(_store(wanted), pack)
    open_ = [way for way in ON_CPU if wanted.allows(way)] or [Way(wanted.backend, wanted.precision)]
    hindered = {way: why for way in open_ if (why := hindrance(way, pack, place))}
    ways = [way for way in open_ if way not in hindered]
    if not ways:
        raise ModelError(hindered[open_[0]])
    return _fastest(ways, pack, place)


def hindrance(way: Way, pack: Pack, place: Path) -> str:
    """Why a way may not be taken, with the mend; empty where it may."""
    why = unable(way, pack, place)
    return why or ("" if guard.permits(place, way) else _unproven(way, place))


def unable(way: Way, pack: Pack, place: Path) -> str:
    """Why a way cannot run here, with the mend; empty where it can."""
    if way.backend != "openvino":
        on_cpu = way.precision == "fp32"
        return "" if on_cpu else f"{way.backend} runs fp32 only: set MEMORIA_BACKEND=openvino."
    if not openvino.installed():
        return (
            "OpenVINO is not installed: pip install 'memoria-pipeline[openvino]', or set"
            " MEMORIA_BACKEND=onnxruntime and MEMORIA_PRECISION=auto."
        )
    if way.precision == "bf16" and "BF16" not in openvino.capabilities():
        return "This CPU does not compute in bf16: set MEMORIA_PRECISION=auto."
    if way.precision == "int8" and not keeping.has_quantised(place, pack):
        return (
            "This pack has no int8 networks yet: `memoria model quantise` makes them; then"
            " `memoria model guard` says whether they may be used."
        )
    return ""


def timed(networks: Networks) -> float:
    """Milliseconds of CPU for a small view and one face, the better of some runs."""
    side = networks.recogniser.input_shape[2]
    crop = side if isinstance(side, int) else 112
    view, face = (np.zeros((1, 3, each, each), np.float32) for each in (SIDE, crop))
    taken = []
    for _ in range(RUNS + 1):
        started = time.process_time()
        networks.detector.run(view)
        networks.recogniser.run(face)
        taken.append(1000 * (time.process_time() - started))
    return min(taken[1:])


def _fastest(ways: list[Way], pack: Pack, place: Path) -> Plan:
    """The only way, or the fastest by a measurement that is made once per machine and set."""
    if len(ways) == 1:
        return _plan(ways[0], pack, place, f"{ways[0]}: the only way that is open here")
    key = "; ".join([keeping.machine(way.backend) + f" {way.precision}" for way in ways])
    known = keeping.read(place / FILE).get(key)
    if known is None or set(known) != {str(way) for way in ways}:
        known = {str(way): _timed(way, pack, place) for way in ways}
        keeping.write(place / FILE, {key: known})
    best = min(ways, key=lambda way: (known[str(way)], ways.index(way)))
    reason = f"{best}: the fastest of {len(ways)} that are permitted here, as measured"
    return _plan(best, pack, place, reason, known)


def _timed(way: Way, pack: Pack, place: Path) -> float:
    plan = _plan(way, pack, place, "")
    return round(timed(open_networks(plan.files, way, "cpu", 1, plan.kept)), 2)


def _plan(
    way: Way,
    pack: Pack,
    place: Path | None,
    reason: str,
    milliseconds: Mapping[str, float] | None = None,
) -> Plan:
    int8 = way.precision == "int8" and place is not None
    files = keeping.quantised(place, pack) if int8 and place is not None else pack
    kept = place / "compiled" if place is not None and way.backend != "onnxruntime" else None
    return Plan(way, files, kept, reason, milliseconds or {})


def _known(wanted: Wanted) -> None:
    for given, names in ((wanted.backend, BACKENDS), (wanted.precision, PRECISIONS)):
        if given not in ("auto", *names):
            raise ModelError(f"Unknown {given!r}: use auto, {', '.join(names)}.")


def _on_gpu(wanted: Wanted, device: str) -> bool:
    if wanted.backend in ("cuda", "tensorrt"):
        return True
    if wanted.backend != "auto" or device == "cpu":
        return False
    import onnxruntime

    return device == "cuda" or CUDA in onnxruntime.get_available_providers()


def _store(wanted: Wanted) -> Path:
    if wanted.store is None:
        raise ModelError(
            f"{wanted.precision} needs a guard's result, and none is kept here: run it with"
            " MEMORIA_HOME set, after `memoria model guard`."
        )
    return wanted.store


def _unproven(way: Way, place: Path) -> str:
    told = guard.verdict(place, way)
    how = "`memoria model guard --labelled DIR` measures it on labelled photos"
    if told is None:
        return f"{way} is not proven for this pack on this machine: {how}."
    return (
        f"{way} loses too much with this pack: recall {told.recall:.1%} after"
        f" {told.recall_before:.1%}, TAR {told.tar:.1%} after {told.tar_before:.1%}. Set"
        f" MEMORIA_PRECISION=auto; {how} again."
    )
