"""Hide me: what each viewer gets of a photo with somebody who is hidden on it, by whatever way."""

import hashlib
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import cv2
import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from memoria_pipeline.review import looking
from memoria_pipeline.review.looking import LOOKS, SHOWS_NOBODY
from memoria_pipeline.review.signed import Kind
from memoria_pipeline.store import db, hidden
from memoria_pipeline.vision.hide import region
from memoria_pipeline_tests.review.calls import Stage, stage
from memoria_pipeline_tests.review.endpoints import API, PAGES, ROLES
from memoria_pipeline_tests.review.seeded import Seeded
from memoria_pipeline_tests.review.test_endpoints import table
from memoria_pipeline_tests.store.factories import LEFT, RIGHT

VIEWERS = ("photographer", "guest", "stranger", "nobody", "service")
"""All who get no more of the member, who is hidden, than anybody."""
SEEING = ("organiser", "member")
ADDRESS = re.compile(r"/pictures/(?:photo|face)/[^\s\"'<>\\]+")


@pytest.fixture(scope="module")
def staged(seeded: Seeded) -> Stage:
    """Photos of noise, with their hashes; the member is the person on the left."""
    made = stage(seeded)
    random = np.random.default_rng(3)
    with db.connect(seeded.engine) as conn:
        for number, photo in enumerate(seeded.photos):
            path = seeded.root / f"{number:03}.jpg"
            pixels = random.integers(0, 256, (120, 160, 3), dtype=np.uint8)
            cv2.imwrite(str(path), cv2.resize(pixels, (640, 480), interpolation=cv2.INTER_NEAREST))
            values = {"id": photo, "sha": hashlib.sha256(path.read_bytes()).hexdigest()}
            conn.execute(sa.text("update memoria.media set sha256 = :sha where id = :id"), values)
    return made


@pytest.fixture
def hiding(staged: Stage) -> Iterator[Stage]:
    """The member is hidden meanwhile."""
    _hide(staged, on=True)
    yield staged
    _hide(staged, on=False)


def _hide(staged: Stage, *, on: bool) -> None:
    seeded = staged.seeded
    with db.connect(seeded.engine) as conn:
        hidden.hide(conn, seeded.event, seeded.users["member"], hidden=on)
        if not on:
            conn.execute(sa.text("delete from memoria.hidden"))


def address(seeded: Seeded, role: str, kind: Kind, thing: UUID, size: int = 640) -> str:
    """As signed for this role's eyes."""
    signer = seeded.parts.signer.of(seeded.users.get(role))
    return signer.url(kind, seeded.event, thing, size)


def opened(answer: httpx.Response) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def detail(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], box: object) -> float:
    """How much of the noise is left in a box: about 50 where it is shown, under 5 where not."""
    assert isinstance(box, tuple)
    left, top, right, bottom = region(box, pixels.shape[1], pixels.shape[0])
    part = pixels[top:bottom, left:right]
    smooth = cv2.blur(part, (9, 9)).astype(float)
    return float(np.median(np.abs(part - smooth)))


def shows(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], box: object) -> bool:
    found = detail(pixels, box)
    assert not 8 < found < 20, found
    return found >= 20


@pytest.mark.parametrize("size", [320, 640, 2048])
def test_viewers_get_a_blurred_face_and_everybody_else_as_they_are(
    hiding: Stage, size: int
) -> None:
    seeded = hiding.seeded
    client = seeded.client()
    for role in (*SEEING, *VIEWERS):
        pixels = opened(client.get(address(seeded, role, "photo", seeded.photos[1], size)))
        assert shows(pixels, LEFT) == (role in SEEING), role
        assert shows(pixels, RIGHT), role


def test_a_crop_of_the_hidden_face_is_a_stand_in_for_viewers(hiding: Stage) -> None:
    seeded = hiding.seeded
    client, (left, right) = seeded.client(), seeded.faces[1]
    for role in VIEWERS:
        answer = client.get(address(seeded, role, "face", left, 256))
        assert answer.headers["content-type"] == "image/svg+xml"
        opened(client.get(address(seeded, role, "face", right, 256)))
    for role in SEEING:
        opened(client.get(address(seeded, role, "face", left, 256)))


def _pairs(seeded: Seeded) -> tuple[tuple[Kind, UUID], tuple[Kind, UUID]]:
    return (("photo", seeded.photos[0]), ("face", seeded.faces[0][0]))


