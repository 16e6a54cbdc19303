"""`memoria lab cluster`: a table of faces in, a table of people out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.tables import Faces, read_faces, write_people
from memoria_pipeline.people import measure
from memoria_pipeline.people.cluster import Method, cluster
from memoria_pipeline.people.density import Density
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.vision import packs

SAMPLE = 2_000
"""Faces whose pairs tell the scale of an unknown model's cosines."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """What `memoria lab cluster` tells: counts, whose thresholds, and a note if that is a guess."""

    faces: int
    people: int
    in_no_group: int
    pack: str
    note: str


def group_faces(
    faces: Path,
    output: Path,
    *,
    method: Method = "constrained",
    model: str | None = None,
    density: Density | None = None,
) -> Grouped:
    """Group the faces of one file into the people of another; person -1 is in no group.

    model: the pack whose thresholds count; else the one that the file's metadata names; else the
    calibrated pack whose strangers are as alike as the file's. LabError for a file that cannot be
    used, ModelError for a `model` without thresholds.
    """
    table = read_faces(faces)
    thresholds, pack, note = choose_thresholds(table, model)
    found = cluster(
        table.vectors,
        table.keys["photo"].to_numpy(str),
        table.quality,
        quality_class=table.quality_class,
        thresholds=thresholds,
        method=method,
        density=density,
    )
    people = table.keys.assign(person=found.labels, probability=found.probability)
    write_people(output, people, {"method": method, "thresholds": pack})
    nobody = int((found.labels == measure.NOBODY).sum())
    return Grouped(len(found.labels), measure.people(found.labels), nobody, pack, note)


def choose_thresholds(table: Faces, model: str | None) -> tuple[Thresholds, str, str]:
    """Thresholds, the pack they belong to, and a note when that pack is not the file's own."""
    from memoria_pipeline.vision.catalogue import thresholds

    if model:
        return _of(thresholds(model), model), model, ""
    own = packs.numbers(table.model, Path.home()) if table.model else {}
    if own:
        return _of(own, table.model), table.model, ""
    known = packs.table("thresholds")
    if not known:
        raise LabError("No model pack has thresholds yet; run `memoria lab calibrate` first.")
    alike = stranger_cosine(table.vectors, table.keys["photo"].to_numpy(str))
    pack = min(known, key=lambda name: abs(known[name].get("stranger", 0) - alike))
    why = f"{table.model} has no thresholds" if table.model else "the file does not name its model"
    note = (
        f"Thresholds of {pack} are used, because {why} and its strangers are most alike to those"
        f" of the file (cosine {alike:.2f}). Name the pack with --model to be sure."
    )
    return _of(known[pack], pack), pack, note


def _of(numbers: Mapping[str, float], pack: str) -> Thresholds:
    try:
        return Thresholds.of(numbers)
    except ValueError as error:
        raise LabError(f"The thresholds of {pack} cannot be used. {error}") from error


def stranger_cosine(vectors: NDArray[np.float32], photo: NDArray[np.str_]) -> float:
    """Median cosine of two faces of one photo, who are two people; of any two where these are few.

    Most pairs of an event are strangers too, so the median tells a model's scale: about 0 for the
    ArcFace family, about .8 for dlib.
    """
    chosen = np.random.default_rng(0).permutation(len(vectors))[:SAMPLE]
    some = vectors[chosen] / np.linalg.norm(vectors[chosen], axis=1, keepdims=True)
    a, b = np.triu_indices(len(some), 1)
    together = photo[chosen][a] == photo[chosen][b]
    if together.sum() >= 30:
        a, b = a[together], b[together]
    return float(np.median((some @ some.T)[a, b])) if len(a) else 0.0
