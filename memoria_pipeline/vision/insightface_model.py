"""A FaceModel over a folder of InsightFace's ONNX files: SCRFD finds faces, ArcFace knows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.vision import tiles as parts
from memoria_pipeline.vision.align import FIVE_POINTS, cut, pixels, similarity, unit_length
from memoria_pipeline.vision.backends import batched
from memoria_pipeline.vision.backends.network import Networks
from memoria_pipeline.vision.model import Detection, Embeddings, Image
from memoria_pipeline.vision.scales import Candidates, Points, detections, merge, resized

MAX_SIDE = 2048
"""Of the largest view, at a det_size of 640: a face of 50 pixels in a 24-megapixel photo is 17 wide
there, and SCRFD finds those of 12. Another det_size changes it in proportion: 320 takes a quarter
of the time and misses faces under 100 pixels in such photos."""

SMALL_SIDE = 192
"""Shows a face that fills the photo at a size the detector knows: of 143 tight crops it finds 142,
where 640 finds 43; 2 % of the time of the largest view."""

CROWDED = 24
"""A face of fewer pixels means that there may be others too small for this view …"""

CLOSER = 1.5
"""… so the photo is shown once more, this much larger: 1,380 faces, not 1,130, in 24 crowds."""

LARGER = 1.25
"""Times the largest view's side, that a photo must have for tiles to show more than it did."""

FACES_PER_BATCH = 8
"""On a CPU: R50 wants 0.3 GB more for 32, which take no less time each (at int8 3 % less)."""

TOGETHER = 16
"""Photos that a GPU is handed at once: with three faces each, a pool of 48."""

VIEWS_AT_ONCE = batched.BUCKETS[-1]
"""In memory, as what the network takes: 5 MB for a tile, 34 for a view of 2048 pixels."""

LARGE, LARGE_AT_ONCE = 1024, 8
"""Of views with a longer side than this: SCRFD-10G's second layer takes 160 MB for one of 2048."""

STEP, MIDDLE = np.float32(1 / 128), np.float32(127.5 / 128)
"""What SCRFD was trained on: (value - 127.5) / 128."""


@dataclass(frozen=True, slots=True)
class Heads:
    """What the outputs of an SCRFD graph are, by their number."""

    strides: tuple[int, ...]
    anchors: int


HEADS = {9: Heads((8, 16, 32), 2), 15: Heads((8, 16, 32, 64, 128), 1)}