def test_an_address_of_before_shows_no_more_than_one_of_now(staged: Stage) -> None:
    seeded, client = staged.seeded, staged.seeded.client()
    photo, face = (address(seeded, "guest", kind, thing) for kind, thing in _pairs(seeded))
    before = client.get(photo)
    assert shows(opened(before), LEFT)
    # a browser asks each time, and is not told that what it has is good
    assert before.headers["cache-control"] == "private, no-cache"
    _hide(staged, on=True)
    try:
        known = {"if-none-match": before.headers["etag"]}
        after = client.get(photo, headers=known)
        assert not shows(opened(after), LEFT)
        assert client.get(face).headers["content-type"] == "image/svg+xml"
        known = {"if-none-match": after.headers["etag"]}
        assert client.get(photo, headers=known).status_code == 304
    finally:
        _hide(staged, on=False)
    assert shows(opened(client.get(photo, headers=known)), LEFT)


def test_nobody_makes_an_address_for_other_eyes(hiding: Stage) -> None:
    seeded, client = hiding.seeded, hiding.seeded.client()
    theirs = address(seeded, "guest", "photo", seeded.photos[0])
    eyes = parse_qs(urlsplit(theirs).query)["for"][0]
    for role in SEEING:
        wanted = seeded.parts.signer.eyes(seeded.event, seeded.users[role])
        assert client.get(theirs.replace(eyes, wanted)).status_code == 403
        assert str(seeded.users[role]) not in address(seeded, role, "photo", seeded.photos[0])
    assert client.get(theirs.replace(f"&for={eyes}", "")).status_code == 403
    elsewhere = seeded.parts.signer.eyes(UUID(int=1), seeded.users["organiser"])
    assert client.get(theirs.replace(eyes, elsewhere)).status_code == 403


def test_an_organiser_who_is_none_any_more_gets_what_viewers_get(hiding: Stage) -> None:
    seeded, client = hiding.seeded, hiding.seeded.client()
    url = address(seeded, "organiser", "photo", seeded.photos[0])
    role = "update memoria.event_members set role = :r where user_id = :u"
    assert shows(opened(client.get(url)), LEFT)
    hiding.run(role, r="member", u=seeded.users["organiser"])
    try:
        assert not shows(opened(client.get(url)), LEFT)
    finally:
        hiding.run(role, r="organiser", u=seeded.users["organiser"])


@pytest.mark.parametrize("why", ["pending", "another file"])
def test_a_photo_that_nobody_looked_at_is_shown_to_viewers_later(hiding: Stage, why: str) -> None:
    seeded, client = hiding.seeded, hiding.seeded.client()
    path = seeded.root / "002.jpg"
    kept = path.read_bytes()
    status = "update memoria.media set status = :s where id = :p"
    if why == "pending":
        hiding.run(status, s="pending", p=seeded.photos[2])
    else:
        path.write_bytes((seeded.root / "001.jpg").read_bytes())
    try:
        for kind, thing in (("photo", seeded.photos[2]), ("face", seeded.faces[2][1])):
            answer = client.get(address(seeded, "guest", kind, thing))  # type: ignore[arg-type]
            assert answer.headers["content-type"] == "image/svg+xml"
        opened(client.get(address(seeded, "organiser", "photo", seeded.photos[2])))
    finally:
        path.write_bytes(kept)
        hiding.run(status, s="analysed", p=seeded.photos[2])


def addresses(text: str) -> set[str]:
    """Every signed address in an answer, however it is escaped."""
    return {html.unescape(each).replace("\\u0026", "&") for each in ADDRESS.findall(text)}


def _fetched(client: httpx.Client, seeded: Seeded, url: str) -> bool | None:
    """Whether the hidden face is shown at an address; None where only others may be."""
    answer = client.get(url)
    if answer.headers["content-type"] == "image/svg+xml":
        return False
    pixels, thing = opened(answer), UUID(urlsplit(url).path.split("/")[4])
    if "/photo/" in url:
        return shows(pixels, LEFT)
    return True if thing in [pair[0] for pair in seeded.faces] else None


@pytest.mark.parametrize("role", ROLES)
def test_no_call_and_no_page_leads_a_viewer_to_the_hidden_face(hiding: Stage, role: str) -> None:
    """Every GET there is, as each role: a picture is given by two routes alone, and what the others
    point at is blurred for viewers."""
    seeded, client = hiding.seeded, hiding.seeded.client_of(role)
    found = set[str]()
    for call in table(API) | table(PAGES):
        method, path = call.split()
        if method != "GET" or path.startswith("/pictures"):
            continue
        made = hiding.call(method, path, role)
        params, headers = made.sent.get("params"), {"accept": "text/html, */*"}
        answer = client.get(made.path, params=params, headers=headers)
        assert not answer.headers.get("content-type", "").startswith("image/"), call
        found |= addresses(answer.text)
    assert bool(found) == (role in ("organiser", "photographer", "member", "guest"))
    shown = {_fetched(client, seeded, url) for url in found}
    assert True in shown if role in SEEING else True not in shown


