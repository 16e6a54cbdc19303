"""Reading photos: every format upright, every awkward file read or refused with a reason."""

import io
from importlib.util import find_spec
from pathlib import Path

import dlib
import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from memoria_pipeline.errors import PhotoError
from memoria_pipeline.vision.photo import Limits, Photo, read_photo

# What each awkward file must be: format, upright width and height; or the reason it is refused.
DECODES = {
    "12in16bit.tif": ("tiff", 100, 100),
    "16bit.cropped.tif": ("tiff", 64, 64),
    "8bit-sRGB.avif": ("avif", 1617, 1080),
    "IMG_2682.heic": ("heif", 4032, 3024),
    "app13.jpg": ("jpeg", 4, 4),
    "avif/exif.avif": ("avif", 512, 512),
    "avif/hopper-missing-pixi.avif": ("avif", 128, 128),
    "avif/hopper.avif": ("avif", 128, 128),
    "avif/hopper.heif": ("heif", 128, 128),
    "avif/hopper_avif_write.png": ("png", 128, 128),
    "avif/icc_profile.avif": ("avif", 57, 57),
    "avif/icc_profile_none.avif": ("avif", 57, 57),
    "avif/star.avifs": ("avif", 159, 159),
    "avif/star.gif": ("gif", 159, 159),
    "avif/star.png": ("png", 159, 159),
    "avif/transparency.avif": ("avif", 64, 64),
    "avif/xmp_tags_orientation.avif": ("avif", 326, 268),
    "broken_exif_dpi.jpg": ("jpeg", 100, 100),
    "chi.gif": ("gif", 320, 240),
    "decompression_bomb_extents.gif": ("gif", 100, 100),
    "dispose_bgnd.gif": ("gif", 100, 100),
    "exif_gps.jpg": ("jpeg", 8, 8),
    "exif_imagemagick_orientation.png": ("png", 512, 512),
    "flower.jpg": ("jpeg", 480, 360),
    "flower.webp": ("webp", 480, 360),
    "frozenpond.mpo": ("jpeg", 640, 480),
    "g4_orientation_1.tif": ("tiff", 590, 88),
    "g4_orientation_6.tif": ("tiff", 590, 88),
    "hopper.bmp": ("bmp", 128, 128),
    "hopper.gif": ("gif", 128, 128),
    "hopper.jpg": ("jpeg", 128, 128),
    "hopper.png": ("png", 128, 128),
    "hopper.tif": ("tiff", 128, 128),
    "hopper.webp": ("webp", 128, 128),
    "hopper_16bit_qtables.jpg": ("jpeg", 128, 128),
    "hopper_gray.jpg": ("jpeg", 128, 128),
    "icc_profile_big.jpg": ("jpeg", 425, 250),
    "invalid-exif.jpg": ("jpeg", 200, 200),
    "iss634.gif": ("gif", 245, 245),
    "iss634.webp": ("webp", 245, 245),
    "jpeg_ff00_header.jpg": ("jpeg", 300, 225),
    "junk_jpeg_header.jpg": ("jpeg", 1024, 768),
    "multiple_exif.jpg": ("jpeg", 1, 1),
    "orientation_rectangle.jpg": ("jpeg", 1, 2),
    "p_16.png": ("png", 128, 128),
    "pil123rgba.png": ("png", 162, 150),
    "pil_sample_cmyk.jpg": ("jpeg", 100, 100),
    "pil_sample_rgb.jpg": ("jpeg", 100, 100),
    "png_decompression_dos.png": ("png", 1, 1),
    "portrait-orientation-6.jpg": ("jpeg", 840, 700),
    "portrait.jpg": ("jpeg", 840, 700),
    "sugarshack.mpo": ("jpeg", 640, 480),
    "transparent.png": ("png", 200, 150),
    "xmp_test.jpg": ("jpeg", 2000, 1072),
    **{f"hopper_orientation_{n}.jpg": ("jpeg", 128, 128) for n in range(2, 9)},
    **{f"hopper_orientation_{n}.webp": ("webp", 128, 128) for n in range(2, 9)},
    **{f"avif/rot{r}mir{m}.avif": ("avif", 640, 427) for r in range(4) for m in (0, 1)},
}
REFUSED = {
    "apng/syntax_num_frames_zero.png": "broken",  # no picture outside the animation that it lacks
    "balloon.jpf": "unsupported",
    "broken.png": "broken",
    "broken_data_stream.png": "broken",
    "crash-0c7e0e8e11ce787078f00b5b0ca409a167f070e0.tif": "broken",
    "decompression_bomb.gif": "broken",
    "decompression_bomb.ico": "unsupported",
    "hopper_bad_exif.jpg": "broken",  # its pixels are damaged too: 1,214 bytes of rows are lost
    "oom-225817ca0f8c663be7ab4b9e717b02c661e66834.tif": "broken",
    "truncated_image.png": "broken",
    "truncated_jpeg.jpg": "broken",
    "zero_height.j2k": "unsupported",
    "zero_width.gif": "broken",
}
Array = NDArray[np.uint8]


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def turned(pixels: Array, orientation: int) -> Array:
    """Store an upright picture so that this orientation makes it upright again (EXIF's table)."""
    first_row_is, first_column_is = {
        1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left",
        5: "left top", 6: "right top", 7: "right bottom", 8: "left bottom",
    }[orientation].split()  # fmt: skip
    stored = pixels
    if "bottom" in (first_row_is, first_column_is):
        stored = stored[::-1]
    if "right" in (first_row_is, first_column_is):
        stored = stored[:, ::-1]
    return stored.transpose(1, 0, 2) if first_row_is in ("left", "right") else stored


