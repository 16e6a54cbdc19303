"""Photos of 2 to 24 megapixels with faces at known places, composed from LFW's small ones.

Real event photos of that size cannot be shared; these show whether a detector sees small faces in
large photos. Deterministic by seed. Nothing is written to disk.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage
from numpy.typing import NDArray

from memoria_pipeline.vision.model import FaceModel, Image

MEGAPIXELS = (2, 4, 8, 12, 16, 24)
SHAPES = ((3, 2), (4, 3), (2, 3), (16, 9))
FACE_PIXELS = (50, 400)
CONTEXT = 0.9
"""Of the face's size, on each side: hair, neck and shoulders come with a face."""

FACELESS = (
    "brick.png",
    "chelsea.png",
    "coffee.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "rocket.jpg",
)
"""Pictures that scikit-image ships without a person in them."""

Boxes = NDArray[np.float64]
"""(n, 4) left, top, right, bottom in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """A photo and the boxes of its faces."""

    image: Image
    boxes: Boxes


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """A face with its surroundings, and its box in them."""

    image: Image
    box: Boxes


def composed(data: Path, model: FaceModel, count: int, seed: int = 1) -> Iterator[Composed]:
    """`count` photos; `model` says where the faces are in the small source photos."""
    chance = np.random.default_rng(seed)
    photos = sorted((data / "lfw").glob("*/*_0001.jpg"))
    chosen = chance.permutation(len(photos))
    faces = _cutouts([photos[i] for i in chosen], model)
    grounds = backgrounds(data)
    for number in range(count):
        size = _size(chance, MEGAPIXELS[number % len(MEGAPIXELS)])
        ground = _fitted(grounds[int(chance.integers(len(grounds)))], size, chance)
        yield _pasted(ground, faces, int(chance.integers(1, 11)), chance)


def backgrounds(data: Path) -> list[Image]:
    """Faceless pictures and landscapes, and two that nobody would take: noise, a gradient."""
    own = Path(skimage.__file__).parent / "data"
    files = [own / name for name in FACELESS]
    files += [data / "awkward" / "exif-orientation" / "Landscape_1.jpg"]
    files += [data / "awkward" / "formats" / "flower.jpg"]
    noise = np.random.default_rng(0).integers(0, 256, (500, 750, 3), dtype=np.uint8)
    ramp = np.broadcast_to(np.linspace(30, 220, 750)[None, :, None], (500, 750, 3))
    return [read(path) for path in files] + [noise, ramp.astype(np.uint8)]


def read(path: Path) -> Image:
    """A photo that needs no turning, RGB."""
    pixels = cv2.imread(str(path))
    assert pixels is not None, f"{path.name} cannot be read"
    return np.ascontiguousarray(pixels[:, :, ::-1], dtype=np.uint8)


def _cutouts(paths: Sequence[Path], model: FaceModel) -> Iterator[Cutout]:
    """Faces of the source photos that show no second face near the first."""
    while True:
        for path in paths:
            image = read(path)
            found = model.detect(image)
            if len(found) == 1:
                yield _cutout(image, np.array(found[0].box))


def _cutout(image: Image, box: NDArray[np.float64]) -> Cutout:
    height, width = image.shape[:2]
    face = np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]]) * np.tile(
        (width, height), 2
    )
    reach = CONTEXT * (face[2:] - face[:2])
    low = np.maximum(np.floor(face[:2] - reach), 0).astype(int)
    high = np.minimum(np.ceil(face[2:] + reach), (width, height)).astype(int)
    return Cutout(image[low[1] : high[1], low[0] : high[0]], face - np.tile(low, 2))


def _size(chance: np.random.Generator, megapixels: int) -> tuple[int, int]:
    across, down = SHAPES[int(chance.integers(len(SHAPES)))]
    unit = np.sqrt(megapixels * 1e6 / (across * down))
    return round(across * unit), round(down * unit)


def _fitted(ground: Image, size: tuple[int, int], chance: np.random.Generator) -> Image:
    """The background over the whole photo: enlarged by up to 4, and mirrored as often as needed."""
    times = float(min(max(size[0] / ground.shape[1], size[1] / ground.shape[0]), 4.0))
    large = cv2.resize(ground, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    down, right = (max(0, s - h) for s, h in zip(size[::-1], large.shape[:2], strict=True))
    full = cv2.copyMakeBorder(large, 0, down, 0, right, cv2.BORDER_REFLECT)
    light = chance.uniform(0.6, 1.1)
    return np.asarray(cv2.convertScaleAbs(full[: size[1], : size[0]], alpha=light), dtype=np.uint8)


def _pasted(
    ground: Image, faces: Iterator[Cutout], wanted: int, chance: np.random.Generator
) -> Composed:
    """The background with up to `wanted` faces that do not touch each other."""
    taken: list[NDArray[np.float64]] = []
    boxes: list[NDArray[np.float64]] = []
    for _ in range(wanted):
        face = _scaled(next(faces), chance)
        place = _free_place(ground, face.image, taken, chance)
        if place is None:
            continue
        _blend(ground, face.image, place)
        taken.append(np.concatenate([place, place + face.image.shape[1::-1]]))
        boxes.append(face.box + np.tile(place, 2))
    return Composed(ground, np.array(boxes).reshape(-1, 4))


def _scaled(face: Cutout, chance: np.random.Generator) -> Cutout:
    """The face at a width between 50 and 400 pixels, as many of 50 to 100 as of 200 to 400."""
    width = np.exp(chance.uniform(*np.log(FACE_PIXELS)))
    factor = width / (face.box[2] - face.box[0])
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    image = cv2.resize(face.image, None, fx=factor, fy=factor, interpolation=how)
    return Cutout(np.asarray(image, dtype=np.uint8), face.box * factor)


def _free_place(
    ground: Image, face: Image, taken: list[NDArray[np.float64]], chance: np.random.Generator
) -> NDArray[np.int64] | None:
    room = np.array(ground.shape[1::-1]) - face.shape[1::-1]
    if room.min() <= 0:
        return None
    for _ in range(30):
        place = chance.integers(0, room)
        end = place + face.shape[1::-1]
        if all((place >= t[2:]).any() or (end <= t[:2]).any() for t in taken):
            return place
    return None


def _blend(ground: Image, face: Image, place: NDArray[np.int64]) -> None:
    """Puts the face into the background in place, through an ellipse with a soft edge."""
    height, width = face.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    alpha = np.clip((1 - np.hypot(x, y)) / 0.15, 0, 1)[:, :, None]
    part = ground[place[1] : place[1] + height, place[0] : place[0] + width]
    part[:] = np.round(alpha * face + (1 - alpha) * part).astype(np.uint8)
