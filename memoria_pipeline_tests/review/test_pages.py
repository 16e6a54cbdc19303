"""Every page without a browser, as each role gets it: what is in it, and what is said instead."""

import json
import re
from html import unescape
from urllib.parse import unquote
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from memoria_pipeline.people.diff import Diff
from memoria_pipeline.review import sessions
from memoria_pipeline.store import callers, db, runs
from memoria_pipeline.store import sessions as stored
from memoria_pipeline_tests.review.seeded import ClientOf, Seeded
from memoria_pipeline_tests.store.factories import PACK

HTML = {"accept": "text/html"}


def paths(seeded: Seeded) -> dict[str, str]:
    here = f"/review/{seeded.event}"
    person, other = seeded.persons
    photo = seeded.photos[0]
    return {
        "events": "/",
        "policy": "/policy",
        "new": "/review/new",
        "event": here,
        "people": f"{here}/people",
        "progress": f"{here}/progress",
        "questions": f"{here}/questions",
        "photos": f"{here}/photos",
        "photo": f"{here}/photo/{photo}",
        "face": f"{here}/photo/{photo}/face/{seeded.faces[0][0]}",
        "face's people": f"{here}/photo/{photo}/face/{seeded.faces[0][0]}/people",
        "person": f"{here}/person/{person}",
        "members": f"{here}/person/{person}/members?q=a",
        "others": f"{here}/person/{person}/others",
        "side by side": f"{here}/person/{person}/merge/{other}",
        "runs": f"{here}/runs",
        "history": f"{here}/history",
        "settings": f"{here}/settings",
    }


EVERYBODY = {"events", "policy", "new", "event", "photos", "photo"}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_an_organiser_gets_every_page(seeded: Seeded, client_of: ClientOf, language: str) -> None:
    client = client_of("organiser")
    for name, path in paths(seeded).items():
        sign = "&" if "?" in path else "?"
        answer = client.get(f"{path}{sign}lang={language}", headers=HTML)
        assert answer.status_code == 200, name
        assert not re.search(r"%\(\w+\)|\{\{|None<", answer.text), name


@pytest.mark.parametrize("role", ["photographer", "member", "guest"])
def test_others_get_the_photos_and_nothing_of_the_people(
    seeded: Seeded, client_of: ClientOf, role: str
) -> None:
    client = client_of(role)
    for name, path in paths(seeded).items():
        answer = client.get(path, headers=HTML, follow_redirects=True)
        assert answer.status_code == (200 if name in EVERYBODY else 403), name
        assert ("/pictures/face/" in answer.text) is False, name


def test_a_guest_is_shown_the_photos_with_a_tag_only(seeded: Seeded, client_of: ClientOf) -> None:
    here = f"/review/{seeded.event}"
    shown = client_of("guest").get(f"{here}/photos", headers=HTML).text
    assert [str(each) in shown for each in seeded.photos] == [True, False, False]
    other = client_of("guest").get(f"{here}/photo/{seeded.photos[1]}", headers=HTML)
    assert other.status_code == 404


def test_a_stranger_learns_nothing(seeded: Seeded, client_of: ClientOf) -> None:
    for name, path in paths(seeded).items():
        answer = client_of("stranger").get(path, headers=HTML)
        assert answer.status_code == (200 if name in ("events", "policy", "new") else 404), name
        assert "Fête" not in answer.text


def test_nobody_is_asked_to_sign_in(seeded: Seeded, client_of: ClientOf) -> None:
    for name, path in paths(seeded).items():
        if name != "policy":
            answer = client_of("nobody").get(path, headers=HTML)
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in"), name
    client = client_of("nobody")
    client.cookies.set("memoria_session", "over")
    assert client.get("/", headers=HTML).headers["location"] == "/sign-in?expired=1"


def test_who_was_slower_is_told_what_happened_and_nothing_changes(
    seeded: Seeded, client_of: ClientOf
) -> None:
    client = client_of("organiser")
    here = f"/review/{seeded.event}/person/{seeded.persons[0]}"
    form = {"user_id": str(seeded.users["member"]), "version": "999"}
    headers = {"hx-request": "true", "accept-language": "fr"}
    answer = client.post(f"{here}/assign", data=form, headers=headers)
    assert answer.status_code == 409
    assert unquote(answer.headers["x-message"]).startswith("Quelqu’un d’autre a modifié ceci")
    assert client.get(here, headers=HTML).text.count("Nothing was decided yet.") == 1


def test_a_new_event_shows_the_notice_and_sets_the_switch(
    seeded: Seeded, client_of: ClientOf
) -> None:
    client = client_of("organiser")
    form = client.get("/review/new", headers={**HTML, "accept-language": "fr"}).text
    assert "J'autorise l'analyse automatique des visages" in unescape(form)
    assert 'href="/policy"' in form
    for consent in (True, False):
        sent = {"name": f"Noces {consent}", "code": ""} | ({"consent": "yes"} if consent else {})
        made = client.post("/review/new", data=sent, headers=HTML)
        assert made.status_code == 303
        event = made.headers["location"].split("/")[2]
        with db.connect(seeded.engine) as conn:
            query = "select face_recognition_enabled from memoria.events where id = :event"
            assert conn.execute(sa.text(query), {"event": event}).scalar_one() is consent


