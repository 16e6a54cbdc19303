"""The database refuses what a human did not decide: every way of changing it is tried."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db, decisions, erasure, media, persons
from memoria_pipeline_tests.store.factories import (
    LEFT,
    ORGANISER,
    PACK,
    RIGHT,
    a_face,
    an_album,
    an_event,
    analysed,
    group,
    one,
)

Names = dict[str, UUID]


@pytest.fixture(scope="module")
def own(server: str, template: str, shared_engine: sa.Engine) -> Iterator[sa.Engine]:
    """A database of this module's, because a decision opens the door to its own transaction."""
    name = f"guard_{uuid4().hex}"
    shared_engine.dispose()
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as conn:
        conn.execute(sa.text(f"create database {name} template template owner owner"))
    engine = sa.create_engine(sa.make_url(template).set(database=name))
    yield engine
    engine.dispose()
    with admin.connect() as conn:
        conn.execute(sa.text(f"drop database {name} with (force)"))


@pytest.fixture(scope="module")
def names(own: sa.Engine) -> Names:
    """Photo 0: left is linked (p), photo 1: left ignored; photo 2: left rejected from q."""
    with db.connect(own) as conn:
        album, other = an_album(conn, 4), an_event(conn)
        lefts, rights = [f[0] for f in album.faces], [f[1] for f in album.faces]
        group(conn, album.event, [lefts[:1], rights, lefts[1:3], lefts[3:]])
        who = persons.current(conn, album.event)
        p, q, r, s = who[lefts[0]], who[rights[0]], who[lefts[2]], who[lefts[3]]
        decisions.assign(conn, album.event, p, uuid4(), actor=ORGANISER)
        decisions.ignore_faces(conn, album.event, [lefts[1]], actor=ORGANISER)
        decisions.reject(conn, album.event, [lefts[2]], q, actor=ORGANISER)
        decisions.confirm(conn, album.event, [rights[3]], s, actor=ORGANISER)
    return {
        "e": album.event,
        "other": other,
        "photo": album.photos[1],
        "pinned": lefts[0],
        "ignored": lefts[1],
        "rejected": lefts[2],
        "free": rights[1],
    } | {"p": p, "q": q, "r": r, "s": s}