def test_one_module_of_the_review_reads_photos_and_it_asks_who_is_hidden() -> None:
    room = Path(looking.__file__).parent
    reads = re.compile(r"import Photos|import picture|FileResponse|read_photo|imencode|imread")
    found = {path.name for path in room.rglob("*.py") if reads.search(path.read_text())}
    assert found == {"pictures.py"}


def test_a_mail_and_an_invitation_show_what_anybody_gets(hiding: Stage) -> None:
    seeded, client = hiding.seeded, hiding.seeded.client_of("organiser")
    sent = {"email": "new@example.org"}
    answer = client.post(f"/person/{hiding.free}/invite", json=sent)
    assert answer.status_code == 200
    mail = max((seeded.parts.settings.home / "outbox").glob("*.eml"), key=_age)
    text = mail.read_text().replace("=\n", "").replace("=3D", "=")
    token = re.search(r"/invitation/([\w-]+)", text)
    assert token
    looked = seeded.client().post("/invitation/look", json={"token": token[1]})
    page = seeded.client().get(f"/invitation/{token[1]}", headers={"accept": "text/html"})
    urls = addresses(text) | addresses(looked.text) | addresses(page.text)
    assert len(urls) >= 3
    assert {_fetched(seeded.client(), seeded, url) for url in urls} == {False}


def _age(path: Path) -> int:
    return path.stat().st_mtime_ns


def test_the_organisers_originals_are_as_they_were(hiding: Stage) -> None:
    seeded, client = hiding.seeded, hiding.seeded.client()
    before = {path: path.read_bytes() for path in sorted(seeded.root.rglob("*"))}
    for role in (*SEEING, *VIEWERS):
        for photo in seeded.photos:
            client.get(address(seeded, role, "photo", photo))
    assert {path: path.read_bytes() for path in sorted(seeded.root.rglob("*"))} == before


def test_a_member_hides_and_shows_themselves_by_the_api(staged: Stage) -> None:
    seeded = staged.seeded
    member, organiser = seeded.client_of("member"), seeded.client_of("organiser")
    here, me = f"/event/{seeded.event}/hidden", str(seeded.users["member"])
    assert member.post(here).json() == [{"user_id": me, "by_self": True}]
    assert organiser.get(here).json() == [{"user_id": me, "by_self": True}]
    assert seeded.client_of("guest").get(here).json() == []
    refused = organiser.delete(f"{here}/{me}")
    assert refused.status_code == 403
    assert "themselves" in refused.json()["detail"]
    assert member.delete(f"{here}/{me}").status_code == 204
    assert organiser.get(here).json() == []
    assert organiser.post(here, json={"user_id": str(UUID(int=9))}).status_code == 404


def test_every_call_that_shows_somebody_is_a_look_or_says_why_not() -> None:
    routes = {call.split()[1] for call in table(API) | table(PAGES) if call.startswith("GET")}
    assert set(LOOKS) <= routes
    assert not set(LOOKS) & SHOWS_NOBODY
    assert routes <= set(LOOKS) | SHOWS_NOBODY


@pytest.mark.parametrize("role", ["organiser", "member"])
def test_who_looks_is_written_down_by_page_and_by_api(staged: Stage, role: str) -> None:
    seeded, client = staged.seeded, staged.seeded.client_of(role)
    staged.run("alter table memoria.audit disable trigger all")
    staged.run("delete from memoria.audit")
    staged.run("alter table memoria.audit enable trigger all")
    client.get(f"/review/{seeded.event}/photos")
    client.get(f"/media/{seeded.photos[1]}")
    client.get(f"/media/{UUID(int=7)}")  # there is none: nobody looked at it
    client.get(f"/review/{seeded.event}/photos")
    items = client.get(f"/event/{seeded.event}/audit").json()["items"]
    found = {(each["verb"], each["thing"], each["via"], each["thing_id"]) for each in items}
    assert found == {
        ("looked", "photos", "page", None),
        ("looked", "photo", "api", str(seeded.photos[1])),
        ("looked", "audit", "api", None),
    }
    assert {each["actor_id"] for each in items} == {str(seeded.users[role])}


@pytest.mark.parametrize(("language", "said"), [("en", "looked at: the photos"), ("fr", "photos")])
def test_the_page_says_who_did_what(staged: Stage, language: str, said: str) -> None:
    seeded = staged.seeded
    seeded.client_of("guest").get(f"/review/{seeded.event}/photos")
    page = seeded.client_of("organiser").get(f"/review/{seeded.event}/audit?lang={language}")
    assert said in page.text
    assert "Gaston" in page.text
    assert not re.search(r"%\(\w+\)|None<", page.text)
    own = seeded.client_of("guest").get(f"/review/{seeded.event}/audit")
    assert "Odile" not in own.text
