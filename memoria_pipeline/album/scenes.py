"""How a photo of the sample album is composed: cut, turned, pinned on a wall, and lit.

Everything random comes from the generator that is handed in, so the same seed gives the same photo.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.album.sources import Pixels, Source, SourceFace
from memoria_pipeline.errors import MemoriaError

CLEAR_WIDTH = 80
"""Pixels that a face is wide, at least, for a person to call it clear."""
CLEAR_TILT = 12.5
"""Degrees that a head leans, at most, for a person to call it clear."""
_TRIES = 4000
_MOST_ENLARGED = 6
_HAIR = 0.25  # of the face's size, around it: what must not be cut in half by a photo's edge
_PRINT_FILL = 0.82  # of its cell on the wall

Affine = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SceneFace:
    """A face of a photo: box x, y, width, height in its pixels; tilt in degrees off upright."""

    identity: str
    box: tuple[float, float, float, float]
    tilt: float

    @property
    def clear(self) -> bool:
        return self.box[2] >= CLEAR_WIDTH and abs(self.tilt) <= CLEAR_TILT


@dataclass(frozen=True, slots=True)
class Scene:
    """A photo before it is stored: (h, w, 3) uint8 RGB, and every face in it."""

    pixels: Pixels
    faces: tuple[SceneFace, ...] = ()


@dataclass(frozen=True, slots=True)
class _Window:
    """A turned rectangle of a source: centre, width, height in its pixels; clockwise degrees."""

    x: float
    y: float
    width: float
    height: float
    angle: float

    def to_photo(self, width: int) -> Affine:
        """The map from source to photo pixels, (2, 3): the content turns clockwise by `angle`."""
        scale = width / self.width
        turn = cv2.getRotationMatrix2D((self.x, self.y), -self.angle, scale)
        matrix: Affine = np.asarray(turn, np.float64)
        centre = np.array([self.width, self.height]) * scale / 2
        matrix[:, 2] += centre - (self.x, self.y)
        return matrix

    def pushed_inside(self, source: Source) -> "_Window | None":
        """The same view moved as little as it takes to lie within its source; None if too large."""
        turn = np.deg2rad(self.angle)
        across = (abs(np.cos(turn)) * self.width + abs(np.sin(turn)) * self.height) / 2
        down = (abs(np.sin(turn)) * self.width + abs(np.cos(turn)) * self.height) / 2
        high, wide = source.pixels.shape[:2]
        if across > wide / 2 or down > high / 2:
            return None
        x, y = np.clip((self.x, self.y), (across, down), (wide - across, high - down))
        return replace(self, x=float(x), y=float(y))


def crop(
    source: Source, wanted: Sequence[str], megapixels: float, rng: np.random.Generator
) -> Scene:
    """Photograph exactly the wanted people of a source, nobody else, not even half.

    Raises MemoriaError when no such view is found.
    """
    window = _window(source, frozenset(wanted), rng)
    wished = (megapixels * 1e6 * window.width / window.height) ** 0.5
    width = round(min(wished, _MOST_ENLARGED * window.width))
    height = round(width * window.height / window.width)
    matrix = window.to_photo(width)
    pixels = cv2.warpAffine(source.pixels, matrix, (width, height), flags=cv2.INTER_CUBIC)
    seen = (face for face in source.faces if face.identity in wanted)
    scale = width / window.width
    placed = tuple(
        SceneFace(f.identity, _moved(f.box, matrix, scale), window.angle - f.upright) for f in seen
    )
    return Scene(np.asarray(pixels, np.uint8), placed)


def _window(source: Source, wanted: frozenset[str], rng: np.random.Generator) -> _Window:
    faces = [face for face in source.faces if face.identity in wanted]
    if not faces:
        return _anywhere(source, rng)
    for attempt in range(_TRIES):
        window = _around(source, faces, 1 - attempt / _TRIES, rng).pushed_inside(source)
        if window is not None and _shown(source, window) == wanted:
            return window
    raise MemoriaError(f"No view of {sorted(wanted)} alone was found; try another seed.")


def _anywhere(source: Source, rng: np.random.Generator) -> _Window:
    high, wide = source.pixels.shape[:2]
    part = rng.uniform(0.8, 1.0)
    return _Window(wide / 2, high / 2, wide * part, high * part, 0.0)


def _around(
    source: Source, faces: Sequence[SourceFace], room: float, rng: np.random.Generator
) -> _Window:
    """A random view around some faces; `room` 1 to 0 turns from wide and tilted to tight."""
    boxes = np.array([face.box for face in faces], float)
    low, high = boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)
    span, largest = high - low, float(boxes[:, 3].max())
    aspect = rng.choice((2 / 3, 3 / 4, 1.0, 4 / 3, 3 / 2))
    height = max(largest * rng.uniform(1.3, 2 + 5 * room), span[1] * 1.05, span[0] * 1.05 / aspect)
    width = height * aspect
    middle = (low + high) / 2 + rng.uniform(-0.35, 0.35, 2) * room * (width, height)
    upright = float(np.mean([face.upright for face in faces]))
    tight_fit = min(source.pixels.shape[:2]) < 1.2 * largest
    angle = 0.0 if tight_fit else upright * min(1, 0.3 + room) + rng.uniform(-12, 12) * room
    if tight_fit:
        middle, width, height = (
            np.array(source.pixels.shape[1::-1]) / 2,
            *source.pixels.shape[1::-1],
        )
    return _Window(float(middle[0]), float(middle[1]), width, height, angle)


def _shown(source: Source, window: _Window) -> frozenset[str] | None:
    """Who is in the view; None where it cuts somebody."""
    matrix, seen = window.to_photo(round(window.width)), set()
    for face in source.faces:
        x, y, w, h = _moved(face.box, matrix, 1.0)
        if x >= 0 and y >= 0 and x + w <= window.width and y + h <= window.height:
            seen.add(face.identity)
        elif (
            x - _HAIR * w < window.width and x + w + _HAIR * w > 0
            and y - _HAIR * h < window.height and y + h + _HAIR * h > 0
        ):  # fmt: skip
            return None
    return frozenset(seen)


def _moved(box: Sequence[float], matrix: Affine, scale: float) -> tuple[float, float, float, float]:
    """Move a box's centre; a turned face keeps its size, as detectors see it."""
    x, y, w, h = box
    cx, cy = matrix @ (x + w / 2, y + h / 2, 1.0)
    return float(cx - w * scale / 2), float(cy - h * scale / 2), w * scale, h * scale