def tagged(pixels: Array, form: str, orientation: int, **options: object) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    image = Image.fromarray(np.ascontiguousarray(turned(pixels, orientation)))
    return encoded(image, form, exif=exif, **options)


def refusal(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(PhotoError) as caught:
        read_photo(data, limits=limits or Limits())
    assert str(caught.value).endswith(".")
    return caught.value.reason


def difference(one: Photo, other: Photo) -> float:
    assert one.pixels.shape == other.pixels.shape
    return float(np.abs(one.pixels.astype(int) - other.pixels).mean())


@pytest.fixture(scope="session")
def formats(shared_data: Path) -> Path:
    return shared_data / "awkward" / "formats"


@pytest.fixture(scope="session")
def astronaut() -> Array:
    """The upper part of scikit-image's portrait: 512 wide, 320 high, one face."""
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    with Image.open(Path(spec.origin).parent / "data" / "astronaut.png") as image:
        return np.asarray(image.convert("RGB"))[:320]


def test_every_awkward_file_is_in_one_of_the_two_tables(formats: Path) -> None:
    files = {p.relative_to(formats).as_posix() for p in formats.rglob("*") if p.is_file()}
    listed = DECODES.keys() | REFUSED.keys()
    assert {f for f in files - listed if not f.startswith(("apng/", "LICENSE"))} == set()


def test_awkward_files_that_hold_a_picture_decode_to_their_upright_size(formats: Path) -> None:
    for name, expected in DECODES.items():
        photo = read_photo((formats / name).read_bytes())
        assert (photo.format, photo.width, photo.height) == expected, name
        assert photo.pixels.shape == (photo.height, photo.width, 3), name
        assert photo.pixels.dtype == np.uint8
        assert photo.pixels.flags.c_contiguous


def test_awkward_files_without_a_whole_picture_are_refused_with_their_reason(formats: Path) -> None:
    assert {name: refusal((formats / name).read_bytes()) for name in REFUSED} == REFUSED


def test_an_animation_gives_its_default_picture_however_odd_its_frames(formats: Path) -> None:
    for path in sorted((formats / "apng").glob("*.png")):
        if f"apng/{path.name}" not in REFUSED:
            assert read_photo(path.read_bytes()).format == "png", path.name


@pytest.mark.parametrize("name", ["Landscape", "Portrait"])
def test_the_eight_orientations_of_a_photo_look_the_same(shared_data: Path, name: str) -> None:
    folder = shared_data / "awkward" / "exif-orientation"
    first, *rest = [read_photo((folder / f"{name}_{n}.jpg").read_bytes()) for n in range(1, 9)]
    # The number of the orientation is written in each picture.
    assert all(difference(first, other) < 8 for other in rest)


@pytest.mark.parametrize("form", ["jpg", "webp"])
def test_a_face_stored_in_eight_orientations_looks_the_same(formats: Path, form: str) -> None:
    first = read_photo((formats / f"hopper.{form}").read_bytes())
    for n in range(2, 9):
        data = (formats / f"hopper_orientation_{n}.{form}").read_bytes()
        assert difference(first, read_photo(data)) < 8, n


def test_a_container_that_turns_its_picture_is_turned_once(formats: Path) -> None:
    names = [f"avif/rot{r}mir{m}.avif" for r in range(4) for m in (0, 1)]
    first, *rest = [read_photo((formats / name).read_bytes()) for name in names]
    assert all(difference(first, other) < 16 for other in rest)
    assert difference(first, Photo(first.pixels[:, ::-1], 0, 0, "")) > 20


@pytest.mark.parametrize(
    ("form", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]
)
def test_an_exif_orientation_counts_in_every_format(form: str, options: dict[str, object]) -> None:
    upright = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    for orientation in range(1, 9):
        photo = read_photo(tagged(upright, form, orientation, **options))
        assert (photo.width, photo.height) == (7, 5)
        assert np.array_equal(photo.pixels, upright), orientation


def test_an_exif_orientation_of_a_heif_is_history(astronaut: Array) -> None:
    heif = pillow_heif.from_pillow(Image.fromarray(astronaut))
    exif = Image.Exif()
    exif[274] = 6
    buffer = io.BytesIO()
    heif.save(buffer, exif=exif.tobytes(), quality=80)
    photo = read_photo(buffer.getvalue())
    assert sorted((photo.width, photo.height)) == [320, 512]


def test_a_face_has_the_same_box_in_all_orientations_formats_and_scales(astronaut: Array) -> None:
    detector = dlib.get_frontal_face_detector()

    def box(data: bytes, side: int | None) -> list[float]:
        photo = read_photo(data, max_side=side)
        high, wide = photo.pixels.shape[:2]
        (face,) = detector(photo.pixels, 0)
        edges = zip(
            (face.left(), face.top(), face.right(), face.bottom()), (wide, high) * 2, strict=True
        )
        return [edge / length for edge, length in edges]

    large = np.asarray(Image.fromarray(astronaut).resize((1024, 640), Image.Resampling.LANCZOS))
    expected = box(tagged(large, "PNG", 1), 512)
    assert abs(expected[0] - 178 / 512) < 0.03  # the face begins a third of the way from the left
    for orientation in range(1, 9):
        for form, side in (("JPEG", None), ("JPEG", 512), ("JPEG", 700), ("WEBP", 512)):
            found = box(tagged(large, form, orientation, quality=90), side)
            assert found == pytest.approx(expected, abs=0.02), (orientation, form, side)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "GIF"])
