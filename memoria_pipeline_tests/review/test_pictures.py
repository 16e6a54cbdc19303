"""Pictures by signed addresses: right ones, wrong ones, and photos that are not there any more."""

import io
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from PIL import Image

from memoria_pipeline.review.signed import Signer, expiry
from memoria_pipeline_tests.review.seeded import Seeded


def opened(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    return Image.open(io.BytesIO(answer.content))


@pytest.fixture
def nobody(seeded: Seeded) -> httpx.Client:
    return seeded.client()


def test_a_photo_is_as_large_as_asked_for_at_most(seeded: Seeded, nobody: httpx.Client) -> None:
    url = seeded.parts.signer.url("photo", seeded.event, seeded.photos[0], 320)
    assert opened(nobody.get(url)).size == (320, 240)
    url = seeded.parts.signer.url("photo", seeded.event, seeded.photos[0], 2048)
    assert opened(nobody.get(url)).size == (640, 480)


@pytest.mark.parametrize(("side", "colour"), [(0, (200, 40, 40)), (1, (40, 40, 200))])
def test_a_face_is_cut_out_square_with_its_middle_in_the_middle(
    seeded: Seeded, nobody: httpx.Client, side: int, colour: tuple[int, int, int]
) -> None:
    url = seeded.parts.signer.url("face", seeded.event, seeded.faces[0][side], 128)
    cut = opened(nobody.get(url))
    assert cut.size == (128, 128)
    # BGR: OpenCV wrote them
    assert cut.getpixel((64, 64)) == pytest.approx(colour[::-1], abs=12)
    assert cut.getpixel((4, 64)) != pytest.approx(colour[::-1], abs=40)


def test_a_browser_keeps_it_and_asks_whether_it_is_as_it_was(
    seeded: Seeded, nobody: httpx.Client
) -> None:
    signer = seeded.parts.signer.of(seeded.users["organiser"])
    url = signer.url("face", seeded.event, seeded.faces[0][0], 64)
    first = nobody.get(url)
    assert first.headers["cache-control"] == "private, max-age=3600"
    again = nobody.get(url, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "000" not in first.headers["etag"]  # the file's name


@pytest.mark.parametrize("change", ["sig", "exp", "size", "for", "thing", "kind", "event"])
def test_an_address_that_was_changed_shows_nothing(
    seeded: Seeded, nobody: httpx.Client, change: str
) -> None:
    url = seeded.parts.signer.url("photo", seeded.event, seeded.photos[0], 320)
    said = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    path = urlsplit(url).path
    organiser = seeded.parts.signer.eyes(seeded.event, seeded.users["organiser"])
    changed = {
        "for": organiser,
        "sig": said["sig"][::-1],
        "exp": str(int(said["exp"]) + 1),
        "size": "640",
    }
    if change in changed:
        said[change] = changed[change]
    wrong = {
        "thing": path.replace(str(seeded.photos[0]), str(seeded.photos[1])),
        "kind": path.replace("photo", "face"),
        "event": path.replace(str(seeded.event), str(uuid4())),
    }.get(change, path)
    assert nobody.get(wrong, params=said).status_code == 403


def test_an_address_is_good_for_half_an_hour_and_at_most_an_hour() -> None:
    signer, event, photo = Signer(b"s" * 32), uuid4(), uuid4()
    for now in (1_700_000_000.0, 1_700_000_999.9, 1_700_001_799.0):
        assert 1800 <= expiry(now) - now <= 3600
    url = signer.url("photo", event, photo, 320, now=1_700_000_000.0)
    said = parse_qs(urlsplit(url).query)
    until, signature = int(said["exp"][0]), said["sig"][0]
    path = urlsplit(url).path
    assert signer.is_right(path, 320, until, "", signature, now=until - 1.0)
    assert not signer.is_right(path, 320, until, "", signature, now=float(until))
    assert not Signer(b"t" * 32).is_right(path, 320, until, "", signature, now=until - 1.0)


def test_few_sizes_are_made_the_next_larger_one_where_another_is_wanted(seeded: Seeded) -> None:
    for kind, wanted, made in (("photo", 321, 640), ("face", 1, 64), ("face", 9999, 512)):
        url = seeded.parts.signer.url(kind, seeded.event, uuid4(), wanted)  # type: ignore[arg-type]
        assert parse_qs(urlsplit(url).query)["size"] == [str(made)]


@pytest.mark.parametrize("kind", ["photo", "face"])
def test_what_is_gone_is_a_picture_that_says_so(
    seeded: Seeded, nobody: httpx.Client, kind: str
) -> None:
    url = seeded.parts.signer.url(kind, seeded.event, uuid4(), 100)  # type: ignore[arg-type]
    answer = nobody.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "image/svg+xml")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8\xff\xe0 no photo", b"<svg onload='alert(1)'/>"]
)
def test_a_hostile_file_is_a_placeholder_and_never_passed_on(
    seeded: Seeded, nobody: httpx.Client, content: bytes
) -> None:
    path = seeded.root / "002.jpg"
    kept = path.read_bytes()
    path.write_bytes(content)
    try:
        for kind, thing in (("photo", seeded.photos[2]), ("face", seeded.faces[2][0])):
            url = seeded.parts.signer.url(kind, seeded.event, thing, 300)  # type: ignore[arg-type]
            answer = nobody.get(url)
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "image/svg+xml"
            assert b"alert" not in answer.content
    finally:
        path.write_bytes(kept)


def test_the_signature_of_a_photo_is_not_that_of_another_event(seeded: Seeded) -> None:
    one, two = (seeded.parts.signer.url("face", UUID(int=i), UUID(int=9), 64) for i in (1, 2))
    assert parse_qs(urlsplit(one).query)["sig"] != parse_qs(urlsplit(two).query)["sig"]