def wall(
    background: Source, prints: Sequence[Scene], megapixels: float, rng: np.random.Generator
) -> Scene:
    """Pin prints on a wall, side by side, each a little askew."""
    columns = {1: 1, 2: 2, 3: 3, 4: 2}.get(len(prints), -(-len(prints) // 2))
    rows = -(-len(prints) // columns)
    cell = (megapixels * 1e6 / (columns * rows)) ** 0.5
    size = round(cell * columns), round(cell * rows)
    canvas = _filled(background.pixels, size)
    faces: list[SceneFace] = []
    for index, each in enumerate(prints):
        middle = (np.array((index % columns, index // columns)) + 0.5) * cell
        faces += _pin(canvas, each, middle + rng.uniform(-0.02, 0.02, 2) * cell, cell, rng)
    return Scene(canvas, tuple(faces))


def _filled(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    scale = max(size[0] / pixels.shape[1], size[1] / pixels.shape[0])
    matrix = np.array([[scale, 0, 0], [0, scale, 0]])
    filled = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(filled, np.uint8)


def _pin(
    canvas: Pixels, each: Scene, middle: NDArray[np.float64], cell: float, rng: np.random.Generator
) -> Iterable[SceneFace]:
    """Put one print, with its white border and its shadow, on the canvas."""
    angle, border = float(rng.uniform(-5, 5)), max(each.pixels.shape) // 25
    white = (246, 245, 240)
    framed = cv2.copyMakeBorder(each.pixels, *(border,) * 4, cv2.BORDER_CONSTANT, value=white)
    high, wide = framed.shape[:2]
    scale = _PRINT_FILL * cell / max(high, wide)
    turn = cv2.getRotationMatrix2D((wide / 2, high / 2), -angle, scale)
    matrix: Affine = np.asarray(turn, np.float64)
    # Only the part of the canvas that the print can cover is worked on: a tenth of the time.
    corner = np.maximum(middle - 0.6 * cell, 0).astype(int)
    x, y = corner.tolist()
    part = canvas[y : y + round(1.2 * cell), x : x + round(1.2 * cell)]
    matrix[:, 2] += middle - corner - (wide / 2, high / 2)
    _lay(part, np.asarray(framed, np.uint8), matrix, cell)
    inner = matrix @ np.array([[1, 0, border], [0, 1, border], [0, 0, 1]])
    inner[:, 2] += corner
    return [SceneFace(f.identity, _moved(f.box, inner, scale), f.tilt + angle) for f in each.faces]


def _lay(part: Pixels, framed: Pixels, matrix: Affine, cell: float) -> None:
    """Blend a framed print over a part of the canvas, darkening what lies in its shadow."""
    size = (part.shape[1], part.shape[0])
    layer = cv2.warpAffine(framed, matrix, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(np.full(framed.shape[:2], 255, np.uint8), matrix, size)
    drop = np.array([[1, 0, cell / 60], [0, 1, cell / 40]])
    shadow = cv2.blur(cv2.warpAffine(mask, drop, size), (round(cell / 25) | 1,) * 2)
    light = cv2.merge((cv2.addWeighted(shadow, -0.6, shadow, 0, 255),) * 3)
    there = cv2.merge((mask,) * 3)
    dark = cv2.multiply(cv2.multiply(part, light, scale=1 / 255), 255 - there, scale=1 / 255)
    part[:] = cv2.add(dark, cv2.multiply(layer, there, scale=1 / 255))


def lit(scene: Scene, rng: np.random.Generator) -> Scene:
    """Another light and another camera: mirror, exposure, gamma, colour, soft focus, noise."""
    pixels, faces = scene.pixels, scene.faces
    if rng.random() < 0.5:
        wide = pixels.shape[1]
        pixels = pixels[:, ::-1]
        faces = tuple(
            SceneFace(f.identity, (wide - f.box[0] - f.box[2], *f.box[1:]), -f.tilt) for f in faces
        )
    blur = rng.uniform(0, 1.2)
    if blur > 0.4:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), blur), np.uint8)
    coloured = cv2.LUT(np.ascontiguousarray(pixels), _light(rng))
    return Scene(_noisy(np.asarray(coloured, np.uint8), rng), faces)


def _light(rng: np.random.Generator) -> Pixels:
    """A lookup table (256, 1, 3): exposure, gamma, and a warmer or colder white."""
    warmth = rng.uniform(-0.12, 0.12)
    gains = rng.uniform(0.8, 1.15) * np.array([1 + warmth, 1.0, 1 - warmth])
    curve = (np.arange(256) / 255) ** rng.uniform(0.7, 1.4)
    return (curve[:, None] * gains * 255).clip(0, 255).astype(np.uint8)[:, None]


def _noisy(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Add a tile of grain over and over: noise for 12 MP of its own would take a second."""
    grain = rng.normal(0, rng.uniform(0.5, 5), (256, 256, 1)).astype(np.int8).repeat(3, 2)
    high, wide = pixels.shape[:2]
    tiled = np.tile(grain, (-(-high // 256), -(-wide // 256), 1))[:high, :wide]
    noisy = cv2.add(pixels, tiled, dtype=cv2.CV_8U)
    return np.asarray(noisy, np.uint8)
