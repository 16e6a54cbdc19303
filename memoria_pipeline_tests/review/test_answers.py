"""Answers of the queue: what each kind becomes, and that one undo takes it back and asks again."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from memoria_pipeline.store import db, media
from memoria_pipeline_tests.review.calls import Stage, stage
from memoria_pipeline_tests.review.seeded import Seeded
from memoria_pipeline_tests.review.test_actions import person, post, seq
from memoria_pipeline_tests.review.test_endpoints import restore
from memoria_pipeline_tests.store.factories import PACK, a_face, analysed


@pytest.fixture(scope="module")
def staged(seeded: Seeded) -> Stage:
    made = stage(seeded)
    made.run("delete from memoria.questions")
    return made


@pytest.fixture
def organiser(staged: Stage) -> Iterator[httpx.Client]:
    """An organiser's client; what is decided with it is undone, and no question is left."""
    before = seq(staged)
    yield staged.seeded.client_of("organiser")
    restore(staged, before)
    staged.run("delete from memoria.questions")


def ask(staged: Stage, kind: str, persons: list[UUID], faces: list[UUID], **detail: Any) -> UUID:
    """A question, as the pipeline would have written it."""
    with db.connect(staged.seeded.engine) as conn:
        values = {"event": staged.seeded.event, "kind": kind, "persons": persons, "faces": faces}
        made: UUID = conn.execute(_ASK, {**values, "detail": json.dumps(detail)}).scalar_one()
    return made


_ASK = sa.text(
    "insert into memoria.questions (event_id, rank, kind, persons, faces, p, gain, detail)"
    " values (:event, 1, :kind, cast(:persons as uuid[]), cast(:faces as uuid[]), 0.5, 1,"
    " cast(:detail as jsonb)) returning id"
)


def open_now(client: httpx.Client, staged: Stage) -> list[str]:
    found = client.get(f"/event/{staged.seeded.event}/questions").json()["items"]
    return [each["id"] for each in found]


def both(staged: Stage) -> tuple[list[UUID], list[UUID]]:
    """The two people, and a face of each: of different photos, as a question has it."""
    faces = staged.seeded.faces
    return [staged.linked, staged.free], [faces[0][0], faces[1][1]]


def test_a_question_shows_people_with_examples(staged: Stage, organiser: httpx.Client) -> None:
    ask(staged, "same_person", *both(staged))
    [found] = organiser.get(f"/event/{staged.seeded.event}/questions").json()["items"]
    assert [len(each["faces"]) for each in found["persons"]] == [3, 3]
    assert [each["person"]["name"] for each in found["persons"]] == ["Marie", None]
    assert all("sig=" in each["face_url"] for each in found["faces"])


def test_a_yes_merges_and_its_undo_asks_again(staged: Stage, organiser: httpx.Client) -> None:
    question = ask(staged, "same_person", *both(staged))
    post(organiser, f"/question/{question}/answer", answer="yes")
    assert person(organiser, staged.free)["id"] == str(staged.linked)
    assert open_now(organiser, staged) == []
    post(organiser, f"/event/{staged.seeded.event}/undo")
    assert person(organiser, staged.free)["face_count"] == 3
    assert open_now(organiser, staged) == [str(question)]


def test_a_no_is_about_the_face_that_was_shown(staged: Stage, organiser: httpx.Client) -> None:
    question = ask(staged, "same_person", *both(staged))
    post(organiser, f"/question/{question}/answer", answer="no")
    rejected = staged.run(
        "select not_person_ids from memoria.faces where id = :id", id=staged.seeded.faces[1][1]
    )
    assert rejected == [staged.linked]
    assert open_now(organiser, staged) == []


def test_who_of_several_candidates_is_named_and_the_others_are_not(
    staged: Stage, organiser: httpx.Client
) -> None:
    face = staged.seeded.faces[2][1]
    split = post(organiser, f"/person/{staged.free}/split", face_ids=[str(face)])
    other = next(UUID(e["id"]) for e in split["persons"] if e["id"] != str(staged.free))
    persons, faces = both(staged)
    question = ask(staged, "same_person", [*persons, other], [*faces, face])
    done = post(
        organiser, f"/question/{question}/answer", answer="yes", person_ids=[str(staged.free)]
    )
    assert len(done["decision_ids"]) == 2
    assert person(organiser, staged.free)["id"] == str(staged.linked)
    assert person(organiser, other)["id"] == str(other)
    post(organiser, f"/event/{staged.seeded.event}/undo")
    assert person(organiser, staged.free)["id"] == str(staged.free)


@pytest.mark.parametrize("which", [0, 1])
def test_undoing_one_decision_of_an_answer_asks_again(
    staged: Stage, organiser: httpx.Client, which: int
) -> None:
    faces = [pair[1] for pair in staged.seeded.faces]
    question = ask(staged, "mixed", [staged.free], faces)
    body = {"answer": "yes", "face_ids": [str(faces[2])]}
    done = post(organiser, f"/question/{question}/answer", **body)["decision_ids"]
    assert (len(done), open_now(organiser, staged)) == (2, [])
    undo = post(organiser, f"/decision/{done[which]}/undo")["decision_ids"][0]
    assert open_now(organiser, staged) == [str(question)]
    post(organiser, f"/decision/{undo}/undo")
    assert open_now(organiser, staged) == []


def test_somebody_who_was_not_asked_about_is_refused(
    staged: Stage, organiser: httpx.Client
) -> None:
    question = ask(staged, "same_person", *both(staged))
    body = {"answer": "yes", "person_ids": [str(uuid4())]}
    assert organiser.post(f"/question/{question}/answer", json=body).status_code == 409
    assert open_now(organiser, staged) == [str(question)]


