"""An address is one user wherever it is met, and nobody gets into another's account by one."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline_tests.store.factories import ORGANISER, acting_as, an_event, one
from memoria_pipeline_tests.store.test_deciding_as_people import join

_ADD = (
    "insert into memoria.event_members (event_id, user_id, role, email)"
    " values (:e, :u, 'guest', :email) returning user_id"
)
_LINK = "select memoria.api_link_for(:email, cast(:token as bytea), 60)"
_ACCEPT = "select user_id from memoria.api_accept_invitation('t', 'Ada')"


def _add(conn: sa.Connection, event: UUID, email: str | None, user: UUID | None = None) -> UUID:
    with acting_as(conn, ORGANISER):
        found: UUID = one(conn, _ADD, e=event, u=user or uuid4(), email=email)
    return found


def _event(conn: sa.Connection) -> UUID:
    event = an_event(conn)
    join(conn, event, "organiser", ORGANISER)
    return event


def test_an_organiser_puts_no_address_of_theirs_on_another_user(conn: sa.Connection) -> None:
    victim = _add(conn, _event(conn), None)
    made = _add(conn, _event(conn), "Mine@Example.org", victim)
    assert made != victim
    assert one(conn, _LINK, email="mine@example.org", token="a") == made


def test_an_address_is_the_same_user_in_each_event(conn: sa.Connection) -> None:
    first = _add(conn, _event(conn), "a@example.org")
    assert _add(conn, _event(conn), " A@example.org ") == first
    assert one(conn, _LINK, email="A@example.org", token="a") == first
    assert one(conn, _LINK, email="b@example.org", token="b") is None


def test_an_address_that_two_organisers_add_at_once_is_one_user(database: sa.Engine) -> None:
    with database.begin() as conn:
        events = [_event(conn), _event(conn)]
    with ThreadPoolExecutor(1) as pool, database.begin() as first:
        one_user = _add(first, events[0], "a@example.org")

        def add() -> UUID:
            with database.begin() as second:
                return _add(second, events[1], "A@example.org")

        other = pool.submit(add)
        with database.connect() as looking:
            while not one(looking, _WAITS) and not other.done():
                looking.rollback()
        first.commit()
        assert other.result() == one_user


_WAITS = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"


def test_a_link_and_an_invitation_work_once(conn: sa.Connection) -> None:
    event = _event(conn)
    member = _add(conn, event, "a@example.org")
    one(conn, _LINK, email="a@example.org", token="l")
    use = "select user_id from memoria.api_use_link('l')"
    assert [one(conn, use), one(conn, use)] == [member, None]
    insert = (
        "insert into memoria.invitations (event_id, person_id, email, token_hash, invited_by,"
        " expires_at) values (:e, gen_random_uuid(), 'n@example.org', 't', :by,"
        " now() + interval '1 day')"
    )
    conn.execute(sa.text(insert), {"e": event, "by": ORGANISER})
    guest = one(conn, _ACCEPT)
    assert (guest is not None, one(conn, _ACCEPT)) == (True, None)
    role = "select role from memoria.event_members where user_id = :u"
    assert one(conn, role, u=guest) == "guest"


def test_an_organiser_cannot_choose_the_link_of_an_invitation(conn: sa.Connection) -> None:
    event = _event(conn)
    _add(conn, event, "a@example.org")
    person = one(
        conn, "insert into memoria.face_persons (event_id) values (:e) returning id", e=event
    )
    own = (
        "insert into memoria.invitations (event_id, person_id, email, token_hash, invited_by,"
        " expires_at) values (:e, :p, 'a@example.org', 'mine', :by, now() + interval '1 day')"
    )
    arm = "select memoria.api_arm_invitation(gen_random_uuid(), 'mine')"
    values = {"e": event, "p": person, "by": ORGANISER}
    for statement in (own, arm):
        with (
            pytest.raises(sa.exc.ProgrammingError, match="permission denied"),
            acting_as(conn, ORGANISER),
            conn.begin_nested(),
        ):
            conn.execute(sa.text(statement), values)


def test_a_session_ends_when_its_time_is_over(conn: sa.Connection) -> None:
    user, find = uuid4(), "select user_id from memoria.api_session('s')"
    begin = "select memoria.api_start_session(:u, 's', 'c', 60)"
    one(conn, begin, u=user)
    assert one(conn, find) == user
    over = "update memoria.sessions set expires_at = now()"
    conn.execute(sa.text(over))
    assert one(conn, find) is None