REFUSED = [
    "update memoria.faces set face_person_id = :q where id = :pinned",
    "update memoria.faces set face_person_id = null where id = :pinned",
    "update memoria.faces set machine_person_id = :q where id = :pinned",
    "update memoria.faces set verdict = null where id = :pinned",
    "update memoria.faces set verdict = null, human_touched = false where id = :ignored",
    "update memoria.faces set verdict = 'person', face_person_id = :q where id = :ignored",
    "update memoria.faces set verdict = 'not_a_face' where id = :ignored",
    "update memoria.faces set human_touched = false where id = :pinned",
    "update memoria.faces set not_person_ids = '{}' where id = :rejected",
    "update memoria.faces set not_person_ids = not_person_ids || :p where id = :rejected",
    "update memoria.faces set media_id = :photo where id = :pinned",
    "update memoria.faces set id = gen_random_uuid() where id = :pinned",
    "update memoria.faces set event_id = :other where id = :pinned",
    "update memoria.faces set probability = 0.01 where id = :pinned",
    "update memoria.faces set margin = 0 where id = :ignored",
    "update memoria.faces set evidence = array[:free]::uuid[] where id = :pinned",
    "update memoria.faces set embedding = null, erased_at = now() where id = :pinned",
    "update memoria.faces set embedding = null, erased_at = now() where id = :rejected",
    "insert into memoria.faces (event_id, media_id, bbox, embedding, face_person_id, verdict,"
    " human_touched) select event_id, media_id, bbox, embedding, :q, 'person', true"
    " from memoria.faces where id = :free",
    "insert into memoria.faces (event_id, media_id, bbox, embedding, not_person_ids, human_touched)"
    " select event_id, media_id, bbox, embedding, array[:q]::uuid[], true"
    " from memoria.faces where id = :free",
    "insert into memoria.face_persons (event_id, status, linked_user_id, human_touched)"
    " values (:e, 'linked', gen_random_uuid(), true)",
    "update memoria.face_persons set metadata = '{\"manual_edits\"\\: 0}' where id = :p",
    "delete from memoria.faces where id = :pinned",
    "delete from memoria.faces where id = :rejected",
    "delete from memoria.faces where event_id = :e",
    # what nobody decided does not become decided by itself
    "update memoria.faces set verdict = 'ignored', human_touched = true, face_person_id = null"
    " where id = :free",
    "update memoria.faces set human_touched = true where id = :free",
    "update memoria.face_persons set status = 'pending', linked_user_id = null where id = :p",
    "update memoria.face_persons set linked_user_id = gen_random_uuid() where id = :p",
    "update memoria.face_persons set invitation_email = 'a@example.org' where id = :s",
    "update memoria.face_persons set status = 'ignored' where id = :s",
    "update memoria.face_persons set status = 'merged', merged_into_id = :q where id = :s",
    "update memoria.face_persons set human_touched = false where id = :s",
    "update memoria.face_persons set human_touched = true where id = :r",
    "delete from memoria.face_persons where id = :s",
]
ROLES = ["memoria_service", "owner"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("attempt", REFUSED)
def test_what_a_human_decided_changes_by_no_plain_statement(
    own: sa.Engine, names: Names, role: str, attempt: str
) -> None:
    with own.connect() as conn:
        conn.execute(sa.text(f"set local role {role}"))
        with pytest.raises(DBAPIError, match="a human decided on it"):
            conn.execute(sa.text(attempt), names)


ALLOWED = [
    "update memoria.faces set quality_score = 0.5, lost = true where id = :pinned",
    "update memoria.faces set face_person_id = :p, machine_person_id = :p where id = :rejected",
    "update memoria.faces set face_person_id = :p, machine_person_id = :p where id = :free",
    "delete from memoria.faces where id = :free",
    "update memoria.face_persons set status = 'merged', merged_into_id = :s where id = :r",
    "update memoria.face_persons set cluster_label = 7 where id = :p",
    "delete from memoria.media where event_id = :e",
]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("attempt", ALLOWED)
def test_what_is_the_machines_stays_the_machines(
    own: sa.Engine, names: Names, role: str, attempt: str
) -> None:
    with own.connect() as conn:
        conn.execute(sa.text(f"set local role {role}"))
        assert conn.execute(sa.text(attempt), names).rowcount > 0


def test_a_face_is_never_given_to_a_person_it_was_rejected_from(
    own: sa.Engine, names: Names
) -> None:
    with own.connect() as conn, pytest.raises(DBAPIError, match="not_whom_it_is_not"):
        conn.execute(
            sa.text("update memoria.faces set face_person_id = :q where id = :rejected"), names
        )


@pytest.mark.parametrize("table", ["faces", "face_persons", "events cascade", "media cascade"])
def test_nothing_is_emptied_by_a_truncate(own: sa.Engine, names: Names, table: str) -> None:
    with own.connect() as conn:
        with pytest.raises(DBAPIError, match="not truncated|append-only|cannot truncate"):
            conn.execute(sa.text(f"truncate memoria.{table}"))
        conn.rollback()
        part = one(conn, "select memoria.partition_name(:e)", e=names["e"])
        with pytest.raises(DBAPIError, match="not truncated"):
            conn.execute(sa.text(f"truncate memoria.{part}"))


def test_the_partition_itself_is_no_way_round(own: sa.Engine, names: Names) -> None:
    with own.connect() as conn:
        part = one(conn, "select memoria.partition_name(:e)", e=names["e"])
        # its owner sees nothing of it: row level security is forced and it has no policy
        changed = f"update memoria.{part} set verdict = null where id = :pinned"  # noqa: S608
        assert conn.execute(sa.text(changed), names).rowcount == 0


_DECIDE = (
    "insert into memoria.decisions (event_id, kind, actor_id, face_ids, person_id)"
    " values (:e, 'not_a_face', gen_random_uuid(), array[:pinned]::uuid[], :p)"
)
_CHANGE = (
    "update memoria.faces set verdict = 'not_a_face', face_person_id = null where id = :pinned"
)


def test_a_decision_opens_the_door_to_its_faces_in_its_own_transaction_only(
    own: sa.Engine, names: Names
) -> None:
    with own.connect() as conn:
        conn.execute(sa.text(_DECIDE), names)
        assert conn.execute(sa.text(_CHANGE), names).rowcount == 1
        with pytest.raises(DBAPIError, match="a human decided on it"), conn.begin_nested():
            conn.execute(sa.text("delete from memoria.faces where id = :ignored"), names)
        with pytest.raises(DBAPIError, match="a human decided on it"), conn.begin_nested():
            conn.execute(sa.text("delete from memoria.face_persons where id = :s"), names)


def test_the_guard_finds_each_of_many_faces_without_reading_all_of_them(
    conn: sa.Connection,
) -> None:
    """Also by a plan that was made while next to nothing was open."""
    album = an_album(conn, 12)
    left, right = ([f[side] for f in album.faces] for side in (0, 1))
    reads = "select {} from pg_stat_xact_all_tables where relid = cast(:t as regclass)"
    for faces in (left[:1], left[1:], right):
        before = one(conn, reads.format("idx_scan"), t="memoria.decisions")
        decisions.ignore_faces(conn, album.event, faces, actor=ORGANISER)
        after = one(conn, reads.format("idx_scan"), t="memoria.decisions")
        assert after - before < 10
    conn.execute(sa.text("set constraints all immediate"))
    assert one(conn, reads.format("seq_scan"), t="memoria.opened") == 0
    assert one(conn, reads.format("idx_scan"), t="memoria.opened") >= 24


def test_what_a_transaction_opened_is_shut_when_it_commits(database: sa.Engine) -> None:
    with db.connect(database) as conn:
        album = an_album(conn, 2)
        group(conn, album.event, [[f[0] for f in album.faces], [f[1] for f in album.faces]])
        who = persons.current(conn, album.event)
        decisions.merge(conn, album.event, *set(who.values()), actor=ORGANISER)
        erasure.request(conn, "event", album.event)  # which opens nothing
        assert one(conn, "select count(*) from memoria.opened") == 4 + 2 + 1  # that there is one
    with db.connect(database) as conn:
        assert one(conn, "select count(*) from memoria.opened") == 0


@pytest.mark.parametrize(
    "attempt",
    [
        "insert into memoria.opened (event_id, what, id) values (:e, 'event', :e)",
        "update memoria.opened set id = :pinned",
        "delete from memoria.opened",
        "select memoria.open(:e, array[:pinned]::uuid[], '{}')",
        "select memoria.shut(:e, array[:pinned]::uuid[], '{}')",
        "select memoria.drop_event_partition(:e)",
        "select memoria.create_event_partition(:e)",
    ],
)
def test_the_service_opens_nothing_but_by_a_decision(
    own: sa.Engine, names: Names, attempt: str
) -> None:
    with own.connect() as conn:
        conn.execute(sa.text("set local role memoria_service"))
        with pytest.raises(DBAPIError, match="permission denied"):
            conn.execute(sa.text(attempt), names)


def test_nobody_drops_the_faces_of_an_active_event(own: sa.Engine, names: Names) -> None:
    with own.connect() as conn, pytest.raises(DBAPIError, match="is active: humans decided"):
        conn.execute(sa.text("select memoria.drop_event_partition(:e)"), names)


@pytest.mark.parametrize("scope", ["person", "event"])
def test_who_asks_for_an_erasure_may_change_no_more_than_before(
    own: sa.Engine, names: Names, scope: str
) -> None:
    with own.connect() as conn:
        conn.execute(sa.text("set local role memoria_service"))
        ask = "insert into memoria.erasures (event_id, scope) values (:e, :scope)"
        conn.execute(sa.text(ask), names | {"scope": scope})
        for attempt in (_CHANGE, "delete from memoria.face_persons where id = :s"):
            with pytest.raises(DBAPIError, match="a human decided"), conn.begin_nested():
                conn.execute(sa.text(attempt), names)


def test_a_decision_joins_the_end_of_the_log_whatever_place_and_time_it_asks_for(
    own: sa.Engine, names: Names
) -> None:
    asked = _DECIDE.replace("(event_id", "(seq, created_at, event_id").replace(
        "values (", "overriding system value values (:seq, '1999-01-01', "
    )
    with own.connect() as conn:
        conn.execute(sa.text("set local role memoria_service"))
        for seq in (1_000_000, -5):
            last = decisions.last_seq(conn, names["e"])
            conn.execute(sa.text(asked), names | {"seq": seq})
            assert last < decisions.last_seq(conn, names["e"]) < 1_000_000
        assert one(conn, "select min(created_at) = now() from memoria.decisions") is False
        fresh = "select count(*) from memoria.decisions where created_at = now()"
        assert one(conn, fresh) == 2


def test_a_photo_that_goes_and_comes_back_brings_no_verdict_with_it(
    own: sa.Engine, names: Names
) -> None:
    kept = (
        "create temporary table kept on commit drop as"
        " select * from memoria.faces where id = :ignored",
        "create temporary table photo on commit drop as"
        " select * from memoria.media where id = :photo",
        "delete from memoria.media where id = :photo",
        "insert into memoria.media select * from photo",
        "update kept set verdict = 'person', face_person_id = :q",
    )
    with own.connect() as conn:
        conn.execute(sa.text("set local role memoria_service"))
        for statement in kept:
            conn.execute(sa.text(statement), names)
        with pytest.raises(DBAPIError, match="a human decided on it, so no insert"):
            conn.execute(sa.text("insert into memoria.faces select * from kept"))


def test_a_decision_of_another_event_opens_nothing(own: sa.Engine, names: Names) -> None:
    with own.connect() as conn:
        other = an_album(conn, 1)
        conn.execute(sa.text(_DECIDE), names | {"e": other.event})
        with pytest.raises(DBAPIError, match="a human decided on it"):
            conn.execute(sa.text(_CHANGE), names)


def test_the_refusal_says_what_to_do_and_our_own_error_names_no_face(
    own: sa.Engine, names: Names
) -> None:
    with (
        pytest.raises(DatabaseError, match="a human decided on it") as said,
        db.connect(own) as conn,
    ):
        conn.execute(sa.text(_CHANGE), names)
    assert "42501" in str(said.value)


def test_a_run_and_a_new_analysis_leave_everything_decided_as_it_was(
    own: sa.Engine, names: Names
) -> None:
    decided = sa.text(
        "select id, face_person_id, verdict, not_person_ids, machine_person_id from memoria.faces"
        " where event_id = :e and verdict is not null order by id"
    )
    with own.connect() as conn:
        before = conn.execute(decided, names).all()
        faces = one(conn, "select array_agg(id order by id) from memoria.faces")
        group(conn, names["e"], [faces])
        for found in ([a_face(RIGHT)], [], [a_face(LEFT)]):
            again = analysed(names["photo"], *found)
            media.save_analysis(conn, [again], PACK)
        assert conn.execute(decided, names).all() == before
        rejected = one(
            conn, "select face_person_id from memoria.faces where id = :f", f=names["rejected"]
        )
        assert rejected != names["q"]


@pytest.mark.parametrize("status", ["archived", "deleted"])
def test_an_event_that_ends_takes_its_decided_faces_with_it(
    own: sa.Engine, names: Names, status: str
) -> None:
    with own.connect() as conn:
        conn.execute(
            sa.text("update memoria.events set status = :s where id = :e"), names | {"s": status}
        )
        assert one(conn, "select count(*) from memoria.faces") == 0
        conn.execute(sa.text("delete from memoria.events where id = :e"), names)
        assert one(conn, "select count(*) from memoria.face_persons") == 0
