"""One person is erased: what is gone, what others keep, and what keeps the person away."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.errors import DecisionError, Overtaken
from memoria_pipeline.people.forecast import Forecast
from memoria_pipeline.store import beside, comparison, db, decisions, erasure, media, persons
from memoria_pipeline.store import questions as question_store
from memoria_pipeline.store.batch import Batch
from memoria_pipeline.store.recount import recount
from memoria_pipeline_tests.store.factories import (
    LEFT,
    ORGANISER,
    PACK,
    RIGHT,
    Album,
    a_face,
    an_album,
    an_event,
    analysed,
    faces_of,
    found,
    group,
    one,
)
from memoria_pipeline_tests.store.test_deciding_as_people import join

WHO: dict[str, Any] = {"actor": ORGANISER}


@dataclass(frozen=True)
class Scene:
    """An album of two people; the guest is on the left, `other` on the right."""

    conn: sa.Connection
    album: Album
    guest: UUID
    email: str
    person: UUID
    other: UUID

    @property
    def event(self) -> UUID:
        return self.album.event

    def do(self, statement: str, **values: object) -> Any:
        about = {"e": self.event, "u": self.guest, "m": self.email} | values
        return self.conn.execute(sa.text(statement), about)

    def erase(self, **more: Any) -> UUID:
        made = erasure.request(self.conn, "person", self.event, user=self.guest, **more)
        erasure.erase_rows(self.conn, made)
        return made

    def left(self, asked: UUID) -> dict[str, int]:
        subject = erasure.subject(self.conn, asked)
        assert subject is not None
        return {name: n for name, n in recount(self.conn, subject, self.event).items() if n}

    def finish(self, asked: UUID) -> None:
        said: dict[str, Any] = {
            "receipt": {"faces": 3},
            "subject_hash": "h",
            "signature": "s",
            "key_id": "k",
        }
        erasure.finish(self.conn, asked, **said)


def a_scene(conn: sa.Connection) -> Scene:
    album = an_album(conn)
    left, right = ([f[side] for f in album.faces] for side in (0, 1))
    group(conn, album.event, [left, right])
    join(conn, album.event, "organiser", ORGANISER)
    guest, email = join(conn, album.event, "guest"), "ada@example.org"
    named = "update memoria.event_members set email = :m where user_id = :u"
    conn.execute(sa.text(named), {"m": email, "u": guest})
    who = persons.current(conn, album.event)
    person, other = who[left[0]], who[right[0]]
    decisions.assign(conn, album.event, person, guest, **WHO)
    return Scene(conn, album, guest, email, person, other)


@pytest.fixture
def scene(conn: sa.Connection) -> Scene:
    return a_scene(conn)


def test_nothing_that_names_the_guest_is_left_and_the_others_keep_everything(scene: Scene) -> None:
    conn, event = scene.conn, scene.event
    mate = join(conn, event, "member")
    scene.do("update memoria.event_members set display_name = 'Bo' where user_id = :o", o=mate)
    scene.do(
        "insert into memoria.media_tags (event_id, media_id, tagged_user_id, tagged_by_user_id,"
        " source) values (:e, :p, :o, :u, 'manual')",
        p=scene.album.photos[0],
        o=mate,
    )
    scene.do(
        "insert into memoria.ml_jobs (job_type, event_id, status, error, result) values"
        " ('detect', :e, 'failed', 'no mail to ' || :m, jsonb_build_object('of', cast(:u as text),"
        " 'faces', 3)), ('detect', :e, 'completed', null, '{\"faces\": 6}')"
    )
    scene.do(
        "insert into memoria.consents (event_id, user_id, purpose, given, text_version,"
        " recorded_by) values (:e, :u, 'own_photos', true, '1', :u)"
    )
    asked = scene.erase()
    assert scene.left(asked) == {}
    right = {both[1] for both in scene.album.faces}
    assert set(persons.current(conn, event)) == right
    assert set(persons.current(conn, event).values()) == {scene.other}
    tag = scene.do("select tagged_user_id, tagged_by_user_id from memoria.media_tags").one()
    assert tuple(tag) == (mate, asked)
    results = list(conn.scalars(sa.text("select result from memoria.ml_jobs order by status")))
    assert results == [{"faces": 6}, {"faces": 3}]
    assert one(conn, "select display_name from memoria.event_members where user_id = :o", o=mate)
    proof = scene.do("select user_id, given from memoria.consents where purpose = 'own_photos'")
    assert tuple(proof.one()) == (asked, True)
    counts = erasure.counts(conn, asked)
    assert (counts["faces"], counts["persons"], counts["members"]) == (3, 1, 1)


def test_what_was_decided_of_others_stands_and_can_be_undone_and_done_again(scene: Scene) -> None:
    conn, event = scene.conn, scene.event
    mine, theirs = scene.album.faces[0]
    decisions.reject(conn, event, [theirs], scene.person, **WHO)
    confirmed = decisions.confirm(conn, event, [theirs], scene.other, **WHO)
    ignored = decisions.ignore_faces(conn, event, [scene.album.faces[1][1], mine], **WHO)
    before = decisions.state(conn, event)
    asked = scene.erase()
    after = decisions.state(conn, event)
    assert {face: before.verdict[face] for face in after.verdict} == after.verdict
    assert scene.left(asked) == {}
    for decision in (confirmed, ignored):
        undo = decisions.undo(conn, event, decision.id, **WHO)
        decisions.undo(conn, event, undo.id, **WHO)
    assert decisions.state(conn, event).verdict.keys() == after.verdict.keys()
    assert scene.left(asked) == {}


def test_whom_the_guest_was_taken_for_stays_a_person_without_the_guest(scene: Scene) -> None:
    conn, event = scene.conn, scene.event
    wrong = decisions.assign(conn, event, scene.other, scene.guest, **WHO)
    taken_back = decisions.unassign(conn, event, scene.other, **WHO)
    asked = scene.erase()
    assert set(persons.current(conn, event).values()) == {scene.other}
    decisions.undo(conn, event, taken_back.id, **WHO)  # nobody is linked by it any more
    status = "select status from memoria.face_persons where id = :p"
    assert one(conn, status, p=scene.other) == "pending"
    decisions.undo(conn, event, wrong.id, **WHO)
    assert scene.left(asked) == {}


def test_who_runs_the_event_goes_on_running_it(scene: Scene) -> None:
    conn, event = scene.conn, scene.event
    decisions.assign(conn, event, scene.other, ORGANISER, **WHO)
    asked = erasure.request(conn, "person", event, user=ORGANISER)
    erasure.erase_rows(conn, asked)
    subject = erasure.subject(conn, asked)
    assert subject is not None
    assert subject.kept
    role = "select role from memoria.event_members where user_id = :u"
    assert one(conn, role, u=ORGANISER) == "organiser"
    decisions.confirm(conn, event, [scene.album.faces[0][0]], scene.person, **WHO)
    assert scene.left(asked) == {}


def test_an_address_that_is_part_of_another_or_another_members_takes_nothing_of_theirs(
    scene: Scene,
) -> None:
    conn, event = scene.conn, scene.event
    joan = join(conn, event, "guest")
    scene.do("update memoria.event_members set email = 'x.' || :m where user_id = :j", j=joan)
    scene.do(
        "insert into memoria.invitations (event_id, person_id, email, invited_by, expires_at)"
        " values (:e, :p, 'x.' || :m, :j, now()), (:e, :q, 'x.' || :m, :j, now())",
        p=scene.person,
        q=scene.other,
        j=joan,
    )
    asked = scene.erase()
    assert one(conn, "select array_agg(person_id) from memoria.invitations") == [scene.other]
    assert one(conn, "select count(*) from memoria.event_members where user_id = :j", j=joan) == 1
    assert scene.left(asked) == {}


def a_copy(scene: Scene) -> list[UUID]:
    """The first photo again, under another name, analysed by itself: its faces, each a stranger."""
    conn, event, first = scene.conn, scene.event, scene.album.photos[0]
    media.register(conn, event, found("000.jpg", "001.jpg", "002.jpg", "copy.jpg"))
    (photo,) = [p.id for p in media.pending(conn, event, PACK) if p.storage_key == "copy.jpg"]
    boxes = [a_face(LEFT), a_face(RIGHT)]
    media.save_analysis(conn, [analysed(photo, *boxes, sha256=first.hex * 2)], PACK)
    copied = faces_of(conn, photo)
    theirs = [[f[side] for f in scene.album.faces] for side in (0, 1)]
    group(
        conn,
        event,
        [*theirs, *([face] for face in copied)],
        [scene.person, scene.other, None, None],
    )
    return copied


def test_the_guests_face_on_an_exact_copy_goes_too_whoever_a_machine_took_it_for(
    scene: Scene,
) -> None:
    mine, theirs = a_copy(scene)
    who = persons.current(scene.conn, scene.event)
    assert len({who[mine], who[theirs], scene.person, scene.other}) == 4
    asked = scene.erase()
    left = persons.current(scene.conn, scene.event)
    assert mine not in left
    assert left[theirs] == who[theirs]
    assert {left[both[1]] for both in scene.album.faces} == {scene.other}
    assert (
        scene.do("select count(*) from memoria.face_persons where id = :p", p=who[mine]).scalar()
        == 0
    )
    assert scene.left(asked) == {}
    assert erasure.counts(scene.conn, asked)["faces"] == 4


def test_a_face_on_a_copy_that_is_said_to_be_another_users_stays(scene: Scene) -> None:
    mine, _ = a_copy(scene)
    who = persons.current(scene.conn, scene.event)
    mate = join(scene.conn, scene.event, "guest")
    decisions.assign(scene.conn, scene.event, who[mine], mate, **WHO)
    scene.erase()
    assert persons.current(scene.conn, scene.event)[mine] == who[mine]


@pytest.mark.parametrize(
    "attempt",
    [
        "insert into memoria.event_members (event_id, user_id, role) values (:e, :u, 'guest')",
        "insert into memoria.event_members (event_id, user_id, role, email)"
        " values (:e, gen_random_uuid(), 'guest', :m)",
        "insert into memoria.media_tags (media_id, tagged_user_id, tagged_by_user_id, source)"
        " select id, :u, :u, 'manual' from memoria.media",
        "insert into memoria.invitations (event_id, person_id, email, invited_by, expires_at)"
        " values (:e, gen_random_uuid(), :m, gen_random_uuid(), now())",
        "insert into memoria.face_persons (event_id, linked_user_id, status)"
        " values (:e, :u, 'linked')",
        "insert into memoria.decisions (event_id, kind, actor_id, details) values"
        " (:e, 'invite', gen_random_uuid(), jsonb_build_object('email', cast(:m as text)))",
    ],
)
def test_what_was_in_flight_is_refused_until_the_erasure_is_completed(
    scene: Scene, attempt: str
) -> None:
    asked = scene.erase()
    with pytest.raises(DBAPIError, match="is being erased"), scene.conn.begin_nested():
        scene.do(attempt)
    scene.finish(asked)
    scene.do(attempt)  # a new beginning


def test_a_decision_about_what_was_shown_before_is_refused(scene: Scene) -> None:
    mine = scene.album.faces[0][0]
    asked = scene.erase()
    attempts: list[Callable[[], object]] = [
        lambda: decisions.confirm(scene.conn, scene.event, [mine], scene.other, **WHO),
        lambda: decisions.merge(scene.conn, scene.event, scene.other, scene.person, **WHO),
        lambda: decisions.move(scene.conn, scene.event, [mine], scene.other, **WHO),
    ]
    for attempt in attempts:
        with pytest.raises(DecisionError, match="not there"), scene.conn.begin_nested():
            attempt()
    assert scene.left(asked) == {}


def _again(scene: Scene, photo: UUID, sha256: str) -> int:
    """Look at a photo in which both people are where they were, trembling a little."""
    near = (LEFT[0] + 0.01, *LEFT[1:])
    media.save_analysis(
        scene.conn, [analysed(photo, a_face(near), a_face(RIGHT), sha256=sha256)], PACK
    )
    return len(faces_of(scene.conn, photo))


def test_no_second_look_and_no_copy_brings_the_guest_back(scene: Scene) -> None:
    conn, event, photo = scene.conn, scene.event, scene.album.photos[0]
    kept, sha256 = scene.album.faces[0][1], photo.hex * 2
    scene.finish(scene.erase())
    assert _again(scene, photo, sha256) == 1
    assert faces_of(conn, photo) == [kept]
    media.register(conn, event, found("000.jpg", "001.jpg", "002.jpg", "copy.jpg"))
    [copy] = media.pending(conn, event, PACK)
    assert _again(scene, copy.id, sha256) == 1
    scene.do("update memoria.media set status = 'missing' where id = :p", p=photo)
    scene.do("update memoria.events set face_model = 'new' where id = :e")
    beside.start(conn, event, "other pack")
    beside.save(conn, [analysed(copy.id, a_face(LEFT), a_face(RIGHT), sha256=sha256)], "other pack")
    assert one(conn, "select count(*) from memoria.faces_beside") == 1
    scene.do("set local memoria.tombstones_seen = off")  # that was us
    other_application = (
        "insert into memoria.faces (event_id, media_id, bbox, embedding, model) select event_id,"
        " :p, bbox, embedding, model from memoria.faces where id = :f returning id"
    )
    assert scene.do(other_application, p=photo, f=kept).rowcount == 1
    buried = other_application.replace(":p, bbox,", ":p, cast(:box as jsonb),")
    box = json.dumps(dict(zip("xywh", LEFT, strict=True)))
    assert scene.do(buried, p=photo, f=kept, box=box).rowcount == 0


def test_a_face_beside_the_erased_one_is_not_taken_for_it(conn: sa.Connection) -> None:
    near = (0.18, 0.2, 0.2, 0.3)  # overlaps the left one by .43
    event = an_event(conn)
    media.register(conn, event, found("kiss.jpg"))
    [photo] = media.pending(conn, event, PACK)
    two = [analysed(photo.id, a_face(LEFT), a_face(near))]
    media.save_analysis(conn, two, PACK)
    both = faces_of(conn, photo.id)
    group(conn, event, [both[:1], both[1:]])
    left = persons.current(conn, event)[both[0]]
    erasure.erase_rows(conn, erasure.request(conn, "person", event, persons=[left]))
    media.save_analysis(conn, two, PACK)
    assert faces_of(conn, photo.id) == both[1:]


def test_an_event_without_tombstones_keeps_no_box_and_work_in_flight_is_done_anew(
    scene: Scene,
) -> None:
    conn, photo = scene.conn, scene.album.photos[0]
    scene.do("update memoria.events set keep_tombstones = false where id = :e")
    scene.do("update memoria.media set status = 'pending' where id = :p", p=photo)
    [before] = media.pending(conn, scene.event, PACK)
    scene.finish(scene.erase())
    assert one(conn, "select count(*) from memoria.tombstones") == 0
    seen = media.Analysed(photo, "a" * 64, 6, 4, 0.1, [a_face()], epoch=before.epoch)
    with pytest.raises(Overtaken, match="looked at again"), conn.begin_nested():
        media.save_analysis(conn, [seen], PACK)
    assert [each.id for each in media.pending(conn, scene.event, PACK)] == [photo]


def test_what_was_computed_before_is_not_written_after(scene: Scene) -> None:
    batch = Batch([], Forecast(0.9, {}), 0, 0)
    compared: dict[str, Any] = {"model": PACK, "fingerprint": "f", "parameters": {}}
    scene.erase()
    with pytest.raises(Overtaken):
        question_store.save(scene.conn, scene.event, batch)
    with pytest.raises(Overtaken):
        comparison.save(scene.conn, scene.event, tried=[], similarities=[], epoch=0, **compared)


def test_a_vector_that_a_worker_sends_is_kept_nowhere_but_with_its_face(scene: Scene) -> None:
    sent = json.dumps({"faces_detected": 1, "faces": [{"embedding": [0.1], "bbox": {}}]})
    scene.do(
        "insert into memoria.ml_jobs (job_type, event_id, result)"
        " values ('detect', :e, cast(:r as jsonb))",
        r=sent,
    )
    assert one(scene.conn, "select result from memoria.ml_jobs") == {"faces_detected": 1}


@pytest.mark.parametrize("role", ["owner", "memoria_service"])
@pytest.mark.parametrize(
    "attempt",
    [
        "update memoria.erasures set counts = '{}'",
        "delete from memoria.erasures",
        "truncate memoria.erasures cascade",
    ],
)
def test_nobody_changes_what_is_completed(scene: Scene, role: str, attempt: str) -> None:
    asked = scene.erase()
    scene.finish(asked)
    assert one(scene.conn, "select count(*) from memoria.erasure_requests") == 0
    scene.do(f"set local role {role}")
    with (
        pytest.raises(DBAPIError, match="not changed|permission denied"),
        scene.conn.begin_nested(),
    ):
        scene.do(attempt)
    row = "select status, receipt, subject_hash from memoria.erasures where id = :id"
    assert tuple(scene.do(row, id=asked).one()) == ("completed", {"faces": 3}, "h")


def test_an_open_request_is_found_again_and_one_more_starts_once_it_is_completed(
    scene: Scene,
) -> None:
    first = scene.erase(source="page")
    assert scene.erase() == first
    assert erasure.counts(scene.conn, first)["faces"] == 3
    [open_] = erasure.open_(scene.conn)
    assert (open_.id, open_.status, open_.source) == (first, "running", "page")
    erasure.fail(scene.conn, first, "OSError")
    assert [(each.status, each.attempts) for each in erasure.open_(scene.conn)] == [("failed", 1)]
    scene.finish(first)
    assert erasure.open_(scene.conn) == []
    assert erasure.subject(scene.conn, first) is None
    assert scene.erase() != first


def test_archiving_by_another_application_asks_for_the_rest(scene: Scene) -> None:
    scene.do("update memoria.events set status = 'archived' where id = :e")
    [open_] = erasure.open_(scene.conn)
    assert (open_.scope, open_.status, open_.reason) == ("archive", "running", "archived")
    assert erasure.counts(scene.conn, open_.id) == {"faces": 6, "embeddings": 6}
    assert scene.left(open_.id) == {}
    assert one(scene.conn, "select count(*) from memoria.face_persons") == 2


def test_whoever_is_not_asked_for_may_not_be_erased_by_a_guest(scene: Scene) -> None:
    scene.do("select set_config('request.jwt.claims', json_build_object('sub', :u)::text, true)")
    scene.do("set local role authenticated")
    ask = "select memoria.request_for_caller(:s, :e, :w, null, 'page')"
    for scope, whom in (("person", ORGANISER), ("event", None), ("archive", None)):
        with pytest.raises(DBAPIError, match="only its organisers"), scene.conn.begin_nested():
            scene.do(ask, s=scope, w=whom)
    assert scene.do(ask, s="person", w=scene.guest).scalar_one()


def test_erasing_beside_analysis_and_decisions_locks_nobody_out(database: sa.Engine) -> None:
    with db.connect(database) as conn:
        scenes = [a_scene(conn) for _ in range(3)]
    problems: list[Exception] = []

    def work(scene: Scene) -> None:
        right = [both[1] for both in scene.album.faces]
        try:
            for photo in scene.album.photos * 2:
                with db.connect(database) as conn:
                    media.save_analysis(conn, [analysed(photo, a_face(LEFT), a_face(RIGHT))], PACK)
                with db.connect(database) as conn:
                    decisions.ignore_faces(conn, scene.event, right[:1], actor=uuid4())
        except Exception as error:
            problems.append(error)

    def erase(scene: Scene) -> None:
        try:
            with db.connect(database) as conn:
                asked = erasure.request(conn, "person", scene.event, user=scene.guest)
            with db.connect(database) as conn:
                erasure.erase_rows(conn, asked)
        except Exception as error:
            problems.append(error)

    threads = [Thread(target=what, args=(scene,)) for scene in scenes for what in (work, erase)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert problems == []
    with db.connect(database) as conn:
        count = "select count(*) from memoria.faces where (bbox ->> 'x')::real < .5"
        assert one(conn, count) == 0
        assert one(conn, "select count(*) from memoria.faces") == 9
