"""Attempts to stay, or to come back, past an erasure; and to take more along than it is about."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.store import decisions, erasure, media, references
from memoria_pipeline_tests.store.factories import (
    LEFT,
    PACK,
    RIGHT,
    a_face,
    an_event,
    analysed,
    one,
)
from memoria_pipeline_tests.store.test_deciding_as_people import join
from memoria_pipeline_tests.store.test_erased_people import WHO, Scene, a_scene

_MEMBER = "select count(*) from memoria.event_members where event_id = :e and user_id = :u"


@pytest.fixture
def scene(conn: sa.Connection) -> Scene:
    return a_scene(conn)


def _persons(scene: Scene, *ids: UUID) -> UUID:
    made = erasure.request(scene.conn, "person", scene.event, persons=ids)
    erasure.erase_rows(scene.conn, made)
    return made


def _of_photo(scene: Scene, photo: UUID) -> int:
    query = "select count(*) from memoria.faces where media_id = :p"
    return int(one(scene.conn, query, p=photo))


def _signed_in(scene: Scene, user: UUID) -> int:
    query = "select count(*) from memoria.audit where verb = 'signed_in' and actor_id = :u"
    return int(one(scene.conn, query, u=user))


def test_the_erasure_of_an_event_takes_nobody_elses_name_out_of_the_audit(scene: Scene) -> None:
    conn = scene.conn
    stranger, both, elsewhere = uuid4(), join(conn, scene.event, "guest"), an_event(conn)
    for user in (stranger, both):
        join(conn, elsewhere, "guest", user)
    for user in (stranger, both, scene.guest):
        scene.do(
            "insert into memoria.sessions (token_hash, csrf, user_id, expires_at) values"
            " (sha256(cast(:who as text)::bytea), 'c', :who, now() + interval '1 day')",
            who=user,
        )
    erasure.erase_rows(conn, erasure.request(conn, "event", scene.event))
    assert [_signed_in(scene, each) for each in (stranger, both, scene.guest)] == [1, 1, 0]


def test_who_asks_to_be_erased_after_taking_a_consent_back_is_erased(scene: Scene) -> None:
    values = {"e": scene.event, "u": scene.guest}
    first = scene.erase(reason="withdrawn")
    assert one(scene.conn, _MEMBER, **values) == 1
    asked = scene.erase()
    assert asked != first
    assert one(scene.conn, _MEMBER, **values) == 0
    assert scene.left(asked) == {}
    assert scene.erase(reason="withdrawn") in (first, asked)  # nothing more to do for that


def test_whoever_was_merged_since_is_erased_where_the_faces_are_now(scene: Scene) -> None:
    conn, event = scene.conn, scene.event
    decisions.merge(conn, event, scene.person, scene.other, **WHO)
    merged = one(conn, "select id from memoria.face_persons where merged_into_id is not null")
    asked = _persons(scene, merged)  # from a page of before the merge
    assert one(conn, "select count(*) from memoria.faces where event_id = :e", e=event) == 0
    assert one(conn, "select count(*) from memoria.face_persons where event_id = :e", e=event) == 0
    assert scene.left(asked) == {}


def test_who_asks_for_a_person_that_is_another_users_by_now_takes_nothing_of_theirs(
    scene: Scene,
) -> None:
    conn, event = scene.conn, scene.event
    mate = join(conn, event, "guest")
    decisions.merge(conn, event, scene.person, scene.other, **WHO)
    merged = one(conn, "select id from memoria.face_persons where merged_into_id is not null")
    made = erasure.request(conn, "person", event, user=mate, persons=[merged])
    erasure.erase_rows(conn, made)
    assert one(conn, "select count(*) from memoria.faces where event_id = :e", e=event) == 6


def test_a_person_who_is_erased_by_its_id_takes_along_the_tags_of_its_faces_alone(
    scene: Scene,
) -> None:
    mate = join(scene.conn, scene.event, "guest")
    mine, other = scene.album.faces[0]
    scene.do("delete from memoria.media_tags")
    for who, face in ((scene.guest, mine), (mate, other)):
        scene.do(
            "insert into memoria.media_tags (event_id, media_id, tagged_user_id,"
            " tagged_by_user_id, face_id, source) values (:e, :photo, :who, :who, :face, 'manual')",
            photo=scene.album.photos[0],
            who=who,
            face=face,
        )
    _persons(scene, scene.person)
    tagged = "select tagged_user_id from memoria.media_tags where event_id = :e"
    assert list(scene.do(tagged).scalars()) == [mate]


def test_a_face_that_was_lost_when_it_was_erased_is_not_found_again(scene: Scene) -> None:
    conn, photo = scene.conn, scene.album.photos[0]
    mine = scene.album.faces[0][0]
    decisions.confirm(conn, scene.event, [mine], scene.person, **WHO)
    media.save_analysis(conn, [analysed(photo, a_face(RIGHT))], PACK)
    assert one(conn, "select lost from memoria.faces where id = :f", f=mine)
    scene.erase()
    media.save_analysis(conn, [analysed(photo, a_face(LEFT), a_face(RIGHT))], PACK)
    assert _of_photo(scene, photo) == 1


def test_an_event_that_keeps_no_tombstones_any_more_keeps_none_of_before(scene: Scene) -> None:
    count = "select count(*) from memoria.tombstones where event_id = :e"
    done = scene.erase()
    scene.finish(done)
    second = _persons(scene, scene.other)
    scene.do("update memoria.events set keep_tombstones = false where id = :e")
    assert one(scene.conn, count, e=scene.event) == 3  # what is looked at now meets them
    scene.finish(second)
    assert one(scene.conn, count, e=scene.event) == 0


@pytest.mark.parametrize("name", ["embedding", "v", "data"])
def test_a_vector_that_a_worker_sends_by_any_name_is_not_kept(scene: Scene, name: str) -> None:
    scene.do(
        "insert into memoria.ml_jobs (event_id, job_type, result) values (:e, 'detect',"
        " jsonb_build_object('photos', 1, 'more', jsonb_build_array(jsonb_build_object("
        "  cast(:name as text), (select jsonb_agg(n / 7.0) from generate_series(1, 128) n)))))",
        name=name,
    )
    kept = one(scene.conn, "select result from memoria.ml_jobs where event_id = :e", e=scene.event)
    assert kept == {"photos": 1}


@pytest.mark.parametrize(
    "columns",
    [
        "person_id) values (:e, 'assign', :u, :p)",
        "other_person_id) values (:e, 'merge', :u, :p)",
        "person_ids) values (:e, 'split', :u, array[:p])",
        "affected_person_ids) values (:e, 'undo', :u, array[:p])",
    ],
)
def test_no_decision_written_by_hand_names_an_erased_person_again(
    scene: Scene, columns: str
) -> None:
    scene.finish(scene.erase())
    refused = pytest.raises(DBAPIError, match="was erased, for good")
    with refused, scene.conn.begin_nested():
        scene.do(
            f"insert into memoria.decisions (event_id, kind, actor_id, {columns}",
            p=scene.person,
        )


def test_a_hidden_member_who_takes_a_consent_back_stays_hidden(scene: Scene) -> None:
    hidden = "select count(*) from memoria.hidden where event_id = :e and user_id = :u"
    scene.do("select memoria.hide(:e, :u, true)")
    asked = scene.erase(reason="withdrawn")
    assert one(scene.conn, hidden, e=scene.event, u=scene.guest) == 1
    assert one(scene.conn, hidden, e=scene.event, u=asked) == 1  # whose boxes stay covered
    assert scene.left(asked) == {}


def test_the_change_of_an_events_mode_is_in_its_audit(conn: sa.Connection) -> None:
    event = an_event(conn)
    count = "select count(*) from memoria.audit where event_id = :e and thing = 'event'"
    before = one(conn, count, e=event)
    change = "update memoria.events set analysis_mode = 'match_and_forget' where id = :e"
    conn.execute(sa.text(change), {"e": event})
    assert one(conn, count, e=event) == before + 1


def test_nobody_completes_an_erasure_without_a_signature(scene: Scene) -> None:
    for forged in (
        "insert into memoria.erasures (event_id, scope, status, completed_at, receipt)"
        " values (:e, 'person', 'completed', now(), '{}')",
        "update memoria.erasures set status = 'completed', completed_at = now()",
    ):
        scene.erase()
        signed = pytest.raises(DBAPIError, match="erasures_completed_is_signed")
        with signed, scene.conn.begin_nested():
            scene.do(forged)


def test_whoever_is_forgotten_by_an_event_that_forgets_is_erased_and_proven(
    scene: Scene,
) -> None:
    conn = scene.conn
    scene.do("alter table memoria.events disable trigger events_mode")
    scene.do("update memoria.events set analysis_mode = 'match_and_forget' where id = :e")
    before = one(conn, "select epoch from memoria.events where id = :e", e=scene.event)
    assert references.forget_others(conn, scene.event) == 6
    assert references.forget_others(conn, scene.event) == 0
    asked = next(each for each in erasure.open_(conn) if each.event_id == scene.event)
    assert (asked.scope, asked.status, asked.reason) == ("person", "running", "retention")
    assert asked.due_at > datetime.now(UTC)
    assert one(conn, "select epoch from memoria.events where id = :e", e=scene.event) > before
    assert erasure.erase_rows(conn, asked.id)["faces"] == 6
    assert scene.left(asked.id) == {}
    assert one(conn, "select count(*) from memoria.tombstones") == 0  # who agrees is to be found


_SIGN_IN = sa.text("select memoria.api_start_session(:u, '\\x07', 'csrf', 60)")
_PURGE = sa.text("select memoria.purge_face_data_for_user(:u, :e)")
_SIGNED_IN = "select count(*) from memoria.sessions where user_id = :u"
_WAITS = "select exists (select from pg_locks where not granted)"


def test_who_signs_in_while_being_erased_is_not_signed_in_afterwards(database: sa.Engine) -> None:
    with database.begin() as conn:
        event = an_event(conn)
        user = join(conn, event, "guest")

    def purge() -> None:
        with database.begin() as conn:
            conn.execute(_PURGE, {"u": user, "e": event})

    with ThreadPoolExecutor(1) as pool, database.begin() as conn:
        conn.execute(_SIGN_IN, {"u": user})
        erasing = pool.submit(purge)
        while not one(conn, _WAITS):
            assert not erasing.done(), "the erasure did not wait for who signs in"
        conn.commit()
        erasing.result()
    with database.connect() as conn:
        assert one(conn, _SIGNED_IN, u=user) == 0
        with pytest.raises(DBAPIError, match="being erased"):
            conn.execute(_SIGN_IN, {"u": user})
