"""The audit: what writes into it, that nobody changes it, and that it names nobody."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.store import audit, callers, decisions, hidden
from memoria_pipeline.store.audit import Deed
from memoria_pipeline_tests.store.factories import ORGANISER, Album, acting_as, an_album, group, one
from memoria_pipeline_tests.store.row_level_security import ROLES
from memoria_pipeline_tests.store.test_deciding_as_people import join
from memoria_pipeline_tests.store.trying import USERS, become

MARIE = uuid4()
_ALL = "select string_agg(a::text, ' ' order by a.id) from memoria.audit a"


@pytest.fixture
def album(conn: sa.Connection) -> Album:
    made = an_album(conn, 2)
    group(conn, made.event, [[pair[side] for pair in made.faces] for side in (0, 1)])
    join(conn, made.event, "organiser", ORGANISER)
    join(conn, made.event, "guest", MARIE)
    return made


def deeds(conn: sa.Connection, album: Album) -> list[Deed]:
    return audit.of_event(conn, album.event).items


def done(conn: sa.Connection, album: Album) -> list[tuple[str, str, UUID | None]]:
    return [(each.verb, each.thing, each.actor_id) for each in deeds(conn, album)]


def person_of(conn: sa.Connection, album: Album) -> UUID:
    found: UUID = one(
        conn, "select face_person_id from memoria.faces where id = :f", f=album.faces[0][0]
    )
    return found


@pytest.fixture
def written(conn: sa.Connection, album: Album) -> str:
    """All that is in it."""
    with acting_as(conn, ORGANISER):
        audit.looked(conn, "page", None, "photo", album.photos[0])
    found: str = one(conn, _ALL)
    assert str(ORGANISER) in found
    return found


@pytest.fixture(params=[*ROLES, "memoria_erasure", None])
def somebody(conn: sa.Connection, written: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Each role in turn, and the owner of the tables."""
    assert written
    if request.param in USERS:
        become(conn, request.param)
    elif request.param:
        conn.execute(sa.text(f"set local role {request.param}"))
    yield request.param or "owner"
    conn.execute(sa.text("reset role"))


@pytest.mark.parametrize(
    "statement",
    [
        "update memoria.audit set verb = 'decided'",
        "update memoria.audit set at = now() - interval '1 day'",
        "update memoria.audit set times = times + 1",
        "update memoria.audit set actor_id = gen_random_uuid()",
        "update memoria.audit set actor_id = null",
        "update memoria.audit set thing_id = gen_random_uuid()",
        "delete from memoria.audit",
        "truncate memoria.audit",
    ],
)
def test_no_role_changes_what_is_written(
    conn: sa.Connection, written: str, somebody: str, statement: str
) -> None:
    with pytest.raises(DBAPIError) as refused, conn.begin_nested():
        conn.execute(sa.text(statement))
    assert getattr(refused.value.orig, "pgcode", "") == "42501", somebody
    conn.execute(sa.text("reset role"))
    assert one(conn, _ALL) == written


def test_nobody_but_triggers_and_the_function_writes_into_it(
    conn: sa.Connection, album: Album, somebody: str
) -> None:
    if somebody == "owner":  # whoever owns a table may write into it
        return
    with pytest.raises(DBAPIError, match="permission denied"), conn.begin_nested():
        conn.execute(
            sa.text(
                "insert into memoria.audit (verb, event_id, thing, via)"
                " values ('looked', :e, 'photos', 'page')"
            ),
            {"e": album.event},
        )


def test_it_has_no_place_for_a_name_or_an_address(conn: sa.Connection) -> None:
    query = sa.text(
        "select column_name, data_type from information_schema.columns"
        " where table_schema = 'memoria' and table_name = 'audit'"
    )
    words = {row.column_name for row in conn.execute(query) if row.data_type == "text"}
    assert words == {"verb", "thing", "via"}  # each of a list, or of one lower-case word
    for column, value in (("verb", "marie"), ("thing", "marie@example.org"), ("via", "Marie")):
        given = {"verb": "looked", "thing": "photos", "via": "page"} | {column: value}
        with pytest.raises(DBAPIError, match="check"), conn.begin_nested():
            conn.execute(
                sa.text(
                    "insert into memoria.audit (verb, thing, via) values (:verb, :thing, :via)"
                ),
                given,
            )


def test_what_is_decided_invited_agreed_and_changed_is_written_by_itself(
    conn: sa.Connection, album: Album
) -> None:
    person = person_of(conn, album)
    decision = decisions.assign(conn, album.event, person, MARIE, actor=ORGANISER)
    conn.execute(
        sa.text(
            "insert into memoria.invitations (event_id, person_id, email, invited_by, expires_at)"
            " values (:e, :p, 'x@example.org', :u, now())"
        ),
        {"e": album.event, "p": person, "u": ORGANISER},
    )
    conn.execute(
        sa.text(
            "insert into memoria.consents (event_id, user_id, purpose, given, text_version,"
            " recorded_by) values (:e, :u, 'own_photos', true, '1', :u)"
        ),
        {"e": album.event, "u": MARIE},
    )
    with acting_as(conn, ORGANISER):
        conn.execute(
            sa.text("update memoria.events set retention_days = 9 where id = :e"),
            {"e": album.event},
        )
    hidden.hide(conn, album.event, MARIE, hidden=True)
    found = set(done(conn, album))
    assert found >= {
        ("decided", "decision", ORGANISER),
        ("invited", "invitation", ORGANISER),
        ("changed", "consent", MARIE),
        ("changed", "event", ORGANISER),
        ("changed", "hidden", ORGANISER),
        ("changed", "member", None),
    }
    assert decision.id in {each.thing_id for each in deeds(conn, album)}


