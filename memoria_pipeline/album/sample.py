"""The sample album: an event's photos whose truth is known, made from faces that packages ship.

About 60 photos as the product's acceptance test has them, one that cannot be read, and one copy.
The photos are in FOLDER/photos, what is true of them in FOLDER/truth.json.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from memoria_pipeline.album.files import encoded, suffix
from memoria_pipeline.album.plan import Plan, compose, plans
from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.people.match import MIN_IOU, iou
from memoria_pipeline.people.measure import b_cubed

VERSION = 1
"""Of the recipe; an album of another version is made anew."""

Box = tuple[float, float, float, float]
_UNFINISHED = ".album-"
_HOUR = 3600.0
_MAX_OFFSET = 0.35  # between two boxes' centres, in sizes of the true one


@dataclass(frozen=True, slots=True)
class TruthFace:
    """A face that is in the album.

    photo: the file's name. box: x, y, width, height in [0, 1] of the upright photo. clear: a person
    would call it that (80 pixels wide, hardly tilted). copy_of: the photo this one is a copy of.
    """

    photo: str
    box: Box
    identity: str
    clear: bool
    copy_of: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """What was found of the truth: counts of faces, and B³ F over the faces that are true."""

    faces: int
    found: int
    clear: int
    clear_found: int
    false: int
    b3_f: float


def make_album(folder: Path, seed: int = 7) -> None:
    """Make the album, or leave the one that is there: equal seeds give equal bytes.

    It appears at once and whole, so a kill leaves no half of it. Raises MemoriaError when `folder`
    holds anything else, or a source is missing.
    """
    if is_complete(folder, seed):
        return
    if folder.exists() and not (folder / "truth.json").is_file() and any(folder.iterdir()):
        raise MemoriaError(f"{folder} holds something else; give an empty folder for the album.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=folder.parent) as temporary:
        whole = Path(temporary) / "album"
        (whole / "photos").mkdir(parents=True)
        _fill(whole, seed)
        shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)


def _sweep(parent: Path) -> None:
    """Remove what a killed run left, but not what another may be making now."""
    for path in parent.glob(f"{_UNFINISHED}*"):
        if path.stat().st_mtime < time.time() - _HOUR:
            shutil.rmtree(path, ignore_errors=True)


def is_complete(folder: Path, seed: int) -> bool:
    """Say whether `folder` holds the whole album of this seed, of this version."""
    try:
        truth = json.loads((folder / "truth.json").read_text("utf-8"))
        there = {path.name for path in (folder / "photos").iterdir()}
    except (OSError, ValueError):
        return False
    made = (truth.get("version"), truth.get("seed"), set(truth.get("files", ())))
    return made == (VERSION, seed, there)


def _fill(folder: Path, seed: int) -> None:
    shuffled = plans(seed)
    faces: list[TruthFace] = []
    for number, plan in enumerate(shuffled, start=1):
        faces += make_photo(folder / "photos", number, plan, seed)
    faces += _spoil(folder / "photos", shuffled, faces)
    files = sorted(path.name for path in (folder / "photos").iterdir())
    truth = {"version": VERSION, "seed": seed, "files": files, "faces": [asdict(f) for f in faces]}
    (folder / "truth.json").write_text(json.dumps(truth, indent=1), "utf-8")


def make_photo(folder: Path, number: int, plan: Plan, seed: int) -> list[TruthFace]:
    """Write one photo of the album; its look depends on seed and number alone."""
    rng = np.random.default_rng((seed, number))
    scene = compose(plan, rng)
    name = _name(number, plan)
    (folder / name).write_bytes(encoded(scene.pixels, plan.form, number % 8 + 1, rng))
    high, wide = scene.pixels.shape[:2]
    return [
        TruthFace(name, _part(face.box, wide, high), face.identity, face.clear)
        for face in scene.faces
    ]


def _name(number: int, plan: Plan) -> str:
    return f"IMG_{number:04}{suffix(plan.form)}"


def _part(box: Box, wide: int, high: int) -> Box:
    x, y, w, h = (round(value, 5) for value in np.array(box) / (wide, high, wide, high))
    return float(x), float(y), float(w), float(h)


def _spoil(folder: Path, shuffled: Sequence[Plan], faces: list[TruthFace]) -> list[TruthFace]:
    """Add a photo that was cut off while it was copied, and a second copy of a good one."""
    jpegs = [n for n, plan in enumerate(shuffled, 1) if plan.form == "JPEG" and plan.people]
    cut, twice = (_name(n, shuffled[n - 1]) for n in jpegs[:2])
    data = (folder / cut).read_bytes()
    (folder / f"IMG_{len(shuffled) + 1:04}.jpg").write_bytes(data[: len(data) * 3 // 5])
    copy = twice.replace(".jpg", " (1).jpg")
    shutil.copyfile(folder / twice, folder / copy)
    return [
        TruthFace(copy, face.box, face.identity, face.clear, copy_of=twice)
        for face in faces
        if face.photo == twice
    ]


def load_truth(folder: Path) -> list[TruthFace]:
    """Every face of the album that `make_album` made in `folder`, the copy's too."""
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    return [TruthFace(**{**face, "box": tuple(face["box"])}) for face in truth["faces"]]


