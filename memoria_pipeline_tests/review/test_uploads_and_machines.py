"""Photos that are sent to us, and what applications and workers ask."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from memoria_pipeline.store.photo_files import safe_name, takes_uploads
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.webhooks import body_of, headers
from memoria_pipeline_tests.fakes import RED, picture
from memoria_pipeline_tests.review.calls import Stage, a_job, stage
from memoria_pipeline_tests.review.seeded import Seeded

SECRET = "c" * 32


@pytest.fixture(scope="module")
def staged(seeded: Seeded) -> Stage:
    known = replace(seeded.parts.settings, callback_secret=SECRET, max_bytes=100_000)
    seeded.app.state.parts = replace(seeded.parts, settings=known)
    return stage(seeded)


@pytest.fixture
def organiser(staged: Stage) -> httpx.Client:
    return staged.seeded.client_of("organiser")


def an_event(organiser: httpx.Client, *, consent: bool = True) -> str:
    body = {"name": "Mine", "face_recognition_enabled": consent}
    made: str = organiser.post("/events", json=body).json()["id"]
    return made


def send(client: httpx.Client, event: str, *files: tuple[str, bytes]) -> httpx.Response:
    sent = [("files", (name, data, "image/png")) for name, data in files]
    return client.post(f"/event/{event}/photos", files=sent)


def stored(staged: Stage, event: str) -> Path:
    root = staged.run("select photo_root from memoria.events where id = :id", id=event)
    return Path(root)


def test_photos_become_rows_files_and_a_job(staged: Stage, organiser: httpx.Client) -> None:
    event = an_event(organiser)
    made = send(organiser, event, ("a.png", picture(RED)), ("a.png", picture(RED, (9, 9)))).json()
    root = stored(staged, event)
    assert [each.name for each in sorted(root.iterdir())] == ["a-2.png", "a.png"]
    rows = organiser.get(f"/event/{event}/media").json()["items"]
    assert {each["id"] for each in rows} == set(made["media_ids"])
    job = staged.run("select media_ids from memoria.ml_jobs where id = :id", id=made["job_id"])
    assert [str(each) for each in job] == made["media_ids"]


def test_a_listing_of_the_folder_finds_nothing_new_about_them(
    staged: Stage, organiser: httpx.Client
) -> None:
    event = an_event(organiser)
    send(organiser, event, ("é a.png", picture(RED)))
    [listed] = Photos(str(stored(staged, event))).list([".png"])
    etag = staged.run("select etag from memoria.media where event_id = :event", event=event)
    assert (listed.storage_key, listed.etag) == ("é a.png", etag)


def test_one_file_that_is_no_photo_refuses_all_of_them(
    staged: Stage, organiser: httpx.Client
) -> None:
    event = an_event(organiser)
    for bad, reason in ((b"<svg/>", "unsupported"), (b"", "empty"), (b"x" * 100_001, "too_large")):
        answer = send(organiser, event, ("a.png", picture(RED)), ("b.png", bad))
        assert (answer.status_code, answer.json()["reason"]) == (422, reason)
    assert list(stored(staged, event).iterdir()) == []
    assert organiser.get(f"/event/{event}/media").json()["total"] == 0


def test_without_the_switch_photos_are_kept_and_nobody_looks_for_faces(
    staged: Stage, organiser: httpx.Client
) -> None:
    made = send(organiser, an_event(organiser, consent=False), ("a.png", picture(RED))).json()
    assert (len(made["media_ids"]), made["job_id"]) == (1, None)


def test_an_album_of_somebody_elses_folder_takes_no_upload(
    staged: Stage, organiser: httpx.Client, tmp_path: Path
) -> None:
    event = an_event(organiser)
    staged.run(
        "update memoria.events set photo_root = :root where id = :id", root=str(tmp_path), id=event
    )
    answer = send(organiser, event, ("a.png", picture(RED)))
    assert answer.status_code == 409
    assert str(tmp_path) not in answer.text
    assert list(tmp_path.iterdir()) == []


def test_a_failed_insert_leaves_no_file(staged: Stage, organiser: httpx.Client) -> None:
    event = an_event(organiser)
    root = stored(staged, event)
    staged.run(f"alter table memoria.media add constraint none_today check (event_id <> '{event}')")
    answer = send(organiser, event, ("a.png", picture(RED)))
    staged.run("alter table memoria.media drop constraint none_today")
    assert (answer.status_code, list(root.iterdir())) == (409, [])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd.png"),
        ("C:\\photos\\Été (1).PNG", "Été (1).png"),
        (".hidden.png", "hidden.png"),
        ("a\0b\n.png", "a_b.png"),
        ("", "photo.png"),
        ("x" * 300 + ".jpg", "x" * 80 + ".png"),
        ("..png", "photo.png"),
    ],
)
def test_names_are_made_safe(given: str, kept: str) -> None:
    assert safe_name(given, "png") == kept


def test_only_a_folder_below_that_of_uploads_takes_them(tmp_path: Path) -> None:
    inside, outside = tmp_path / "up" / "a", tmp_path / "other"
    (tmp_path / "up" / "link").parent.mkdir()
    outside.mkdir()
    (tmp_path / "up" / "link").symlink_to(outside)
    roots = [str(inside), str(tmp_path / "up"), str(outside), "s3://bucket/a", None]
    roots += [str(tmp_path / "up" / "link"), str(tmp_path / "up" / ".." / "other")]
    taken = [takes_uploads(root, tmp_path / "up") for root in roots]
    assert taken == [True] + [False] * 6


def call(client: httpx.Client, body: dict[str, Any], secret: str = SECRET) -> httpx.Response:
    data = body_of(body)
    return client.post(
        "/ml/callback", content=data, headers=headers(secret, "msg_1", int(time.time()), data)
    )


def test_a_workers_outcome_ends_its_job_and_twice_is_the_same(staged: Stage) -> None:
    body = a_job(staged, "")["json"] | {"error": "out of memory", "more": 1}
    nobody = staged.seeded.client_of("nobody")
    for _ in "12":
        answer = call(nobody, body)
        assert (answer.status_code, answer.json()["error"]) == (200, "out of memory")
    assert call(nobody, body | {"status": "completed"}).status_code == 409
    assert call(nobody, body | {"job_id": str(uuid4())}).status_code == 404
    assert call(nobody, body, "d" * 32).status_code == 401


def test_a_job_that_the_pipeline_works_on_is_not_the_workers(staged: Stage) -> None:
    made = a_job(staged, "")
    staged.run(
        "update memoria.ml_jobs set status = 'processing', claim_token = gen_random_uuid()"
        " where id = :id",
        id=made["names"]["job_id"],
    )
    assert call(staged.seeded.client_of("nobody"), made["json"]).status_code == 409


def test_grouping_answers_with_the_people_once_the_pipeline_has_done_it(staged: Stage) -> None:
    service, job = staged.seeded.client_of("service"), a_job(staged, "")["names"]["job_id"]
    body = {"job_id": str(job), "event_id": str(staged.seeded.event)}
    waits = service.post("/cluster?wait=0", json=body)
    assert (waits.status_code, waits.json()["status"]) == (202, "processing")
    staged.run("update memoria.ml_jobs set status = 'completed' where id = :id", id=job)
    done = service.post("/cluster", json=body)
    found = done.json()
    assert (done.status_code, found["status"], found["total_faces"]) == (200, "completed", 6)
    assert sorted(each["face_count"] for each in found["clusters"]) == [3, 3]
    unknown = service.post("/cluster", json=body | {"event_id": str(uuid4())})
    assert unknown.status_code == 404


def test_grouping_without_consent_is_refused(staged: Stage, organiser: httpx.Client) -> None:
    body = {"job_id": str(uuid4()), "event_id": an_event(organiser, consent=False)}
    assert staged.seeded.client_of("service").post("/cluster", json=body).status_code == 409


def test_turning_the_switch_goes_into_the_ledger(staged: Stage, organiser: httpx.Client) -> None:
    event = an_event(organiser)
    for on in (False, False, True):
        body = {"face_recognition_enabled": on}
        answer = organiser.patch(f"/event/{event}", json=body, headers={"accept-language": "fr"})
        assert answer.json()["face_recognition_enabled"] is on
    given = staged.run(
        "select array_agg(given order by recorded_at) from memoria.consents where event_id = :id",
        id=event,
    )
    assert given == [True, False, True]


def test_an_event_code_is_one_events(organiser: httpx.Client, staged: Stage) -> None:
    code, folder = uuid4().hex, staged.seeded.root.parent
    before = len(list(folder.iterdir()))
    answers = [organiser.post("/events", json={"name": "E", "code": code}) for _ in "12"]
    assert [each.status_code for each in answers] == [201, 409]
    assert len(list(folder.iterdir())) == before + 1


@pytest.mark.parametrize("role", ["photographer", "service"])
def test_a_job_that_is_asked_for_twice_with_one_key_is_one_job(staged: Stage, role: str) -> None:
    sent = {"type": "detect", "event_id": str(staged.seeded.event)}
    key, client = {"idempotency-key": str(uuid4())}, staged.seeded.client_of(role)
    first, again = (client.post("/ml/enqueue", json=sent, headers=key).json() for _ in range(2))
    assert first["id"] == again["id"] != client.post("/ml/enqueue", json=sent).json()["id"]


@pytest.mark.parametrize("role", ["guest", "service"])
def test_an_erasure_that_is_asked_for_twice_with_one_key_has_one_receipt(
    staged: Stage, role: str
) -> None:
    event, guest = staged.seeded.event, staged.seeded.users["guest"]
    tag = (
        "insert into memoria.media_tags (media_id, tagged_user_id, tagged_by_user_id, source)"
        " values (:photo, :guest, :guest, 'manual') on conflict do nothing"
    )
    staged.run(tag, photo=staged.seeded.photos[0], guest=guest)
    sent, key = {"user_id": str(guest), "event_id": str(event)}, {"idempotency-key": str(uuid4())}
    client = staged.seeded.client_of(role)
    found = [client.post("/privacy/purge", json=sent, headers=key).json() for _ in range(2)]
    assert [each["receipt"]["tags"] for each in found] == [1, 1]
    _begin_anew(staged, guest, "guest")
    staged.run(tag, photo=staged.seeded.photos[0], guest=guest)


def _begin_anew(staged: Stage, user: UUID, role: str) -> None:
    """The erasure is completed, and the user joins again, for the tests that come."""
    staged.run(
        "select memoria.finish_erasure(id, '{}', 'h', 's', 'k') from memoria.erasure_requests"
    )
    joins = "insert into memoria.event_members (event_id, user_id, role) values (:e, :u, :r)"
    staged.run(joins, e=staged.seeded.event, u=user, r=role)


def test_erasing_a_member_leaves_the_others(staged: Stage, organiser: httpx.Client) -> None:
    member = staged.seeded.users["member"]
    body = {"user_id": str(member), "event_id": str(staged.seeded.event)}
    receipt = staged.seeded.client_of("member").post("/privacy/purge", json=body).json()["receipt"]
    assert (receipt["faces"], receipt["embeddings"], receipt["tags"]) == (3, 3, 3)
    people = organiser.get(f"/event/{staged.seeded.event}/people").json()["items"]
    assert [UUID(each["id"]) for each in people] == [staged.free]
    assert people[0]["face_count"] == 3
    again = organiser.post("/privacy/purge", json=body).json()["receipt"]
    assert again == receipt
    _begin_anew(staged, member, "member")
    anew = organiser.post("/privacy/purge", json=body).json()["receipt"]
    assert {name: n for name, n in anew.items() if n} == {"erasure": anew["erasure"]}
    _begin_anew(staged, member, "member")
