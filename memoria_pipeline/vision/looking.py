"""The steps from a photo's bytes to its faces, for photos one by one and for groups of them."""

from collections.abc import Sequence

from memoria_pipeline.vision.model import (
    Detection,
    Embeddings,
    Face,
    FaceModel,
    Image,
    QualityClass,
    Tiling,
)
from memoria_pipeline.vision.photo import Limits, Photo, read_photo
from memoria_pipeline.vision.quality import assess

_LIMITS = Limits()
_FIRST_LOOK = 2048  # pixels; fewer are little cheaper to decode, and soon too few for the crops
_CROP = 112  # pixels across the aligned face that the recognition networks take

Grade = tuple[float, QualityClass]


def look(data: bytes, model: FaceModel, limits: Limits = _LIMITS) -> tuple[Photo, list[Detection]]:
    """The photo at a scale that detection was content with, and every face. Raises PhotoError."""
    photo = first_look(data, model, limits)
    return look_closer(data, photo, model.detect(photo.pixels), model, limits)


def first_look(data: bytes, model: FaceModel, limits: Limits = _LIMITS) -> Photo:
    """The photo at the scale that detection begins with. Raises PhotoError."""
    side = max(model.max_side, _FIRST_LOOK)
    return read_photo(data, max_side=side, limits=limits, exact=False)


def look_closer(
    data: bytes, photo: Photo, found: list[Detection], model: FaceModel, limits: Limits = _LIMITS
) -> tuple[Photo, list[Detection]]:
    """After detection, tiles where the model wants them: then the photo is at full resolution."""
    if isinstance(model, Tiling) and wants_tiles(photo, found, model):
        photo = read_photo(data, limits=limits)
        found = model.in_tiles(photo.pixels, found)
    return photo, found


def wants_tiles(photo: Photo, found: list[Detection], model: FaceModel) -> bool:
    """Whether the model can look at this photo in tiles, and these detections make it want to."""
    return isinstance(model, Tiling) and model.wants_tiles(photo.width, photo.height, found)


def sharp_enough(data: bytes, photo: Photo, detections: list[Detection], limits: Limits) -> Image:
    """The photo at the smallest scale that gives the smallest face its full crop.

    Detection needs fewer pixels than recognition: a face of 60 pixels in a 24 MP photo is found
    at 20 and recognised at 60.
    """
    shown = photo.pixels.shape[1]
    smallest = min(each.box[2] for each in detections) * shown
    if shown >= photo.width or smallest >= _CROP:
        return photo.pixels
    wanted = max(photo.pixels.shape[:2]) * _CROP / max(smallest, 1.0)
    return read_photo(data, max_side=round(wanted), limits=limits, exact=False).pixels


def graded(pixels: Image, detections: Sequence[Detection], width: int) -> list[Grade]:
    """The quality of each face; width: of the original, in pixels."""
    return [assess(pixels, each, width) for each in detections]


def joined(
    detections: Sequence[Detection], grades: Sequence[Grade], embeddings: Embeddings
) -> tuple[Face, ...]:
    """The faces, of the three lists that say what each is."""
    return tuple(
        Face(detection, quality, quality_class, embedding)
        for detection, (quality, quality_class), embedding in zip(
            detections, grades, embeddings, strict=True
        )
    )