def identify(found: ArrayLike, truth: Sequence[TruthFace]) -> list[TruthFace | None]:
    """For each found box of one photo, (n, 4) x, y, width, height in [0, 1], the true face it is.

    One-to-one: by overlap where it is at least 0.35, else by how near the centres are, because one
    detector's box holds the hair and another's only eyes and mouth.
    """
    boxes = np.asarray(found, np.float64).reshape(-1, 4)
    known = np.array([face.box for face in truth], np.float64).reshape(-1, 4)
    if not len(boxes) or not len(known):
        return [None] * len(boxes)
    worth = _likeness(boxes, known)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    faces: list[TruthFace | None] = [None] * len(boxes)
    for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
        faces[i] = truth[j] if worth[i, j] > 0 else None
    return faces


def _likeness(boxes: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    overlap = iou(boxes, known)
    centres = (boxes[:, None, :2] + boxes[:, None, 2:] / 2) - (known[:, :2] + known[:, 2:] / 2)
    offset = np.linalg.norm(centres / known[:, 2:], axis=2)
    near = 0.1 * (1 - offset / _MAX_OFFSET)
    return np.where(overlap >= MIN_IOU, overlap, np.maximum(near, 0))


def score(folder: Path, found: Iterable[tuple[str, Box, object]]) -> Score:
    """Compare found faces, (photo's name, box, person), with the truth of the album in `folder`.

    A copy's faces count only where a face was found in it: one may look at a copy, or not. A face
    whose person is None is in a group of its own.
    """
    by_photo: dict[str, list[tuple[Box, object]]] = {}
    for photo, box, person in found:
        by_photo.setdefault(Path(photo).name, []).append((box, person))
    truth = [f for f in load_truth(folder) if f.copy_of is None or f.photo in by_photo]
    matched: list[tuple[TruthFace, object]] = []
    for photo, faces in by_photo.items():
        known = identify([box for box, _ in faces], [f for f in truth if f.photo == photo])
        people = (person for _, person in faces)
        matched += [(face, who) for face, who in zip(known, people, strict=True) if face]
    total = sum(len(faces) for faces in by_photo.values())
    return Score(
        faces=len(truth),
        found=len(matched),
        clear=sum(face.clear for face in truth),
        clear_found=sum(face.clear for face, _ in matched),
        false=total - len(matched),
        b3_f=_b3_f(matched),
    )


def _b3_f(matched: Sequence[tuple[TruthFace, object]]) -> float:
    groups: dict[object, int] = {}
    labels = [
        groups.setdefault(("alone", i) if person is None else person, len(groups))
        for i, (_, person) in enumerate(matched)
    ]
    identities = sorted({face.identity for face, _ in matched})
    return b_cubed(labels, [identities.index(face.identity) for face, _ in matched]).f