def test_naming_somebody_tags_them(staged: Stage, organiser: httpx.Client) -> None:
    photographer = staged.seeded.users["photographer"]
    question = ask(staged, "name", [staged.free], [staged.seeded.faces[0][1]])
    body = {"answer": "yes", "user_id": str(photographer)}
    assert organiser.post(f"/question/{question}/answer", json={"answer": "yes"}).status_code == 409
    post(organiser, f"/question/{question}/answer", **body)
    assert person(organiser, staged.free)["name"] == "Paul"
    again = organiser.post(f"/question/{question}/answer", json=body)
    assert again.status_code == 404  # it is settled


def test_ignoring_and_skipping_take_no_name(staged: Stage, organiser: httpx.Client) -> None:
    face = staged.seeded.faces[0][1]
    question = ask(staged, "name", [staged.free], [face])
    later = ask(staged, "mixed", [staged.free], [pair[1] for pair in staged.seeded.faces])
    done = post(organiser, f"/question/{question}/answer", answer="skip")
    assert done["decision_ids"] == []
    assert open_now(organiser, staged) == [str(later), str(question)]
    post(organiser, f"/question/{question}/answer", answer="ignore")
    assert person(organiser, staged.free)["status"] == "ignored"


def test_looking_through_a_person_splits_others_off_and_confirms_who_stays(
    staged: Stage, organiser: httpx.Client
) -> None:
    faces = [pair[1] for pair in staged.seeded.faces]
    question = ask(staged, "mixed", [staged.free], faces)
    body = {"answer": "yes", "face_ids": [str(faces[2])]}
    post(organiser, f"/question/{question}/answer", **body)
    assert person(organiser, staged.free)["face_count"] == 2
    verdicts = organiser.get(f"/person/{staged.free}/faces").json()["items"]
    assert {each["verdict"] for each in verdicts} == {"person"}


def test_that_a_person_is_one_is_remembered(staged: Stage, organiser: httpx.Client) -> None:
    faces = [pair[1] for pair in staged.seeded.faces]
    question = ask(staged, "mixed", [staged.free], faces)
    post(organiser, f"/question/{question}/answer", answer="no")
    assert person(organiser, staged.free)["manual_edits"] == 1


def test_one_person_twice_in_a_photo(staged: Stage, organiser: httpx.Client) -> None:
    pair = staged.seeded.faces[0]
    question = ask(staged, "twice", [staged.linked, staged.free], pair)
    post(organiser, f"/question/{question}/answer", answer="yes")
    assert person(organiser, staged.free)["face_count"] == 6
    post(organiser, f"/event/{staged.seeded.event}/undo")
    post(organiser, f"/question/{question}/answer", answer="no")
    assert open_now(organiser, staged) == []
    assert person(organiser, staged.free)["face_count"] == 3


def test_which_of_two_decisions_holds(staged: Stage, organiser: httpx.Client) -> None:
    face = str(staged.seeded.faces[0][1])
    one = post(organiser, f"/person/{staged.free}/reject", face_ids=[face])["decision_ids"][0]
    two = post(organiser, f"/person/{staged.free}/confirm", face_ids=[face])["decision_ids"][0]
    question = ask(
        staged,
        "conflict",
        [staged.free],
        [UUID(face)],
        conflict="rejected",
        sentence="…",
        decisions=[one, two],
    )
    unsaid = organiser.post(f"/question/{question}/answer", json={"answer": "no"})
    assert unsaid.status_code == 409
    post(organiser, f"/question/{question}/answer", answer="yes", decision_id=two)
    history = organiser.get(f"/person/{staged.free}/history").json()["items"]
    assert {each["id"]: each["undone"] for each in history if each["id"] in (one, two)} == {
        one: True,
        two: False,
    }
    post(organiser, f"/event/{staged.seeded.event}/undo")
    history = organiser.get(f"/person/{staged.free}/history").json()["items"]
    assert not any(each["undone"] for each in history if each["id"] in (one, two))


def test_faces_that_came_to_a_member_since_become_tags_once_confirmed(
    staged: Stage, organiser: httpx.Client
) -> None:
    # the last test: this face stays
    came = a_new_face(staged)
    question = ask(staged, "confirm", [staged.linked], [came])
    assert open_now(organiser, staged) == [str(question)]
    post(organiser, f"/question/{question}/answer", answer="no")
    owner = staged.run("select face_person_id from memoria.faces where id = :id", id=came)
    assert owner is None
    post(organiser, f"/event/{staged.seeded.event}/undo")
    post(organiser, f"/question/{question}/answer", answer="yes")
    verdict = staged.run("select verdict from memoria.faces where id = :id", id=came)
    assert verdict == "person"


def a_new_face(staged: Stage) -> UUID:
    """A face in a new photo that a run gave to the member, and nobody decided on."""
    with db.connect(staged.seeded.engine) as conn:
        photo: UUID = conn.execute(_PHOTO, {"event": staged.seeded.event}).scalar_one()
        media.save_analysis(conn, [analysed(photo, a_face())], PACK)
        made: UUID = conn.execute(_GIVEN, {"person": staged.linked}).scalar_one()
    return made


_PHOTO = sa.text(
    "insert into memoria.media (event_id, storage_key) values (:event, 'new.jpg') returning id"
)
_GIVEN = sa.text(
    "update memoria.faces set machine_person_id = :person, face_person_id = :person"
    " where face_person_id is null returning id"
)
