"""The model packs: which there are, which one a setting means, how to load one."""

import fcntl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision import packs as known
from memoria_pipeline.vision.backends.network import Wanted
from memoria_pipeline.vision.model import FaceModel
from memoria_pipeline.vision.onnx_pack import Pack, open_pack

PLAIN = Wanted("auto", "fp32")
"""ONNX Runtime at fp32, on the device that is asked for."""


@dataclass(frozen=True, slots=True)
class PackInfo:
    """One line of `memoria model list`.

    name: what MEMORIA_FACE_MODEL takes. here: it loads without a download. calibrated: its
    thresholds are known. get: what to do to have it.
    """

    name: str
    title: str
    licence: str
    here: bool
    calibrated: bool
    get: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The pack that a setting comes to, and why, as one sentence for people."""

    pack: str
    reason: str


def packs(home: Path) -> list[PackInfo]:
    """All packs known by name, and the others in a user's home: `memoria model list`."""
    names = dict.fromkeys([*known.table("packs"), *known.here(home)])
    return [_info(name, home) for name in names]


def choose(requested: str, home: Path) -> Choice:
    """Which pack the setting `auto`, `dlib`, `insightface:NAME` or `insightface:/folder` means.

    home: the user's home, where InsightFace keeps its packs in .insightface/models. `auto` takes
    the first pack there whose thresholds are known, else dlib. ModelError for a setting that is
    none of these.
    """
    if requested != "auto":
        pack = known.checked(requested)
        return Choice(pack, f"{known.stored_name(pack)}: MEMORIA_FACE_MODEL asks for it.")
    here = known.here(home)
    ready = [pack for pack in here if known.numbers(pack, home)]
    if ready:
        return Choice(ready[0], f"{ready[0]}: it is on this machine, in ~/.insightface/models.")
    if here:
        return Choice(
            known.DLIB,
            f"dlib: {', '.join(here)} is on this machine, but has no thresholds yet"
            " (`memoria lab calibrate` makes them).",
        )
    return Choice(known.DLIB, "dlib: no InsightFace pack is on this machine; dlib comes with it.")


def load(
    pack: str,
    device: str = "auto",
    threads: int = 1,
    *,
    home: Path | None = None,
    detection_threshold: float = 0.5,
    det_size: int = 640,
    tiles: str = "auto",
    wanted: Wanted = PLAIN,
) -> FaceModel:
    """The model of a pack (as `choose` takes it), ready for photos.

    device: auto, cpu or cuda. threads: per call of a network. home: the user's home by default.
    tiles: auto, off or always. wanted: the back-end and its precision.
    A pack that was asked for by a name which InsightFace offers is downloaded by it when it is not
    here. ModelError, which names the mend, for a pack that cannot be had, a
    broken file, CUDA that did not load, and a way that is not permitted.
    """
    place = home or Path.home()
    pack = choose(pack, place).pack
    if pack == known.DLIB:
        _plain_only(wanted)
        return _dlib(device, detection_threshold, known.numbers(pack, place))
    from memoria_pipeline.vision.backends import choose as ways
    from memoria_pipeline.vision.backends.opening import open_networks
    from memoria_pipeline.vision.insightface_model import InsightFaceModel

    plan = ways.settle(files(pack, place), wanted, device)
    return InsightFaceModel(
        open_networks(plan.files, plan.way, device, threads, plan.kept),
        name=known.stored_name(pack),
        licence=known.licence(pack),
        thresholds=known.numbers(pack, place),
        detection_threshold=detection_threshold,
        det_size=det_size,
        tiles=tiles,
    )


def files(pack: str, home: Path) -> Pack:
    """The networks of an InsightFace pack, downloaded where it must be. ModelError as `load`."""
    return open_pack(known.folder(pack, home) or _downloaded(pack, home))


