"""What each action changes, and what it leaves alone."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from memoria_pipeline.store import db, tags
from memoria_pipeline_tests.review.calls import Stage, stage
from memoria_pipeline_tests.review.seeded import Seeded
from memoria_pipeline_tests.review.test_endpoints import restore


@pytest.fixture(scope="module")
def staged(seeded: Seeded) -> Stage:
    return stage(seeded)


@pytest.fixture
def organiser(staged: Stage) -> Iterator[httpx.Client]:
    """An organiser's client; what is decided with it is undone afterwards."""
    before = seq(staged)
    yield staged.seeded.client_of("organiser")
    restore(staged, before)


def seq(staged: Stage) -> int:
    found: int = staged.run("select coalesce(max(seq), 0) from memoria.decisions")
    return found


def post(client: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code < 300, answer.text
    found: dict[str, Any] = answer.json()
    return found


def person(client: httpx.Client, one: UUID | str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/person/{one}").json()
    return found


def tagged(staged: Stage, user: UUID) -> list[UUID]:
    """The photos that a member is tagged on by faces."""
    with db.connect(staged.seeded.engine) as conn:
        rows = conn.execute(_TAGGED, {"user": user})
        return sorted(rows.scalars(), key=staged.seeded.photos.index)


_TAGGED = sa.text(
    "select media_id from memoria.media_tags where tagged_user_id = :user"
    " and source = 'face_clustering'"
)


def test_linking_tags_every_face_and_makes_a_stranger_a_guest(
    staged: Stage, organiser: httpx.Client
) -> None:
    stranger = uuid4()
    done = post(organiser, f"/person/{staged.free}/link-user", user_id=str(stranger))
    assert [each["status"] for each in done["persons"]] == ["linked"]
    assert tagged(staged, stranger) == staged.seeded.photos
    members = organiser.get(f"/event/{staged.seeded.event}/members").json()
    assert [each["role"] for each in members if each["user_id"] == str(stranger)] == ["guest"]
    assert tagged(staged, staged.seeded.users["member"]) == staged.seeded.photos


def test_unassigning_takes_only_the_tags_by_faces(staged: Stage, organiser: httpx.Client) -> None:
    member = staged.seeded.users["member"]
    post(organiser, f"/person/{staged.linked}/unassign")
    assert tagged(staged, member) == []
    assert person(organiser, staged.linked)["status"] == "pending"
    guest = staged.seeded.users["guest"]
    found = organiser.get(f"/user/{guest}/tags?event_id={staged.seeded.event}").json()
    assert [each["source"] for each in found["items"]] == ["manual"]


def test_merging_moves_faces_and_tags_and_the_old_address_leads_to_the_new(
    staged: Stage, organiser: httpx.Client
) -> None:
    post(organiser, f"/person/{staged.linked}/merge", other_person_id=str(staged.free))
    there = person(organiser, staged.free)
    assert (there["id"], there["face_count"]) == (str(staged.linked), 6)
    old = staged.run("select status from memoria.face_persons where id = :id", id=staged.free)
    assert old == "merged"
    assert tagged(staged, staged.seeded.users["member"]) == staged.seeded.photos
    people = organiser.get(f"/event/{staged.seeded.event}/people").json()
    assert (people["total"], people["counts"]["merged"]) == (1, 1)


def test_a_merge_of_who_was_merged_already_is_with_whom_it_became(
    staged: Stage, organiser: httpx.Client
) -> None:
    face = str(staged.seeded.faces[0][0])
    split = post(organiser, f"/person/{staged.linked}/split", face_ids=[face])
    new = next(e["id"] for e in split["persons"] if e["id"] != str(staged.linked))
    post(organiser, f"/person/{staged.linked}/merge", other_person_id=str(staged.free))
    post(organiser, f"/person/{staged.free}/merge", other_person_id=new)
    assert person(organiser, new)["id"] == str(staged.linked)


def test_splitting_moves_these_faces_alone(staged: Stage, organiser: httpx.Client) -> None:
    face = str(staged.seeded.faces[0][0])
    done = post(organiser, f"/person/{staged.linked}/split", face_ids=[face])
    counts = {each["id"]: each["face_count"] for each in done["persons"]}
    assert sorted(counts.values()) == [1, 2]
    assert tagged(staged, staged.seeded.users["member"]) == staged.seeded.photos[1:]
    faces = organiser.get(f"/person/{staged.linked}/faces").json()
    assert face not in [each["id"] for each in faces["items"]]


def test_faces_of_somebody_else_are_not_split_off(staged: Stage, organiser: httpx.Client) -> None:
    face = str(staged.seeded.faces[0][1])
    answer = organiser.post(f"/person/{staged.linked}/split", json={"face_ids": [face]})
    assert (answer.status_code, answer.json()["mend"]) == (409, "Load it again and look.")


def test_moving_rejecting_and_ignoring_faces(staged: Stage, organiser: httpx.Client) -> None:
    left, right = (str(each) for each in staged.seeded.faces[2])
    event = staged.seeded.event
    post(
        organiser,
        f"/event/{event}/move",
        face_ids=[right],
        to_person_id=str(staged.linked),
        from_person_id=str(staged.free),
    )
    post(organiser, f"/person/{staged.linked}/reject", face_ids=[left])
    faces = organiser.get(f"/media/{staged.seeded.photos[2]}").json()["faces"]
    assert [each["person_id"] for each in faces] == [None, str(staged.linked)]
    post(organiser, f"/event/{event}/not-a-face", face_ids=[left])
    post(organiser, f"/event/{event}/ignore-faces", face_ids=[right])
    faces = organiser.get(f"/media/{staged.seeded.photos[2]}").json()["faces"]
    assert [each["verdict"] for each in faces] == ["not_a_face", "ignored"]
    assert tagged(staged, staged.seeded.users["member"]) == staged.seeded.photos[:2]


def test_ignoring_everyone_else_leaves_who_is_known(staged: Stage, organiser: httpx.Client) -> None:
    post(organiser, f"/media/{staged.seeded.photos[0]}/ignore-others")
    faces = organiser.get(f"/media/{staged.seeded.photos[0]}").json()["faces"]
    assert [each["verdict"] for each in faces] == ["person", "ignored"]
    assert person(organiser, staged.linked)["status"] == "linked"


def test_a_person_that_was_ignored_is_shown_when_asked_for(
    staged: Stage, organiser: httpx.Client
) -> None:
    post(organiser, "/face-person-actions", action="ignore", person_id=str(staged.free))
    event = staged.seeded.event
    found = organiser.get(f"/event/{event}/people?status=ignored").json()
    assert [each["id"] for each in found["items"]] == [str(staged.free)]
    assert organiser.get(f"/event/{event}/progress").json()["ignored"] == 1


def test_confirming_all_faces_of_a_person_takes_no_list(
    staged: Stage, organiser: httpx.Client
) -> None:
    post(organiser, f"/person/{staged.free}/confirm")
    faces = organiser.get(f"/person/{staged.free}/faces").json()["items"]
    assert {each["verdict"] for each in faces} == {"person"}
    assert tagged(staged, staged.seeded.users["photographer"]) == []


def test_an_undo_brings_everything_back_and_says_so_in_the_history(
    staged: Stage, organiser: httpx.Client
) -> None:
    before = person(organiser, staged.linked)
    done = post(organiser, f"/person/{staged.linked}/merge", other_person_id=str(staged.free))
    post(organiser, f"/decision/{done['decision_ids'][0]}/undo")
    after = person(organiser, staged.linked)
    for changing in ("version", "updated_at", "face_url"):
        del before[changing], after[changing]
    assert before == after
    history = organiser.get(f"/person/{staged.linked}/history").json()["items"]
    assert [(each["kind"], each["undone"]) for each in history[:2]] == [
        ("undo", False),
        ("merge", True),
    ]


def test_a_version_that_is_not_there_any_more_is_a_conflict_that_names_the_one_there_is(
    staged: Stage, organiser: httpx.Client
) -> None:
    seen = person(organiser, staged.free)["version"]
    post(organiser, f"/person/{staged.free}/ignore", expected_version=seen)
    answer = organiser.post(f"/person/{staged.free}/confirm", json={"expected_version": seen})
    assert answer.status_code == 409
    assert answer.json()["current_version"] == person(organiser, staged.free)["version"]
    assert person(organiser, staged.free)["status"] == "ignored"


def test_what_was_merged_meanwhile_conflicts_with_the_version_that_was_seen(
    staged: Stage, organiser: httpx.Client
) -> None:
    seen = person(organiser, staged.free)["version"]
    post(organiser, f"/person/{staged.linked}/merge", other_person_id=str(staged.free))
    answer = organiser.post(f"/person/{staged.free}/ignore", json={"expected_version": seen})
    assert (answer.status_code, answer.json()["person_id"]) == (409, str(staged.linked))


def test_the_same_key_merges_once(staged: Stage, organiser: httpx.Client) -> None:
    before, key = seq(staged), {"idempotency-key": str(uuid4())}
    body = {"other_person_id": str(staged.free)}
    answers = [
        organiser.post(f"/person/{staged.linked}/merge", json=body, headers=key) for _ in "12"
    ]
    assert answers[0].json() == answers[1].json()
    with db.connect(staged.seeded.engine) as conn:
        taken = conn.scalar(_TAKEN, {"before": before})
    assert taken == 1


_TAKEN = sa.text("select count(*) from memoria.decisions where seq > :before")


def test_undoing_the_last_thing_twice_undoes_two_things(
    staged: Stage, organiser: httpx.Client
) -> None:
    event = staged.seeded.event
    post(organiser, f"/person/{staged.free}/ignore")
    post(organiser, f"/event/{event}/not-a-face", face_ids=[str(staged.seeded.faces[1][1])])
    for _ in "12":
        post(organiser, f"/event/{event}/undo")
    assert person(organiser, staged.free)["status"] == "pending"
    assert person(organiser, staged.free)["face_count"] == 3


def test_people_of_another_event_cannot_be_merged(staged: Stage, organiser: httpx.Client) -> None:
    made = post(organiser, "/events", name="Other")
    face = staged.run(
        "insert into memoria.face_persons (event_id) values (:event) returning id",
        event=made["id"],
    )
    answer = organiser.post(f"/person/{staged.free}/merge", json={"other_person_id": str(face)})
    assert answer.status_code == 404


def test_tags_say_what_the_faces_say_after_all_of_that(staged: Stage) -> None:
    with db.connect(staged.seeded.engine) as conn:
        changed = tags.sync_event(conn, staged.seeded.event)
    assert (changed.added, changed.changed, changed.removed) == (0, 0, 0)
