"""Decisions in the name of a user, under row level security: organisers take every kind of them,
and what anybody else tries the database refuses and leaves as it was."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.errors import DatabaseError, DecisionError
from memoria_pipeline.store import callers, decisions, events
from memoria_pipeline_tests.store.factories import ORGANISER, acting_as, one
from memoria_pipeline_tests.store.test_decisions import EACH, People, snapshot


def join(conn: sa.Connection, event: UUID, role: str, user: UUID | None = None) -> UUID:
    user = user or uuid4()
    query = "insert into memoria.event_members (event_id, user_id, role) values (:e, :u, :r)"
    conn.execute(sa.text(query), {"e": event, "u": user, "r": role})
    return user


@pytest.fixture
def people(conn: sa.Connection) -> People:
    made = People(conn)
    join(conn, made.event, "organiser", ORGANISER)
    return made


@pytest.mark.parametrize("kind", EACH)
def test_an_organiser_takes_and_undoes_each_kind_of_decision(
    conn: sa.Connection, people: People, kind: str
) -> None:
    before = snapshot(conn, people.event)
    with acting_as(conn, ORGANISER):
        made = EACH[kind](conn, people)
    after = snapshot(conn, people.event)
    assert after != before
    with acting_as(conn, ORGANISER):
        undone = decisions.undo(conn, people.event, made.id, actor=ORGANISER)
    assert snapshot(conn, people.event) == before
    with acting_as(conn, ORGANISER):
        decisions.undo(conn, people.event, undone.id, actor=ORGANISER)
    assert snapshot(conn, people.event)[0] == after[0]


@pytest.mark.parametrize("kind", EACH)
def test_a_decision_of_an_organiser_changes_what_the_pipelines_own_would(
    conn: sa.Connection, people: People, kind: str
) -> None:
    with conn.begin_nested() as by_service:
        EACH[kind](conn, people)
        wanted = snapshot(conn, people.event)
        by_service.rollback()
    with acting_as(conn, ORGANISER):
        EACH[kind](conn, people)
    if kind != "split":  # whose new person has another id each time
        assert snapshot(conn, people.event) == wanted


@pytest.mark.parametrize("role", ["photographer", "member", "guest"])
@pytest.mark.parametrize("kind", EACH)
def test_nobody_else_of_the_event_decides(
    conn: sa.Connection, people: People, role: str, kind: str
) -> None:
    before, me = snapshot(conn, people.event), join(conn, people.event, role)
    link = "update memoria.face_persons set status = 'linked', linked_user_id = :u where id = :p"
    with conn.begin_nested() as own:
        conn.execute(sa.text(link), {"u": me, "p": people.p})
        with pytest.raises(DBAPIError) as refused, conn.begin_nested(), acting_as(conn, me):
            EACH[kind](conn, people)
        own.rollback()
    assert getattr(refused.value.orig, "pgcode", None) == "42501"
    assert snapshot(conn, people.event) == before
    assert one(conn, "select count(*) from memoria.decisions") == 0


def test_an_organiser_of_another_event_finds_none(conn: sa.Connection, people: People) -> None:
    other = People(conn)
    me = join(conn, other.event, "organiser")
    with acting_as(conn, me):
        with pytest.raises(DatabaseError, match="no event"), conn.begin_nested():
            decisions.assign(conn, people.event, people.p, uuid4(), actor=me)
        with pytest.raises(DecisionError, match="not there"), conn.begin_nested():
            decisions.assign(conn, other.event, people.p, uuid4(), actor=me)


def test_nobody_decides_in_anothers_name(conn: sa.Connection, people: People) -> None:
    for actor in (uuid4(), UUID(int=0)):
        refused = pytest.raises(DBAPIError, match="row-level security")
        with refused, conn.begin_nested(), acting_as(conn, ORGANISER):
            decisions.assign(conn, people.event, people.p, uuid4(), actor=actor)


def test_what_was_found_so_goes_into_the_log_by_nobody_if_it_is_so(
    conn: sa.Connection, people: People
) -> None:
    user = uuid4()
    link = "update memoria.face_persons set status = 'linked', linked_user_id = :u where id = :p"
    conn.execute(sa.text(link), {"u": user, "p": people.p})
    with acting_as(conn, ORGANISER):
        decisions.merge(conn, people.event, people.q, people.p, actor=ORGANISER)
    log = decisions.log(conn, people.event)
    assert [(each.kind, each.user) for each in log] == [("assign", user), ("merge", None)]
    lie = (
        "insert into memoria.decisions (event_id, kind, actor_id, reason, person_id,"
        " subject_user_id) values (:e, 'assign', :nobody, 'found so', :p, :u)"
    )
    values = {"e": people.event, "nobody": UUID(int=0), "p": people.r, "u": user}
    refused = pytest.raises(DBAPIError, match="row-level security")
    with refused, conn.begin_nested(), acting_as(conn, ORGANISER):
        conn.execute(sa.text(lie), values)


WITHOUT_A_DECISION = [
    "update memoria.faces set machine_person_id = :q, face_person_id = :q where id = :face",
    "update memoria.face_persons set invitation_email = 'a@example.org' where id = :p",
    "insert into memoria.face_persons (id, event_id) values (gen_random_uuid(), :e)",
    "insert into memoria.media_tags (event_id, media_id, tagged_user_id, tagged_by_user_id, source,"
    " face_id) values (:e, :photo, :me, :me, 'face_clustering', :face)",
]


@pytest.mark.parametrize("attempt", WITHOUT_A_DECISION)
def test_an_organiser_changes_nothing_about_people_without_a_decision(
    conn: sa.Connection, people: People, attempt: str
) -> None:
    conn.execute(sa.text("set constraints all immediate"))
    values = {"e": people.event, "p": people.p, "q": people.q, "face": people.alone}
    values |= {"photo": people.album.photos[3], "me": ORGANISER}
    refused = pytest.raises(DBAPIError, match="row-level security")
    with refused, conn.begin_nested(), acting_as(conn, ORGANISER):
        conn.execute(sa.text(attempt), values)


def test_a_user_sees_an_event_without_the_place_of_its_photos(
    conn: sa.Connection, people: People
) -> None:
    assert events.get(conn, people.event).photo_root.startswith("/album/")
    with acting_as(conn, ORGANISER):
        assert events.get(conn, people.event).photo_root == ""
        assert events.lock(conn, people.event).id == people.event


def test_of_an_event_that_was_deleted_nobody_sees_or_changes_anything(
    conn: sa.Connection, people: People
) -> None:
    decisions.assign(conn, people.event, people.p, people.user, actor=ORGANISER)
    members = [ORGANISER, *(join(conn, people.event, role) for role in ("photographer", "member"))]
    members.append(join(conn, people.event, "guest", people.user))
    conn.execute(sa.text("update memoria.events set status = 'deleted'"))
    tables = ("events", "media", "media_tags", "face_persons", "faces", "decisions")
    for user in members:
        with acting_as(conn, user):
            seen = [one(conn, f"select count(*) from memoria.{each}") for each in tables]  # noqa: S608
            changed = conn.execute(sa.text("delete from memoria.media_tags")).rowcount
        assert (seen, changed) == ([0] * len(tables), 0)


@pytest.fixture
def login(module_database: sa.Engine) -> Iterator[sa.Engine]:
    engine = sa.create_engine(module_database.url.set(username="memoria_api"))
    yield engine
    engine.dispose()


def test_the_servers_login_acts_as_a_user_for_one_transaction(
    login: sa.Engine, module_database: sa.Engine
) -> None:
    with module_database.begin() as conn:
        made = People(conn)
        me = join(conn, made.event, "organiser")
    callers.refuse_strong_login(login)
    with callers.acting(login, me) as conn:
        made_so = decisions.assign(conn, made.event, made.p, made.user, actor=me)
        assert one(conn, "select current_user") == "authenticated"
    with callers.as_server(login) as conn:
        assert one(conn, "select current_user") == "memoria_api"
        with pytest.raises(DBAPIError, match="permission denied"), conn.begin_nested():
            conn.execute(sa.text("select id from memoria.events"))
    with callers.acting(login, uuid4()) as conn:
        assert one(conn, "select count(*) from memoria.decisions") == 0
    with callers.acting(login, me) as conn:
        assert [each.id for each in decisions.log(conn, made.event)] == [made_so.id]


@pytest.mark.parametrize("role", ["postgres", "owner"])
def test_a_login_that_passes_row_level_security_is_refused(
    module_database: sa.Engine, role: str
) -> None:
    engine = sa.create_engine(module_database.url.set(username=role), poolclass=sa.NullPool)
    with pytest.raises(DatabaseError, match="role memoria_api"):
        callers.refuse_strong_login(engine)


def test_a_login_that_may_not_become_a_user_is_told_which_grant_is_missing(
    module_database: sa.Engine,
) -> None:
    with module_database.begin() as conn:
        conn.execute(sa.text("create role bystander login"))
    engine = sa.create_engine(module_database.url.set(username="bystander"), poolclass=sa.NullPool)
    with pytest.raises(DatabaseError, match="grant authenticated"):
        callers.refuse_strong_login(engine)
    with module_database.begin() as conn:
        conn.execute(sa.text("drop role bystander"))


@pytest.mark.parametrize("become", ["memoria_service", "owner", "postgres", "memoria_analyst"])
def test_the_servers_login_becomes_nobody_stronger(login: sa.Engine, become: str) -> None:
    refused = pytest.raises(DBAPIError, match="permission denied")
    with callers.as_server(login) as conn, refused, conn.begin_nested():
        conn.execute(sa.text(f"set local role {become}"))
