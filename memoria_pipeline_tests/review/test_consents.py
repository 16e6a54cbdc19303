"""A member agrees, is found by a selfie that is kept nowhere, takes it back, and leaves."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from memoria_pipeline.review import models as models_of_review
from memoria_pipeline.store import db
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.model import Face
from memoria_pipeline_tests.review.seeded import Seeded
from memoria_pipeline_tests.store.factories import LEFT, RIGHT, a_face

HTML = {"accept": "text/html"}
GOOD = {"text_version": "2026-1"}


@dataclass
class Models(models_of_review.Models):
    """Finds what a test says, on whatever photo."""

    faces: tuple[Face, ...] = ()
    seen: list[bytes] = field(default_factory=list)

    def analyse(self, pack: str, data: bytes) -> Outcome:
        self.seen.append(data)
        return Outcome("", "0" * 64, 640, 480, self.faces)


@pytest.fixture
def models(seeded: Seeded) -> Iterator[Models]:
    found = Models(Detector("dlib"), faces=(a_face(LEFT),))
    seeded.app.state.parts = replace(seeded.parts, models=found)
    yield found
    seeded.app.state.parts = seeded.parts


@pytest.fixture
def member(seeded: Seeded) -> tuple[UUID, httpx.Client]:
    """A fresh guest of the event."""
    user = uuid4()
    run(seeded, _JOIN, event=seeded.event, user=user)
    token = seeded.parts.tokens.make(user, 600)
    return user, seeded.client(headers={"authorization": f"Bearer {token}"})


_JOIN = (
    "insert into memoria.event_members (event_id, user_id, role) values (:event, :user, 'guest')"
)


def run(seeded: Seeded, query: str, **values: object) -> Any:
    with db.connect(seeded.engine) as conn:
        result = conn.execute(sa.text(query), values)
        return result.scalar() if result.returns_rows else None


def send(seeded: Seeded, client: httpx.Client, **data: str) -> httpx.Response:
    photo = (seeded.root / "000.jpg").read_bytes()
    files = {"file": ("me.jpg", photo, "image/jpeg")}
    return client.post(f"/event/{seeded.event}/selfie", files=files, data=GOOD | data)


def selfies(seeded: Seeded) -> int:
    return int(run(seeded, "select count(*) from memoria.media where status = 'selfie'"))


def test_a_selfie_needs_its_consent_in_the_same_call_and_the_photo_is_kept_nowhere(
    seeded: Seeded, models: Models, member: tuple[UUID, httpx.Client]
) -> None:
    user, client = member
    before = sorted(path for path in seeded.root.parent.rglob("*"))
    answer = send(seeded, client)
    assert answer.status_code == 201
    said = answer.json()
    assert said["selfie"]["id"]
    assert [(each["purpose"], each["given"]) for each in said["asked"]] == [
        ("own_photos", True),
        ("other_events", False),
    ]
    assert [each["text_version"] for each in said["ledger"]] == ["2026-1"]
    assert sorted(path for path in seeded.root.parent.rglob("*")) == before
    linked = "select count(*) from memoria.face_persons where linked_user_id = :user"
    assert run(seeded, linked, user=user) == 1
    assert client.get(f"/event/{seeded.event}/media").json()["total"] == 0
    assert client.get(f"/media/{said['selfie']['id']}").status_code == 404


def test_taking_it_back_erases_at_once_and_says_by_which_erasure(
    seeded: Seeded, models: Models, member: tuple[UUID, httpx.Client]
) -> None:
    user, client = member
    before = selfies(seeded)
    send(seeded, client)
    answer = client.delete(f"/event/{seeded.event}/consents", params={"purpose": "own_photos"})
    assert answer.json()["erasure_id"]
    assert selfies(seeded) == before
    assert client.get(f"/event/{seeded.event}").status_code == 200  # still a member
    gone = "select count(*) from memoria.face_persons where linked_user_id = :user"
    assert run(seeded, gone, user=user) == 0
    assert (
        run(
            seeded,
            "select count(*) from memoria.faces where media_id = any (:photos)",
            photos=seeded.photos,
        )
        == 6
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"text_version": "1999-1"}, "another text"),
        ({"minor": "true"}, "guardian"),
        ({"guardian_user_id": str(UUID(int=3))}, "guardian"),
    ],
)
def test_without_a_valid_consent_the_photo_is_not_even_looked_at(
    seeded: Seeded,
    models: Models,
    member: tuple[UUID, httpx.Client],
    data: dict[str, str],
    words: str,
) -> None:
    before = selfies(seeded)
    answer = send(seeded, member[1], **data)
    assert answer.status_code == 409
    assert words in answer.json()["detail"]
    assert (models.seen, selfies(seeded)) == ([], before)


def test_a_minor_with_a_guardian_may(
    seeded: Seeded, models: Models, member: tuple[UUID, httpx.Client]
) -> None:
    answer = send(seeded, member[1], minor="true", guardian="true")
    assert answer.status_code == 201
    assert (answer.json()["ledger"][0]["minor"], answer.json()["ledger"][0]["guardian"]) == (
        True,
        True,
    )


def weak() -> Face:
    return replace(a_face(LEFT), quality_class="C")


@pytest.mark.parametrize(
    ("reason", "faces"),
    [
        ("no_face", ()),
        ("several_faces", (a_face(LEFT), a_face(RIGHT))),
        ("weak_face", (weak(),)),
    ],
)
def test_there_has_to_be_one_good_face_else_nothing_is_written(
    seeded: Seeded,
    models: Models,
    member: tuple[UUID, httpx.Client],
    reason: str,
    faces: tuple[Face, ...],
) -> None:
    models.faces = faces
    before = selfies(seeded)
    answer = send(seeded, member[1])
    assert (answer.status_code, answer.json()["reason"]) == (422, reason)
    assert selfies(seeded) == before
    assert member[1].get(f"/event/{seeded.event}/consents").json()["ledger"] == []


def test_a_member_sees_what_they_agreed_to_and_nobody_else_does(
    seeded: Seeded, member: tuple[UUID, httpx.Client]
) -> None:
    _, client = member
    here = f"/event/{seeded.event}/consents"
    sent = {"purpose": "other_events", "text_version": "2026-1"}
    assert client.post(here, json=sent).status_code == 201
    assert len(client.get(here, headers={"accept-language": "fr"}).json()["ledger"]) == 1
    assert "événements" in client.get(here, headers={"accept-language": "fr"}).text
    assert seeded.client_of("photographer").get(here).json()["ledger"] == []


def test_the_switch_is_in_the_ledger_with_the_language_it_was_shown_in(seeded: Seeded) -> None:
    organiser = seeded.client_of("organiser")
    for on in (False, True):
        organiser.patch(
            f"/event/{seeded.event}",
            json={"face_recognition_enabled": on},
            headers={"accept-language": "fr"},
        )
    query = (
        "select array_agg(concat_ws(' ', given, text_version, language) order by seq)"
        " from memoria.consents where event_id = :event and user_id = :user"
    )
    said = run(seeded, query, event=seeded.event, user=seeded.users["organiser"])
    assert said == ["f 2026-1 fr", "t 2026-1 fr"]


def test_an_event_with_faces_of_strangers_cannot_begin_to_forget(seeded: Seeded) -> None:
    sent = {"analysis_mode": "match_and_forget"}
    answer = seeded.client_of("organiser").patch(f"/event/{seeded.event}", json=sent)
    assert answer.status_code == 409
    assert "stored already" in answer.json()["detail"]


def test_an_event_that_forgets_gives_faces_to_no_other_server(seeded: Seeded) -> None:
    organiser = seeded.client_of("organiser")
    event = organiser.post(
        "/events", json={"name": "Noces", "face_recognition_enabled": True}
    ).json()["id"]
    sent = {"analysis_mode": "match_and_forget"}
    assert (
        organiser.patch(f"/event/{event}", json=sent).json()["analysis_mode"]
        == sent["analysis_mode"]
    )
    ids = {name: str(uuid4()) for name in ("job_id", "media_id")}
    asked = {**ids, "event_id": event, "media_url": "https://example.org/photo.jpg"}
    assert seeded.client_of("service").post("/process", json=asked).status_code == 409


def test_the_page_says_what_went_wrong_in_the_readers_language(
    seeded: Seeded, models: Models, member: tuple[UUID, httpx.Client]
) -> None:
    _, client = member
    here, french = f"/review/{seeded.event}/me", {**HTML, "accept-language": "fr"}
    photo = {"photo": ("me.jpg", b"x", "image/jpeg")}
    answer = client.post(f"{here}/selfie", files=photo, data=GOOD, headers=french)
    assert answer.status_code == 422
    assert "cochez d’abord la case" in answer.text
    models.faces = ()
    agreed = GOOD | {"agree": "yes"}
    answer = client.post(f"{here}/selfie", files=photo, data=agreed, headers=french)
    assert "Aucun visage n’y a été trouvé" in answer.text
    models.faces = (a_face(LEFT),)
    answer = client.post(f"{here}/selfie", files=photo, data=agreed, headers=french)
    assert answer.headers["location"] == f"{here}?done=selfie"
    page = client.get(answer.headers["location"], headers=french).text
    assert "Votre selfie a été décrit" in page
    assert "Retirer mon accord et effacer" in page


def test_a_date_that_has_passed_asks_first_because_it_erases_every_face(seeded: Seeded) -> None:
    organiser, here = seeded.client_of("organiser"), f"/review/{seeded.event}/settings"
    days = "select retention_days from memoria.events where id = :event"
    sent = {"name": "Renamed", "consent": "yes", "retention_days": "0"}
    answer = organiser.post(here, data=sent, headers=HTML)
    assert answer.status_code == 422
    assert "Yes, erase the faces of this event now" in answer.text
    assert 'value="Renamed"' in answer.text
    assert run(seeded, days, event=seeded.event) is None
    assert organiser.post(here, data=sent | {"retention_days": "9"}).status_code == 303
    assert organiser.post(here, data=sent | {"sure": "yes"}).status_code == 303
    assert run(seeded, days, event=seeded.event) == 0


def test_taking_a_selfie_back_asks_first_and_shows_the_receipt(
    seeded: Seeded, models: Models, member: tuple[UUID, httpx.Client]
) -> None:
    user, client = member
    send(seeded, client, agree="yes")
    back, there = f"/review/{seeded.event}/me/take-back", selfies(seeded)
    assert client.post(back, data={"purpose": "own_photos"}, headers=HTML).status_code == 422
    assert selfies(seeded) == there
    sure = {"purpose": "own_photos", "sure": "yes"}
    answer = client.post(back, data=sure, headers=HTML)
    assert selfies(seeded) == there - 1
    page = client.get(answer.headers["location"], headers=HTML).text
    assert "What rested on it is erased." in page
    assert answer.headers["location"].split("receipt=")[1] in page


def test_erase_me_asks_first_and_then_leaves_nothing(
    seeded: Seeded, models: Models, member: tuple[UUID, httpx.Client]
) -> None:
    user, client = member
    send(seeded, client)
    here = f"/review/{seeded.event}/me"
    assert client.post(f"{here}/erase", headers=HTML).status_code == 422
    answer = client.post(f"{here}/erase", data={"sure": "yes"}, headers=HTML)
    assert answer.status_code == 200
    assert "You are erased" in answer.text
    assert "memoria_session=" in answer.headers["set-cookie"]  # forgotten: no event knows them
    newest = "select id || ' ' || source from memoria.erasures order by requested_at desc limit 1"
    receipt, source = run(seeded, newest).split()
    assert source == "page"
    assert receipt in answer.text
    left = (
        "select (select count(*) from memoria.face_persons where linked_user_id = :user)"
        " + (select count(*) from memoria.event_members where user_id = :user)"
        " + (select count(*) from memoria.consents where user_id = :user)"
    )
    assert run(seeded, left, user=user) == 0
    assert client.get(f"/event/{seeded.event}").status_code == 404
