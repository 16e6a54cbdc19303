"""`memoria lab cluster`: a table of faces in, a table of people out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.errors import LabError, SettingsError
from memoria_pipeline.lab.files import check_outputs
from memoria_pipeline.lab.tables import Faces, read_faces, write_people
from memoria_pipeline.people import measure
from memoria_pipeline.people.cluster import Method, cluster
from memoria_pipeline.people.density import Density
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.vision import packs

SAMPLE = 2_000
"""Faces whose pairs tell the scale of an unknown model's cosines."""

TOGETHER = 30
"""Pairs within photos from which on their median is taken for that of strangers."""

LOW = 0.05
"""With fewer: this quantile of all pairs, because one person may have most of the faces."""

CALIBRATED_LENGTH = 128
"""Numbers per vector of every pack in packs.toml that has thresholds. A model of another length is
none of these; of the two families ArcFace's, whose strangers are near 0, has such models."""


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

    density: HDBSCAN's settings, only for method="hdbscan". model: the pack whose thresholds count;
    else the one that the file's metadata names; else the calibrated pack whose strangers are as
    alike as the file's. LabError for a file that cannot be used, ModelError for a `model` without
    thresholds.
    """
    check_outputs([output], [faces])
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
    count = len(found.labels)
    return Grouped(count, measure.people(found.labels), nobody, pack, note if count else "")


def choose_thresholds(table: Faces, model: str | None) -> tuple[Thresholds, str, str]:
    """Thresholds, the pack they belong to, and a note when that pack is not the file's own."""
    if model:
        return _named(model), packs.stored_name(model), ""
    own = packs.numbers(table.model, Path.home()) if table.model else {}
    if own:
        return _of(own, table.model), table.model, ""
    pack, likeness = _alike(table)
    why = f"{table.model} has no thresholds" if table.model else "the file does not name its model"
    note = (
        f"Thresholds of {pack} are used, because {why} and {likeness}. Name the pack with --model"
        " to be sure."
    )
    return _of(packs.table("thresholds")[pack], pack), pack, note


def density(min_cluster_size: int, min_samples: int, epsilon: float) -> Density:
    """HDBSCAN's settings. SettingsError for what it cannot use."""
    try:
        return Density(min_cluster_size, min_samples, epsilon)
    except ValueError as error:
        raise SettingsError(
            f"{error} Set MIN_CLUSTER_SIZE, MIN_SAMPLES and CLUSTER_EPSILON so."
        ) from error


def _named(model: str) -> Thresholds:
    from memoria_pipeline.vision.catalogue import thresholds

    if model == "auto":  # it names the pack of this machine, which need not have made the file
        raise LabError(
            "--model auto does not say which model made the embeddings: name its pack, or leave"
            " --model out to take the one that the file names."
        )
    return _of(thresholds(packs.checked(model)), model)


def _alike(table: Faces) -> tuple[str, str]:
    """The calibrated pack that is most like the file's unknown model, and in what."""
    known = packs.table("thresholds")
    length = _length(table.vectors)
    if length != CALIBRATED_LENGTH:
        known = {name: of for name, of in known.items() if name.startswith(packs.PREFIX)}
    if not known:
        raise LabError("No model pack has thresholds yet; run `memoria lab calibrate` first.")
    alike = stranger_cosine(table.vectors, table.keys["photo"].to_numpy(str))
    pack = min(known, key=lambda name: abs(known[name].get("stranger", 0) - alike))
    if length != CALIBRATED_LENGTH:
        return pack, f"models of {length} numbers mostly are of its family"
    return pack, f"its strangers are most alike to those of the file (cosine {alike:.2f})"


def _length(vectors: NDArray[np.float32]) -> int:
    """Numbers per vector without the zeros that a shorter one is padded with in the database."""
    length: int = vectors.shape[1]
    return length if vectors[:, CALIBRATED_LENGTH:].any() else min(length, CALIBRATED_LENGTH)


def _of(numbers: Mapping[str, float], pack: str) -> Thresholds:
    try:
        return Thresholds.of(numbers)
    except ValueError as error:
        raise LabError(f"The thresholds of {pack} cannot be used. {error}") from error


def stranger_cosine(vectors: NDArray[np.float32], photo: NDArray[np.str_]) -> float:
    """Median cosine of two faces of one photo, who are two people; a low one of all pairs where
    these are few.

    That tells a model's scale: about 0 for the ArcFace family, about .8 for dlib.
    """
    chosen = np.random.default_rng(0).permutation(len(vectors))[:SAMPLE]
    some = vectors[chosen] / np.linalg.norm(vectors[chosen], axis=1, keepdims=True)
    a, b = np.triu_indices(len(some), 1)
    if not len(a):
        return 0.0
    cosine = (some @ some.T)[a, b]
    together = photo[chosen][a] == photo[chosen][b]
    enough = together.sum() >= TOGETHER
    return float(np.median(cosine[together]) if enough else np.quantile(cosine, LOW))