def test_a_form_that_lacks_something_comes_back_with_what_was_written(
    client_of: ClientOf,
) -> None:
    client = client_of("organiser")
    answer = client.post("/review/new", data={"name": " ", "code": "abc"}, headers=HTML)
    assert answer.status_code == 422
    assert "An event needs a name." in answer.text
    assert 'value="abc"' in answer.text
    for _ in range(2):
        answer = client.post("/review/new", data={"name": "Two", "code": "abc"}, headers=HTML)
    assert (answer.status_code, "belongs to another event" in answer.text) == (422, True)


def test_the_settings_are_kept_and_the_switch_is_in_the_ledger(
    seeded: Seeded, client_of: ClientOf
) -> None:
    client, here = client_of("organiser"), f"/review/{seeded.event}/settings"
    sent = {"name": "Fête", "code": "fete", "retention_days": "30"}
    assert client.post(here, data=sent, headers=HTML).headers["location"] == f"{here}?saved=1"
    assert "switched off" in client.get(f"/review/{seeded.event}", headers=HTML).text
    client.post(here, data={**sent, "consent": "yes"}, headers=HTML)
    with db.connect(seeded.engine) as conn:
        query = (
            "select given from memoria.consents where event_id = :event and user_id = :user"
            " and purpose = 'grouping' order by seq"
        )
        who = {"event": seeded.event, "user": seeded.users["organiser"]}
        assert list(conn.scalars(sa.text(query), who)) == [False, True]


def test_a_language_that_is_chosen_stays(client_of: ClientOf) -> None:
    client = client_of("organiser")
    client.get("/policy?lang=fr")
    assert '<html lang="fr">' in client.get("/policy").text
    client.get("/policy?lang=en")
    assert '<html lang="en">' in client.get("/policy", headers={"accept-language": "fr"}).text


def test_a_form_of_another_site_is_refused(seeded: Seeded) -> None:
    client, token = seeded.client(), "t" * 43
    with callers.as_server(seeded.parts.engine) as conn:
        values = (seeded.users["organiser"], sessions.hashed(token), "the right one", 600)
        stored.start(conn, *values)
    client.cookies.set("memoria_session", token)
    path = f"/review/{seeded.event}/ignore"
    form = {"person_ids": str(seeded.persons[1])}
    for csrf, status in (("", 403), ("a guess", 403), ("the right one", 204)):
        sent = client.post(path, data={**form, "csrf_token": csrf}, headers=HTML)
        assert sent.status_code == status
    headers = {"x-csrf-token": "the right one", "hx-request": "true"}
    assert client.post(f"/review/{seeded.event}/undo", headers=headers).status_code == 204


def test_an_address_of_nothing_is_a_page_that_says_so(client_of: ClientOf) -> None:
    client = client_of("organiser")
    for path in ("/nothing", f"/review/{uuid4()}", "/review/no-id", "/invitation/over"):
        answer: httpx.Response = client.get(path, headers=HTML)
        assert answer.status_code in (404, 410)
        assert "<h1>" in answer.text


def test_a_run_that_waits_is_told_in_sentences_and_answered_once(
    seeded: Seeded, client_of: ClientOf
) -> None:
    client, here = client_of("organiser"), f"/review/{seeded.event}"
    diff = Diff(6, 2, 0, 1, 0, 1, 0, 0, 0.25).as_table()
    about = {"event": seeded.event, "method": "constrained", "model": PACK, "kind": "full"}
    about |= {"fingerprint": "now", "parameters": {}, "measures": {}, "diff": diff, "plan": {}}
    with db.connect(seeded.engine) as conn:
        run = runs.insert(conn, about, status="proposed")
    assert "waits for your approval" in client.get(here, headers=HTML).text
    shown = client.get(f"{here}/runs", headers=HTML).text
    for text in ("2 faces move", "1 person is split", "1 person is new", "25% of", "Nothing that"):
        assert text in shown
    answer = client.post(f"{here}/run/{run}/publish", headers={"hx-request": "true"})
    assert answer.status_code == 204
    assert "is being carried out" in client.get(f"{here}/runs", headers=HTML).text
    again = client.post(f"{here}/run/{run}/turn-down", headers={"hx-request": "true"})
    assert again.status_code == 409
    with db.connect(seeded.engine) as conn:
        conn.execute(sa.text("delete from memoria.cluster_runs where id = :run"), {"run": run})


def test_photos_are_added_to_an_event_that_takes_them(seeded: Seeded, client_of: ClientOf) -> None:
    client = client_of("organiser")
    made = client.post("/review/new", data={"name": "Noces"}, headers=HTML).headers["location"]
    assert "No photos yet" in client.get(made, headers=HTML).text
    photo = ("a.jpg", (seeded.root / "000.jpg").read_bytes(), "image/jpeg")
    sent = client.post(made, files=[("photos", photo)] * 2, headers={"hx-request": "true"})
    assert (sent.status_code, json.loads(sent.headers["x-decided"])["text"]) == (
        204,
        "2 photos added.",
    )
    assert client.get(made, headers=HTML).text.count("/pictures/photo/") == 2
    broken = ("a.jpg", b"no photo", "image/jpeg")
    refused = client.post(made, files=[("photos", broken)], headers={"hx-request": "true"})
    assert refused.status_code == 422
    assert "no photo that can be read" in unquote(refused.headers["x-message"])
