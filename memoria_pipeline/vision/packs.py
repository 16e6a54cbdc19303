"""What is known of model packs without loading one: names, licences, places, thresholds."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from memoria_pipeline.errors import ModelError

DLIB = "dlib"

PREFIX = "insightface:"

RESEARCH_ONLY = (
    "InsightFace's weights are licensed for non-commercial research only; any other use needs a"
    " licence from InsightFace."
)

CALIBRATION = "calibration.json"
"""A pack's folder may bring its thresholds in this file: {"thresholds": {"name": number, …}}."""


def table(name: str) -> Mapping[str, Mapping[str, Any]]:
    """One table of packs.toml: `packs` or `thresholds`, by pack name."""
    found: Mapping[str, Mapping[str, Any]] = _toml().get(name, {})
    return found


@cache
def _toml() -> Mapping[str, Any]:
    return tomllib.loads((files(__package__) / "packs.toml").read_text("utf-8"))


def checked(pack: str) -> str:
    """The name of a pack as it was given, if it can be one. ModelError otherwise."""
    if pack == DLIB or pack.removeprefix(PREFIX) not in ("", pack):
        return pack
    raise ModelError(
        f"Unknown face model {pack!r}: use auto, dlib, insightface:NAME (insightface:buffalo_l for"
        " instance) or insightface:/path/to/a/folder."
    )


def stored_name(pack: str) -> str:
    """What `faces.model` holds for a pack: of a folder its own name, never its path."""
    if not is_path(pack):
        return pack
    return PREFIX + Path(pack.removeprefix(PREFIX)).expanduser().resolve().name


def is_path(pack: str) -> bool:
    """Whether a pack is named by its folder."""
    given = pack.removeprefix(PREFIX)
    return pack.startswith(PREFIX) and (
        any(mark in given for mark in "/\\") or given.startswith(("~", "."))
    )


def shelf(home: Path) -> Path:
    """Where InsightFace keeps its packs in a user's home."""
    return home / ".insightface" / "models"


def folder(pack: str, home: Path) -> Path | None:
    """Where an InsightFace pack's files are, if they are here."""
    if not pack.startswith(PREFIX):
        return None
    given = pack.removeprefix(PREFIX)
    place = Path(given).expanduser() if is_path(pack) else shelf(home) / given
    # The archive of antelopev2 holds a folder of its own name.
    for candidate in (place, place / place.name):
        if any(candidate.glob("*.onnx")):
            return candidate
    return None


def here(home: Path) -> list[str]:
    """The InsightFace packs in a user's home: first the known ones, in the order of packs.toml."""
    names = [PREFIX + place.name for place in sorted(shelf(home).glob("*"))]
    order = list(table("packs"))
    known = [name for name in order if name in names]
    others = [name for name in names if name not in order]
    return [name for name in known + others if folder(name, home)]


def licence(pack: str) -> str:
    """One sentence on what a pack's weights may be used for."""
    known = table("packs").get(stored_name(pack), {})
    return str(known.get("licence", RESEARCH_ONLY))


def numbers(pack: str, home: Path) -> Mapping[str, float]:
    """A pack's calibrated thresholds, none where there are none.

    A folder's own calibration.json wins; then its recognition file decides, by content; where there
    is no folder, the name does. ModelError for a calibration.json that cannot be read.
    """
    place = folder(pack, home)
    if place is None:
        found = table("thresholds").get(stored_name(pack), {})
    elif (place / CALIBRATION).is_file():
        found = _own(place / CALIBRATION)
    else:
        found = table("thresholds").get(_known_as(place, stored_name(pack)), {})
    return MappingProxyType({name: float(value) for name, value in found.items()})


def _own(path: Path) -> Mapping[str, float]:
    try:
        found = json.loads(path.read_text("utf-8"))["thresholds"]
        return {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"The {CALIBRATION} of the model pack {path.parent.name} cannot be read"
            f" ({type(error).__name__}): write it anew with `memoria lab calibrate`."
        ) from error


def _known_as(place: Path, name: str) -> str:
    """The known pack whose recognition file is in this folder, else the folder's own name.

    A known file's name is no proof: a folder named like a known pack, with another network in it,
    must not get that pack's thresholds.
    """
    by_content = {
        entry["recognition_sha256"]: known
        for known, entry in table("packs").items()
        if "recognition_sha256" in entry
    }
    for path in sorted(place.glob("*.onnx")):
        known = by_content.get(sha256(path))
        if known:
            return known
    return "" if name in by_content.values() else name


HASHES: dict[tuple[Path, int], str] = {}
"""By path and time of change (ns), so that another file of that name is read anew."""


def sha256(path: Path) -> str:
    """Of a file, read once per process; what keeps hashes for longer puts them into HASHES."""
    key = path, path.stat().st_mtime_ns
    if key not in HASHES:
        with path.open("rb") as file:
            HASHES[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return HASHES[key]
