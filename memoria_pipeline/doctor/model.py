"""The model packs: the one that new events get, and those that events have."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from memoria_pipeline.doctor.finding import Finding, fail, ok, warn
from memoria_pipeline.errors import ModelError
from memoria_pipeline.settings import Settings
from memoria_pipeline.vision import catalogue, checking, packs
from memoria_pipeline.vision.backends.network import Wanted
from memoria_pipeline.vision.checking import Check
from memoria_pipeline.vision.detector import Detector

Load = Callable[[str, str], Check]


def pack(settings: Settings, load: Load | None = None) -> list[Finding]:
    """Loads the pack of the settings as they run it and shows it a photo; never downloads one."""
    wanted = Wanted(settings.backend, settings.precision, settings.models)
    load = load or partial(checking.check, wanted=wanted)
    try:
        chosen = catalogue.choose(settings.face_model, Path.home()).pack
        if chosen != packs.DLIB and packs.folder(chosen, Path.home()) is None:
            return [_not_here(packs.stored_name(chosen))]
        found = load(settings.face_model, settings.wanted_device)
    except ModelError as error:
        return [fail("model", str(error), "See `memoria model list`, and `memoria model check`.")]
    return [_works(found), _device(found, settings)]


def _not_here(name: str) -> Finding:
    return fail(
        "model",
        f"the pack {name} is not on this machine",
        "`memoria model check` fetches it where InsightFace offers it; else put its files there.",
    )


def _works(found: Check) -> Finding:
    said = f"{found.pack}, {found.ms_per_photo:.0f} ms per photo"
    if not found.calibrated:
        return fail("model", f"{said}, without thresholds", "Run `memoria lab calibrate`.")
    if not found.faces:
        return fail("model", f"{said}, finds no face in a photo of six", "Get its files again.")
    return ok("model", f"{said}, {found.faces} faces in the sample photo")


def _device(found: Check, settings: Settings) -> Finding:
    said = f"{found.device} ({', '.join(found.providers) or 'no provider'})"
    card = Path("/proc/driver/nvidia/version").exists()
    if found.device == "cpu" and card and settings.wanted_device == "auto":
        return warn("device", f"{said}, though there is a GPU", "README, `A GPU`, says how.")
    return ok("device", said)


def of_events(used: dict[str, int], detector: Detector) -> Finding:
    """The packs that events already have: each must be there for their next photo."""
    lost = {}
    for name, events in used.items():
        try:
            detector.thresholds(name)
        except ModelError:
            lost[name] = events
    if not lost:
        return ok("events' packs", ", ".join(used) or "no event has a pack yet")
    return fail(
        "events' packs",
        "; ".join(f"{events} events have {name}" for name, events in lost.items())
        + ": not here, or without thresholds",
        "Put the pack back, or move them: `memoria model move PACK`.",
    )