@pytest.mark.parametrize("side", [1, 60, 100, 333, 512])
def test_the_longer_side_is_reduced_to_what_was_asked(
    astronaut: Array, form: str, side: int
) -> None:
    photo = read_photo(encoded(Image.fromarray(astronaut), form), max_side=side)
    assert (photo.width, photo.height) == (512, 320)
    assert photo.pixels.shape == (max(1, round(320 * side / 512)), side, 3)
    assert abs(float(photo.pixels.mean()) - float(astronaut.mean())) < 25


def test_a_photo_is_never_enlarged(astronaut: Array) -> None:
    photo = read_photo(encoded(Image.fromarray(astronaut), "JPEG"), max_side=5000)
    assert photo.pixels.shape == (320, 512, 3)


def test_a_reduced_photo_is_the_average_of_the_whole_one(astronaut: Array) -> None:
    data = encoded(Image.fromarray(astronaut), "JPEG", quality=95)
    whole = Image.fromarray(read_photo(data).pixels).reduce(4)
    small = read_photo(data, max_side=128).pixels
    assert np.abs(np.asarray(whole).astype(int) - small).mean() < 2


def test_every_colour_mode_keeps_its_colour() -> None:
    red = Image.new("RGB", (16, 16), (200, 30, 30))
    for image, form in (
        (red, "PNG"), (red.quantize(4), "PNG"), (red.convert("RGBA"), "PNG"),
        (red.convert("CMYK"), "JPEG"), (red.convert("CMYK"), "TIFF"), (red, "BMP"),
    ):  # fmt: skip
        found = read_photo(encoded(image, form)).pixels[8, 8].tolist()
        assert found == pytest.approx([200, 30, 30], abs=4), (image.mode, form)
    for mode, white in (("1", 1), ("L", 255), ("I;16", 65535), ("LA", (255, 255))):
        found = read_photo(encoded(Image.new(mode, (16, 16), white), "PNG")).pixels
        assert found.min() == 255, mode


def test_cmyk_with_and_without_adobes_marker_has_the_same_colours() -> None:
    image = Image.new("CMYK", (16, 16), (0, 200, 100, 50))
    adobe = encoded(image, "JPEG", quality=95)
    at = adobe.index(b"\xff\xee")
    plain = encoded(Image.eval(image, lambda v: 255 - v), "JPEG", quality=95)
    bare = plain[:at] + plain[at + 16 :]
    assert difference(read_photo(adobe), read_photo(bare)) < 2
    assert read_photo(adobe).pixels[8, 8].tolist() == pytest.approx([205, 44, 125], abs=4)


def test_deep_samples_are_scaled_and_not_clipped() -> None:
    ramp = (np.arange(256, dtype=np.uint16) * 257)[None].repeat(4, 0)
    data = encoded(Image.fromarray(ramp), "PNG")
    assert np.array_equal(read_photo(data).pixels[0, :, 0], np.arange(256))
    floats = encoded(Image.fromarray(ramp.astype(np.float32) / 65535), "TIFF")
    assert np.array_equal(read_photo(floats).pixels[0, :, 0], np.arange(256))


def test_transparency_is_shown_over_white() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    palette = Image.new("P", (8, 8), 0)
    assert read_photo(encoded(clear, "PNG")).pixels.min() == 255
    assert read_photo(encoded(clear, "WEBP", lossless=True)).pixels.min() == 255
    assert read_photo(encoded(half, "PNG")).pixels[0, 0].tolist() == [127, 127, 127]
    assert read_photo(encoded(palette, "GIF", transparency=0)).pixels.min() == 255