def test_signing_in_is_written_down_for_who_did(conn: sa.Connection, album: Album) -> None:
    conn.execute(sa.text("select memoria.api_start_session(:u, '\\x01', 'csrf', 60)"), {"u": MARIE})
    query = "select verb || ' ' || via from memoria.audit where actor_id = :u"
    assert one(conn, query, u=MARIE) == "signed_in sql"
    with acting_as(conn, MARIE):
        assert one(conn, query, u=MARIE) == "signed_in sql"  # of no event, and their own


def test_a_look_is_written_once_an_hour_for_each_who_and_what(
    conn: sa.Connection, album: Album
) -> None:
    for user in (ORGANISER, MARIE):
        with acting_as(conn, user):
            for _ in range(3):
                audit.looked(conn, "page", album.event, "photos")
                audit.looked(conn, "page", None, "photo", album.photos[0])
    looks = [each for each in deeds(conn, album) if each.verb == "looked"]
    assert sorted((each.thing, str(each.actor_id)) for each in looks) == sorted(
        (thing, str(user)) for thing in ("photo", "photos") for user in (ORGANISER, MARIE)
    )
    assert {each.via for each in looks} == {"page"}


def test_people_note_looks_and_exports_in_their_own_events_and_nothing_else(
    conn: sa.Connection, album: Album
) -> None:
    before = len(deeds(conn, album))
    with acting_as(conn, uuid4()):  # in no event
        audit.looked(conn, "page", album.event, "photos")
        audit.looked(conn, "page", None, "photo", album.photos[0])
        audit.looked(conn, "page", None, "photo", uuid4())
    assert len(deeds(conn, album)) == before
    callers.become(conn, MARIE)
    with pytest.raises(DBAPIError, match="only looks"):
        conn.execute(sa.text("select memoria.note('decided', :e, 'run')"), {"e": album.event})


def test_organisers_read_all_of_their_event_and_others_what_is_their_own(
    conn: sa.Connection, album: Album
) -> None:
    with acting_as(conn, MARIE):
        audit.looked(conn, "api", album.event, "photos")
        assert done(conn, album) == [("looked", "photos", MARIE)]
    with acting_as(conn, ORGANISER):
        assert ("looked", "photos", MARIE) in done(conn, album)
    with acting_as(conn, uuid4()):
        assert done(conn, album) == []


def test_an_export_says_how_many_things_it_was(conn: sa.Connection, album: Album) -> None:
    audit.by_way_of(conn, "cli")
    audit.exported(conn, album.event, "tags", 312)
    audit.exported(conn, album.event, "tags", 312)  # each time
    found = [each for each in deeds(conn, album) if each.verb == "exported"]
    assert [(each.times, each.via, each.actor_id) for each in found] == [(312, "cli", None)] * 2


def test_who_is_erased_is_in_it_under_the_erasures_id_and_others_as_they_were(
    conn: sa.Connection, album: Album
) -> None:
    person = person_of(conn, album)
    decisions.assign(conn, album.event, person, MARIE, actor=ORGANISER)
    with acting_as(conn, MARIE):
        audit.looked(conn, "page", album.event, "photos")
    with acting_as(conn, ORGANISER):
        audit.looked(conn, "page", None, "person", person)
    erasure = one(
        conn,
        "select memoria.request_erasure('person', :e, :u, null, null, 'page', 'request', :u)",
        e=album.event,
        u=MARIE,
    )
    conn.execute(sa.text("select memoria.erase_rows(:r)"), {"r": erasure})
    found = done(conn, album)
    assert {("looked", "photos", erasure), ("erased", "erasure", erasure)} <= set(found)
    assert ("looked", "person", ORGANISER) in found
    assert ("decided", "decision", ORGANISER) in found
    everything = one(conn, _ALL)
    assert str(MARIE) not in everything
    assert str(person) not in everything
    via = {each.via for each in deeds(conn, album) if each.verb == "erased"}
    assert via == {"page"}


def test_what_names_a_user_is_changed_by_an_erasures_hand_alone(
    conn: sa.Connection, album: Album
) -> None:
    conn.execute(sa.text("set local role memoria_service"))
    with pytest.raises(DBAPIError, match="permission denied"), conn.begin_nested():
        conn.execute(
            sa.text("select memoria.unname_audit(:e, :p, :u, false)"),
            {"e": album.event, "p": uuid4(), "u": MARIE},
        )
