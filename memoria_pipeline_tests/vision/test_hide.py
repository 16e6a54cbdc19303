"""Hidden faces: what is shown of one depends on the photo through a few mean colours, no more."""

import io
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from memoria_pipeline.vision import picture
from memoria_pipeline.vision.hide import BLOCKS, ROOM, WHOLE, Box, hidden, is_of, merged, region
from memoria_pipeline.vision.photo import Limits

Pixels = NDArray[np.uint8]
_random = np.random.default_rng(11)


def noise(height: int = 240, width: int = 320) -> Pixels:
    return _random.integers(0, 256, (height, width, 3), dtype=np.uint8)


def a_box() -> Box:
    """Anywhere, the borders included, up to larger than the whole photo."""
    w, h = (float(side) for side in _random.uniform(0.01, 1.2, 2) ** 2)
    x, y = (float(place) for place in _random.uniform(-0.1, 1, 2))
    return (x, y, w, h)


def shuffled(pixels: Pixels, boxes: list[Box]) -> Pixels:
    """Another photo with the same means: the pixels of each block of each region change places."""
    other = pixels.copy()
    for box in boxes:
        left, top, right, bottom = region(box, pixels.shape[1], pixels.shape[0])
        part = other[top:bottom, left:right]
        rows, columns = (edges(side) for side in part.shape[:2])
        for r in range(len(rows) - 1):
            for c in range(len(columns) - 1):
                block = part[rows[r] : rows[r + 1], columns[c] : columns[c + 1]]
                flat = block.reshape(-1, 3)
                block[:] = _random.permutation(flat).reshape(block.shape)
    return other