def thresholds(pack: str, home: Path | None = None, setting: str = "") -> Mapping[str, float]:
    """A pack's calibrated numbers, without loading it. ModelError where there are none.

    pack: as `faces.model` holds it or as a setting has it. setting: MEMORIA_FACE_MODEL, which knows
    the folder (and so its calibration.json) where it means the same pack.
    """
    source = setting if setting and known.stored_name(setting) == pack else pack
    found = known.numbers(source, home or Path.home())
    if not found:
        raise ModelError(
            f"The model pack {known.stored_name(pack)} has no thresholds yet: run"
            f" `memoria lab calibrate` on labelled photos and put the {known.CALIBRATION} that it"
            " writes into the pack's folder."
        )
    return found


def _info(name: str, home: Path) -> PackInfo:
    entry = known.table("packs").get(name, {})
    ready = name == known.DLIB or known.folder(name, home) is not None
    return PackInfo(
        name=name,
        title=str(entry.get("title", "a folder of ONNX files")),
        licence=known.licence(name),
        here=ready,
        calibrated=bool(known.numbers(name, home)),
        get="nothing to do" if ready else f"set {_how(name)}",
    )


def _how(name: str) -> str:
    bare = name.removeprefix(known.PREFIX)
    if known.table("packs").get(name, {}).get("download"):
        return (
            f"MEMORIA_FACE_MODEL={name} downloads it (or put its .onnx files into"
            f" ~/.insightface/models/{bare}); then calibrate it: memoria lab calibrate"
        )
    return f"MEMORIA_FACE_MODEL={known.PREFIX}/path/to/{bare}, the folder of its .onnx files"


def _dlib(device: str, detection_threshold: float, numbers: Mapping[str, float]) -> FaceModel:
    from memoria_pipeline.vision.dlib_model import DlibModel

    if device == "cuda":
        raise ModelError(
            "CUDA was asked for, but the model pack dlib runs on the CPU only: set"
            " MEMORIA_DEVICE=auto, or take an InsightFace pack."
        )
    return DlibModel(
        licence=known.licence(known.DLIB),
        thresholds=numbers,
        detection_threshold=detection_threshold,
    )


def _plain_only(wanted: Wanted) -> None:
    if wanted.backend not in ("auto", "onnxruntime") or wanted.precision not in ("auto", "fp32"):
        raise ModelError(
            "The model pack dlib runs in one way only: set MEMORIA_BACKEND=auto and"
            " MEMORIA_PRECISION=auto, or take an InsightFace pack."
        )


def _downloaded(pack: str, home: Path) -> Path:
    """Fetches a pack with InsightFace's own downloader. ModelError where that fails."""
    name = known.stored_name(pack)
    if not known.table("packs").get(name, {}).get("download"):
        raise ModelError(f"The model pack {name} is not on this machine: set {_how(name)}.")
    shelf = known.shelf(home)
    shelf.mkdir(parents=True, exist_ok=True)
    # One process downloads, the others wait; nobody ever sees half a pack.
    with (shelf / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if known.folder(pack, home) is None:
            _fetch(name.removeprefix(known.PREFIX), shelf)
    found = known.folder(pack, home)
    if found is None:
        raise ModelError(f"The download of the model pack {name} holds no .onnx files: try again.")
    return found


def _fetch(name: str, shelf: Path) -> None:
    """InsightFace's own download, beside its place and then moved into it."""
    try:
        from insightface.utils.storage import download

        with tempfile.TemporaryDirectory(dir=shelf.parent, prefix="download-") as place:
            download("models", name, root=place)
            (Path(place) / "models" / name).rename(shelf / name)
    except Exception as error:  # of requests, zipfile, the file system: it could not be had
        raise ModelError(
            f"The model pack insightface:{name} is not on this machine and its download failed"
            f" ({type(error).__name__}): put its .onnx files into ~/.insightface/models/{name}, or"
            " set MEMORIA_FACE_MODEL=dlib, which needs no download."
        ) from error