class InsightFaceModel:
    """SCRFD at several scales, then ArcFace on aligned crops. Safe to call from several threads."""

    def __init__(
        self,
        networks: Networks,
        *,
        name: str,
        licence: str,
        thresholds: Mapping[str, float],
        detection_threshold: float = 0.5,
        det_size: int = 640,
        tiles: str = "auto",
    ) -> None:
        self.name, self.licence, self.thresholds = name, licence, thresholds
        self.max_side = round(MAX_SIDE * det_size / 640)
        self._detector, self._recogniser = networks.detector, networks.recogniser
        self._raw_pixels = networks.raw_pixels
        self._heads = HEADS[len(self._detector.outputs)]
        self._threshold, self._det_size, self._tiles = detection_threshold, det_size, tiles
        self.device = self._detector.device
        self.providers: tuple[str, ...] = self._detector.providers
        gpu = self.device != "cpu"
        self.together = TOGETHER if gpu else 1
        self._faces_at_once = batched.FACES[-1] if gpu else FACES_PER_BATCH
        self.dimensions = self._width_of_output()

    def detect(self, image: Image) -> list[Detection]:
        """Every face of one upright photo, best score first."""
        return self.detect_together([image])[0]

    def detect_together(self, images: Sequence[Image]) -> list[list[Detection]]:
        """`detect` of several photos; on a GPU their views of one shape share its calls."""
        sides = [min(max(*each.shape[:2], self._det_size), self.max_side) for each in images]
        large = self._views(list(zip(images, sides, strict=True)))
        small = self._views([(image, SMALL_SIDE) for image in images])
        parts = [list(each) for each in zip(small, large, strict=True)]
        crowded = [
            number
            for number, (image, side, view) in enumerate(zip(images, sides, large, strict=True))
            if side < self.max_side and _smallest(image, side, view) < CROWDED
        ]
        closer = [(images[n], min(round(sides[n] * CLOSER), self.max_side)) for n in crowded]
        for number, view in zip(crowded, self._views(closer), strict=True):
            parts[number].append(view)
        return [detections(merge(Candidates.joined(each))) for each in parts]

    def detect_once(self, image: Image, side: int) -> list[Detection]:
        """What one view with the longer side at `side` pixels shows: benchmarks compare with it."""
        return detections(merge(self._views([(image, side)])[0]))

    def wants_tiles(self, width: int, height: int, found: Sequence[Detection]) -> bool:
        """`auto`: where the largest view leaves out pixels and shows a face of under 24 of them."""
        if self._tiles == "off" or max(width, height) < LARGER * self.max_side:
            return False
        return self._tiles == "always" or bool(self._small(width, height, found))

    def in_tiles(self, image: Image, found: Sequence[Detection]) -> list[Detection]:
        """These and what the tiles around the small ones show besides (`always`: all tiles)."""
        height, width = image.shape[:2]
        size = width, height
        small = [(x + w / 2, y + h / 2) for x, y, w, h in self._small(width, height, found)]
        everywhere = self._tiles == "always"
        corners = (
            parts.grid(size)
            if everywhere
            else parts.chosen(size, np.array(small).reshape(-1, 2) * size)
        )
        cuts = [image[y : y + parts.TILE, x : x + parts.TILE] for x, y in corners]
        seen = self._views([(tile, max(tile.shape[:2])) for tile in cuts])
        views = [parts.candidates(found)]
        for corner, tile, view in zip(corners, cuts, seen, strict=True):
            views.append(parts.placed(view, corner, (tile.shape[1], tile.shape[0]), size))
        return detections(merge(Candidates.joined(views)))

    def _small(
        self, width: int, height: int, found: Sequence[Detection]
    ) -> list[tuple[float, float, float, float]]:
        """The boxes that are under CROWDED pixels wide in the largest view."""
        shown = width * self.max_side / max(width, height)
        return [face.box for face in found if face.box[2] * shown < CROWDED]

    def embed(
        self, images: Sequence[Image], detections: Sequence[Sequence[Detection]]
    ) -> list[Embeddings]:
        """For each image the embeddings of its detections; all images share the batches."""
        crops = [
            crop
            for image, faces in zip(images, detections, strict=True)
            for crop in self.crops(image, faces)
        ]
        vectors = self.vectors(crops)
        ends = np.cumsum([len(faces) for faces in detections])
        return np.split(vectors, ends[:-1]) if len(ends) else []

    def crops(self, image: Image, detections: Sequence[Detection]) -> list[Image]:
        """Each face of a photo, upright and aligned, at the recogniser's size."""
        side, template = self._crop(), self._template()
        return [cut(image, similarity(pixels(image, face), template), side) for face in detections]

    def vectors(self, crops: Sequence[Image]) -> Embeddings:
        """The embeddings of what `crops` gave, of any photos; on a GPU up to 64 share a call."""
        most = self._faces_at_once
        parts = [
            self._recogniser.run(self._blob(crops[start : start + most]))[0]
            for start in range(0, len(crops), most)
        ]
        if not parts:
            return np.zeros((0, self.dimensions), np.float32)
        return unit_length(np.concatenate(parts).astype(np.float32))

    def _views(self, shown: Sequence[tuple[Image, int]]) -> list[Candidates]:
        """What the detector finds in each photo at one size, as candidates over the threshold."""
        seen: list[Candidates] = []
        large = any(side > LARGE for _, side in shown)
        most = LARGE_AT_ONCE if large else VIEWS_AT_ONCE
        for start in range(0, len(shown), most):
            sights = [_sight(image, side) for image, side in shown[start : start + most]]
            found = batched.answers(self._detector, [blob for blob, _ in sights])
            for answer, (blob, size) in zip(found, sights, strict=True):
                rows = [each.reshape(-1, each.shape[-1]) for each in answer]
                seen.append(self._candidates(rows, blob, size))
        return seen

    def _candidates(
        self, answer: Sequence[Points], blob: Points, size: tuple[int, int]
    ) -> Candidates:
        found = self._decoded(answer, blob.shape[3])
        unit: Points = np.array(size, dtype=np.float32)
        boxes = np.asarray(found.boxes / np.tile(unit, 2), np.float32)
        return Candidates(boxes, found.landmarks / unit, np.minimum(found.scores, 1))

    def _decoded(self, answer: Sequence[Points], width: int) -> Candidates:
        """The network's distances from its grid points, as boxes and landmarks in pixels."""
        levels = len(self._heads.strides)
        parts = []
        for level, stride in enumerate(self._heads.strides):
            scores, edges, points = (answer[level + k * levels] for k in range(3))
            rows = np.flatnonzero(scores[:, 0] >= self._threshold)
            across = -(-width // stride)
            cell = rows // self._heads.anchors
            centre = np.stack([cell % across, cell // across], axis=1) * np.float32(stride)
            reach = edges[rows] * stride
            boxes = np.hstack([centre - reach[:, :2], centre + reach[:, 2:]])
            marks = centre[:, None] + points[rows].reshape(-1, 5, 2) * stride
            parts.append(Candidates(boxes, marks, scores[rows, 0]))
        return Candidates.joined(parts)

    def _blob(self, crops: Sequence[Image]) -> Points:
        """(n, 3, side, side) in the range the recogniser was trained on."""
        stack = np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32)
        return stack if self._raw_pixels else (stack - 127.5) / 127.5

    def _crop(self) -> int:
        side = self._recogniser.input_shape[2]
        return side if isinstance(side, int) else 112

    def _template(self) -> NDArray[np.float64]:
        """The five points for this recogniser's crop (a crop of 128 has 112 in its middle)."""
        side = self._crop()
        if side % 112 == 0:
            return FIVE_POINTS * (side / 112)
        return (FIVE_POINTS + (8.0, 0.0)) * (side / 128)

    def _width_of_output(self) -> int:
        width = self._recogniser.output_shape[-1]
        return width if isinstance(width, int) else self._probe()

    def _probe(self) -> int:
        side = self._crop()
        return int(self._recogniser.run(np.zeros((1, 3, side, side), np.float32))[0].shape[-1])


def _sight(image: Image, side: int) -> tuple[Points, tuple[int, int]]:
    """The photo with its longer side at `side`, as the detector takes it; its width and height."""
    shown = resized(image, side)
    height, width = shown.shape[:2]
    # Any multiple of 32 will do: a square would spend a third of the time on padding.
    blob = np.full((1, 3, -(-height // 32) * 32, -(-width // 32) * 32), -MIDDLE, np.float32)
    for colour, plane in enumerate(cv2.split(shown)):  # half of what OpenCV's own blobs take
        part = blob[0, colour, :height, :width]
        np.multiply(plane, STEP, out=part)
        part -= MIDDLE
    return blob, (width, height)


def _smallest(image: Image, side: int, view: Candidates) -> float:
    """Pixels across the smallest face of a view whose longer side has `side`."""
    widths = (view.boxes[:, 2] - view.boxes[:, 0]) * image.shape[1] / max(image.shape[:2]) * side
    return float(widths.min(initial=np.inf))
