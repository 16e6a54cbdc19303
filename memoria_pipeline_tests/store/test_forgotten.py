"""What a purge makes the review forget: kept answers, sessions and links of whoever was erased."""

from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline.store import once, sessions
from memoria_pipeline_tests.store.factories import ORGANISER, an_event, one
from memoria_pipeline_tests.store.test_deciding_as_people import join

_PURGE = "select memoria.purge_face_data_for_user(:u, :e)"
_BODIES = "select array_agg(key order by key) from memoria.idempotency where body is not null"


def _signed_in(conn: sa.Connection, user: UUID) -> None:
    token = user.bytes
    sessions.start(conn, user, token, "csrf", 60)
    sessions.make_link(conn, user, None, token, 60)


def _left(conn: sa.Connection) -> list[int]:
    counts = ("select count(*) from memoria.sessions", "select count(*) from memoria.links")
    return [one(conn, each) for each in counts]


@pytest.fixture
def event(conn: sa.Connection) -> UUID:
    made = an_event(conn)
    join(conn, made, "organiser", ORGANISER)
    return made


def test_no_kept_answer_says_anything_of_whoever_was_erased(
    conn: sa.Connection, event: UUID
) -> None:
    user = join(conn, event, "guest")
    email = "update memoria.event_members set email = 'ada@example.org' where user_id = :u"
    conn.execute(sa.text(email), {"u": user})
    said = {
        "a": (user, {"name": "Ada"}),
        "b": (ORGANISER, {"persons": [{"linked_user_id": str(user), "name": "Ada"}]}),
        "c": (ORGANISER, {"invitation_email": "Ada@example.org"}),
        "d": (ORGANISER, {"invitation_email": "another-ada@example.org"}),
    }
    for key, (who, body) in said.items():
        once.keep(conn, who, key, once.Answer("f", 200, body))
    one(conn, _PURGE, u=user, e=event)
    assert one(conn, _BODIES) == ["d"]
    assert one(conn, "select count(*) from memoria.idempotency") == 3  # none is done twice


def test_whoever_was_erased_and_is_in_no_other_event_is_signed_out(
    conn: sa.Connection, event: UUID
) -> None:
    user, other = join(conn, event, "guest"), uuid4()
    for each in (user, other):
        _signed_in(conn, each)
    one(conn, _PURGE, u=user, e=event)
    assert _left(conn) == [1, 1]


def test_whoever_is_in_another_event_stays_signed_in(conn: sa.Connection, event: UUID) -> None:
    user = join(conn, event, "guest")
    join(conn, an_event(conn), "guest", user)
    _signed_in(conn, user)
    one(conn, _PURGE, u=user, e=event)
    assert _left(conn) == [1, 1]