def edges(size: int) -> list[int]:
    blocks = min(BLOCKS, max(1, size // 4))
    return [round(each * size / blocks) for each in range(blocks + 1)]


def colours(part: Pixels) -> int:
    return len(np.unique(part.reshape(-1, 3) @ np.array([1, 256, 65536])))


def test_what_is_shown_depends_on_at_most_sixteen_means() -> None:
    pixels = noise()
    for _ in range(150):
        box = a_box()
        other = shuffled(pixels, [box])
        assert not np.array_equal(other, pixels)
        assert np.array_equal(hidden(pixels, [box]), hidden(other, [box]))


def test_a_region_shows_at_most_sixteen_colours_and_all_else_is_as_it_was() -> None:
    pixels = noise()
    for _ in range(150):
        box = a_box()
        left, top, right, bottom = region(box, 320, 240)
        shown = hidden(pixels, [box])
        assert colours(shown[top:bottom, left:right]) <= BLOCKS * BLOCKS
        shown[top:bottom, left:right] = pixels[top:bottom, left:right]
        assert np.array_equal(shown, pixels)


def test_the_photo_that_is_given_stays_as_it_is() -> None:
    pixels = noise()
    kept = pixels.copy()
    hidden(pixels, [(0.2, 0.2, 0.3, 0.3), WHOLE])
    assert np.array_equal(pixels, kept)
    assert hidden(pixels, []) is pixels


def test_there_is_room_around_a_face_up_to_the_borders() -> None:
    assert ROOM == 0.35
    assert region((0.4, 0.4, 0.2, 0.1), 1000, 1000) == (330, 330, 670, 570)
    assert region((0.0, 0.9, 0.1, 0.1), 1000, 1000) == (0, 865, 135, 1000)
    assert region((0.1, 0.1, 0.7, 0.7), 1000, 1000) == (0, 0, 1000, 1000)


@pytest.mark.parametrize(
    "box",
    [(2.0, 2.0, 0.1, 0.1), (0.1, 0.1, 0.0, 0.2), (0.1, 0.1, -1.0, 0.2), (math.nan, 0.0, 1.0, 1.0)],
)
def test_a_box_that_says_no_place_hides_the_whole_photo(box: Box) -> None:
    assert region(box, 320, 240) == (0, 0, 320, 240)
    assert colours(hidden(noise(), [box])) <= BLOCKS * BLOCKS


def test_two_boxes_of_one_face_are_hidden_as_one_whatever_their_order() -> None:
    pixels = noise()
    for _ in range(60):
        x, y = _random.uniform(0, 0.7, 2)
        jitter = _random.uniform(-0.01, 0.01, (4, 4))
        boxes = [(x + a, y + b, 0.2 + c, 0.25 + d) for a, b, c, d in jitter]
        regions = merged([region(each, 320, 240) for each in boxes])
        assert len(regions) == 1
        left, top, right, bottom = regions[0]
        shown = hidden(pixels, boxes)
        assert colours(shown[top:bottom, left:right]) <= BLOCKS * BLOCKS
        assert np.array_equal(shown, hidden(pixels, boxes[::-1]))


def test_no_pixel_of_overlapping_regions_counts_beyond_one_mean() -> None:
    pixels = noise()
    boxes: list[Box] = [(0.1, 0.1, 0.2, 0.2), (0.3, 0.2, 0.2, 0.2), (0.2, 0.35, 0.2, 0.2)]
    assert len(merged([region(each, 320, 240) for each in boxes])) == 3
    first = min(region(each, 320, 240) for each in boxes)
    other = shuffled(pixels, [boxes[0]])
    assert first == region(boxes[0], 320, 240)
    assert np.array_equal(hidden(pixels, boxes), hidden(other, boxes))


def test_a_face_of_few_pixels_becomes_one_colour() -> None:
    shown = hidden(noise(), [(0.5, 0.5, 0.01, 0.01)])
    left, top, right, bottom = region((0.5, 0.5, 0.01, 0.01), 320, 240)
    assert right - left < 8
    assert colours(shown[top:bottom, left:right]) == 1


def test_a_crop_of_a_hidden_face_is_known_as_one() -> None:
    assert is_of((0.1, 0.1, 0.2, 0.2), [(0.11, 0.1, 0.2, 0.21)])
    assert not is_of((0.1, 0.1, 0.2, 0.2), [(0.5, 0.1, 0.2, 0.2)])
    assert not is_of((0.1, 0.1, 0.2, 0.2), [])


def encoded(pixels: Pixels, orientation: int) -> bytes:
    """A PNG whose pixels, once turned as its EXIF says, are these."""
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Transpose that undoes each value
    image = Image.fromarray(pixels)
    if orientation in turns:
        image = image.transpose(Image.Transpose(turns[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "png", exif=exif)
    return file.getvalue()


def decoded(jpeg: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_hidden_where_it_is_seen_upright(orientation: int) -> None:
    pixels, box = noise(), (0.0, 0.55, 0.2, 0.3)
    left, top, right, bottom = region(box, 320, 240)
    other = shuffled(pixels, [box])
    shown, same = (
        picture.whole(encoded(each, orientation), 4096, Limits(), [box]) for each in (pixels, other)
    )
    assert shown == same  # byte for byte: the JPEG is made of what is painted
    plain = decoded(picture.whole(encoded(pixels, orientation), 4096, Limits()))
    inside = decoded(shown)[top + 8 : bottom - 8, left + 8 : right - 8].astype(int)
    outside = decoded(shown)[:, right + 16 :].astype(int)
    assert np.abs(np.diff(inside, axis=0)).mean() < 6
    assert np.abs(outside - plain[:, right + 16 :]).mean() < 1


@pytest.mark.parametrize("size", [64, 256, 512])
def test_a_crop_beside_a_hidden_face_shows_none_of_it(size: int) -> None:
    pixels = noise()
    hide, beside = (0.1, 0.3, 0.2, 0.3), (0.35, 0.3, 0.2, 0.3)
    other = shuffled(pixels, [hide])
    crops = [
        picture.face(encoded(each, 1), beside, size, Limits(), [hide]) for each in (pixels, other)
    ]
    if size == 64:  # decoded smaller than it is: averages across a block's border differ a little
        assert np.abs(decoded(crops[0]).astype(int) - decoded(crops[1])).mean() < 3
    else:
        assert crops[0] == crops[1]
