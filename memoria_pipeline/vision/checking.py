"""What a pack does on this machine: `memoria model check`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision import catalogue, packs
from memoria_pipeline.vision.backends import choose, keeping
from memoria_pipeline.vision.backends.network import Wanted
from memoria_pipeline.vision.model import Image

PICTURE = "data/images/t1.jpg"
"""The group photo that the package insightface ships."""


@dataclass(frozen=True, slots=True)
class Check:
    """What `memoria model check` tells of a pack on this machine; milliseconds after a warm-up.

    way: how its networks are run, and why. ways: every other way with its time, or with what
    hinders it.
    """

    pack: str
    licence: str
    device: str
    providers: tuple[str, ...]
    load_seconds: float
    faces: int
    ms_per_photo: float
    ms_per_face: float
    calibrated: bool
    way: str = ""
    ways: Mapping[str, str] = field(default_factory=dict)


def check(
    pack: str,
    device: str = "auto",
    threads: int = 1,
    home: Path | None = None,
    wanted: Wanted = catalogue.PLAIN,
) -> Check:
    """Loads a pack and times it on InsightFace's sample group photo. ModelError as `load`."""
    started = time.perf_counter()
    model = catalogue.load(pack, device, threads, home=home, wanted=wanted)
    loaded = time.perf_counter() - started
    photo = _picture()
    model.embed([photo], [model.detect(photo)])  # the first call also sets up memory
    begun = time.perf_counter()
    faces = model.detect(photo)
    detected = time.perf_counter()
    model.embed([photo], [faces])
    embedded = time.perf_counter()
    way, ways = _ways(pack, device, home or Path.home(), wanted)
    return Check(
        pack=model.name,
        licence=model.licence,
        device=model.device,
        providers=model.providers,
        load_seconds=loaded,
        faces=len(faces),
        ms_per_photo=1000 * (detected - begun),
        ms_per_face=1000 * (embedded - detected) / max(len(faces), 1),
        calibrated=bool(model.thresholds),
        way=way,
        ways=ways,
    )


def _ways(pack: str, device: str, home: Path, wanted: Wanted) -> tuple[str, Mapping[str, str]]:
    """Why the pack is run as it is, and what is to be said of each way on the CPU."""
    pack = catalogue.choose(pack, home).pack
    if pack == packs.DLIB or wanted.store is None:
        return "", {}
    files = catalogue.files(pack, home)
    plan = choose.settle(files, wanted, device)
    place = keeping.folder(wanted.store, files)
    told = {
        str(way): choose.hindrance(way, files, place)
        or (f"{plan.milliseconds[str(way)]:.0f} ms" if str(way) in plan.milliseconds else "open")
        for way in choose.ON_CPU
    }
    return plan.reason, told


def _picture() -> Image:
    """The group photo of InsightFace's package, RGB. The package is found, not imported (3 s)."""
    spec = find_spec("insightface")
    path = Path(spec.origin or "").parent / PICTURE if spec else Path(PICTURE)
    pixels = cv2.imread(str(path)) if path.is_file() else None
    if pixels is None:
        raise ModelError(
            "The package insightface and its sample photo are missing: install memoria-pipeline"
            " with all its dependencies."
        )
    return np.ascontiguousarray(pixels[:, :, ::-1], dtype=np.uint8)
