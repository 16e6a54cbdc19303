"""Invitations: one mail, one link, once; and who becomes whom."""

import email
import re
from email import policy
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from memoria_pipeline_tests.review.calls import Stage, an_invitation, stage
from memoria_pipeline_tests.review.seeded import Seeded
from memoria_pipeline_tests.review.test_actions import person, post, seq, tagged
from memoria_pipeline_tests.review.test_endpoints import restore


@pytest.fixture(scope="module")
def staged(seeded: Seeded) -> Stage:
    return stage(seeded)


@pytest.fixture
def organiser(staged: Stage) -> Any:
    """An organiser's client; what is decided with it is undone afterwards."""
    before = seq(staged)
    yield staged.seeded.client_of("organiser")
    restore(staged, before)


def mails(staged: Stage) -> list[Path]:
    return sorted(
        (staged.seeded.parts.settings.home / "outbox").glob("*.eml"),
        key=lambda each: each.stat().st_mtime_ns,
    )


def letter(staged: Stage, about: str) -> tuple[str, str, str]:
    """Whom the last mail went to, its text and its HTML."""
    said = email.message_from_bytes(mails(staged)[-1].read_bytes(), policy=policy.default)
    text, html = (said.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert about in said["subject"]
    return said["to"], text.get_content(), html.get_content()


def invited(staged: Stage, organiser: httpx.Client, **more: Any) -> str:
    """Invite the person whom nobody is linked to; the token of the mail's link."""
    post(organiser, f"/person/{staged.free}/invite", email="Zo@example.org", **more)
    found = re.search(r"/invitation/([\w-]+)", letter(staged, "Fête")[1])
    assert found is not None
    return found[1]


def test_the_mail_says_who_wrote_what_and_shows_up_to_five_photos(
    staged: Stage, organiser: httpx.Client
) -> None:
    before = len(mails(staged))
    token = invited(staged, organiser, message="<b>Toi ?</b>", language="fr")
    to, text, html = letter(staged, "Fête")
    assert (to, len(mails(staged)) - before) == ("Zo@example.org", 1)
    assert "<b>Toi ?</b>" in text
    assert "&lt;b&gt;Toi ?&lt;/b&gt;" in html
    shown = re.findall(r'src="([^"]+)"', html)
    assert len(shown) == 3
    picture = organiser.get(shown[0].replace("&amp;", "&").removeprefix("http://memoria.test"))
    assert picture.headers["content-type"] == "image/jpeg"
    found = organiser.get(f"/event/{staged.seeded.event}/invitations").json()[0]
    assert (found["email"], found["sent_at"] is None) == ("zo@example.org", False)
    assert token not in str(found)


def test_whoever_accepts_is_the_person_and_a_guest_who_sees_their_photos(
    staged: Stage, organiser: httpx.Client
) -> None:
    token = invited(staged, organiser)
    nobody = staged.seeded.client_of("nobody")
    shown = post(nobody, "/invitation/look", token=token)
    assert (shown["event_name"], len(shown["photo_urls"])) == ("Fête", 3)
    done = post(nobody, "/invitation/accept", token=token, name="Zoé")
    guest = staged.seeded.client(headers={"authorization": f"Bearer {done['access_token']}"})
    assert guest.get("/events").json()[0]["role"] == "guest"
    assert guest.get(f"/event/{staged.seeded.event}/media").json()["total"] == 3
    assert guest.get(f"/event/{staged.seeded.event}/people").json()["total"] == 0
    assert tagged(staged, UUID(done["user_id"])) == staged.seeded.photos
    assert person(organiser, staged.free)["name"] == "Zoé"
    log = organiser.get(f"/person/{staged.free}/history").json()["items"][0]
    assert log["reason"] == "invitation accepted"
    assert log["actor_name"] == "Odile"


def test_a_link_works_once(staged: Stage, organiser: httpx.Client) -> None:
    token = invited(staged, organiser)
    nobody = staged.seeded.client_of("nobody")
    post(nobody, "/invitation/accept", token=token, name="Zoé")
    for path in ("accept", "look"):
        sent = {"token": token} | ({"name": "Eve"} if path == "accept" else {})
        again = nobody.post(f"/invitation/{path}", json=sent)
        assert again.status_code == 410


def test_undoing_what_one_did_last_leaves_alone_what_a_guest_did_by_accepting(
    staged: Stage, organiser: httpx.Client
) -> None:
    split = post(organiser, f"/person/{staged.linked}/unassign")["decision_ids"]
    token, nobody = invited(staged, organiser), staged.seeded.client_of("nobody")
    post(nobody, "/invitation/accept", token=token, name="Zoé")
    post(organiser, f"/event/{staged.seeded.event}/undo")  # the invitation: the guest stays
    post(organiser, f"/event/{staged.seeded.event}/undo")
    assert person(organiser, staged.free)["status"] == "linked"
    log = organiser.get(f"/person/{staged.linked}/history").json()["items"]
    assert [each["undone"] for each in log if each["id"] in split] == [True]


@pytest.mark.parametrize("page", [False, True])
def test_a_forwarded_invitation_opens_no_account_that_was_there(
    staged: Stage, organiser: httpx.Client, page: bool
) -> None:
    known = {"email": "organiser@example.org"}
    post(organiser, f"/person/{staged.free}/invite", **known)
    found = re.search(r"/invitation/([\w-]+)", letter(staged, "Fête")[1])
    assert found is not None
    nobody, before = staged.seeded.client_of("nobody"), len(mails(staged))
    if page:
        answer = nobody.post(f"/invitation/{found[1]}", data={"name": "Eve"})
        assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
        assert len(mails(staged)) == before + 1  # a link of their own
    else:
        answer = nobody.post("/invitation/accept", json={"token": found[1], "name": "Eve"})
        assert answer.json()["access_token"] is None
    assert person(organiser, staged.free)["name"] == "Odile"


def test_a_second_invitation_ends_the_first(staged: Stage, organiser: httpx.Client) -> None:
    first, second = invited(staged, organiser), invited(staged, organiser)
    nobody = staged.seeded.client_of("nobody")
    assert nobody.post("/invitation/look", json={"token": first}).status_code == 410
    assert nobody.post("/invitation/look", json={"token": second}).status_code == 200


@pytest.mark.parametrize("change", ["unassign", "ignore", "undo", "link-user"])
def test_nobody_becomes_a_person_that_is_not_invited_any_more(
    staged: Stage, organiser: httpx.Client, change: str
) -> None:
    token = invited(staged, organiser)
    if change == "undo":
        post(organiser, f"/event/{staged.seeded.event}/undo")
    else:
        user = {"user_id": str(staged.seeded.users["photographer"])}
        said = user if change == "link-user" else {}
        post(organiser, f"/person/{staged.free}/{change}", **said)
    members = len(organiser.get(f"/event/{staged.seeded.event}/members").json())
    nobody = staged.seeded.client_of("nobody")
    answer = nobody.post("/invitation/accept", json={"token": token, "name": "Eve"})
    assert answer.status_code == 410
    # nothing of it was kept
    assert len(organiser.get(f"/event/{staged.seeded.event}/members").json()) == members


def test_what_was_merged_meanwhile_is_still_invited(staged: Stage, organiser: httpx.Client) -> None:
    face = str(staged.seeded.faces[0][1])
    split = post(organiser, f"/person/{staged.free}/split", face_ids=[face])
    new = next(each["id"] for each in split["persons"] if each["id"] != str(staged.free))
    token = invited(staged, organiser)
    post(organiser, f"/person/{new}/merge", other_person_id=str(staged.free))
    nobody = staged.seeded.client_of("nobody")
    done = post(nobody, "/invitation/accept", token=token, name="Zoé")
    assert person(organiser, new)["linked_user_id"] == done["user_id"]


def test_what_is_no_address_is_refused_before_anything_is_written(
    staged: Stage, organiser: httpx.Client
) -> None:
    before, mailed = seq(staged), len(mails(staged))
    body = {"email": "nobody\r\nBcc: all@example.org"}
    answer = organiser.post(f"/person/{staged.free}/invite", json=body)
    assert (answer.status_code, seq(staged), len(mails(staged))) == (422, before, mailed)


@pytest.mark.parametrize(
    "address", ["a..b@example.org", "zoe(x)@example.org", '"zoe"@example.org', "zoé@example.org"]
)
def test_an_address_that_no_mail_goes_to_is_refused_for_invitations_and_members(
    staged: Stage, organiser: httpx.Client, address: str
) -> None:
    before, event = seq(staged), staged.seeded.event
    invited = organiser.post(f"/person/{staged.free}/invite", json={"email": address})
    member = organiser.post(f"/event/{event}/members", json={"email": address})
    assert [each.status_code for each in (invited, member)] == [422, 422]
    assert [each.json()["mend"] for each in (invited, member)] == ["Check how it is written."] * 2
    assert seq(staged) == before


def test_a_token_of_nobodys_says_nothing_else_than_one_that_is_over(staged: Stage) -> None:
    nobody = staged.seeded.client_of("nobody")
    unknown = nobody.post("/invitation/look", json={"token": "x" * 43})
    staged.run("update memoria.invitations set expires_at = now()")
    over = nobody.post("/invitation/look", json={"token": an_invitation_that_is_over(staged)})
    assert (unknown.status_code, unknown.json()) == (410, over.json())


def an_invitation_that_is_over(staged: Stage) -> str:
    token = an_invitation(staged)
    staged.run("update memoria.invitations set expires_at = now()")
    return token
