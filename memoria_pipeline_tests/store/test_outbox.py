from uuid import UUID

import pytest
import sqlalchemy as sa

from memoria_pipeline.store import jobs, outbox
from memoria_pipeline_tests.store.factories import an_event, one


@pytest.fixture
def written(conn: sa.Connection) -> UUID:
    """A callback that waits, of a job that ended."""
    job = jobs.enqueue(conn, an_event(conn), "detect")
    [claimed] = jobs.claim(conn, 1)
    jobs.complete(conn, claimed.token, {job: {}})
    found: UUID = one(conn, "select id from memoria.callbacks")
    return found


def due(conn: sa.Connection) -> None:
    conn.execute(sa.text("update memoria.callbacks set next_attempt_at = now()"))


def test_a_callback_that_was_taken_is_not_sent_again(conn: sa.Connection, written: UUID) -> None:
    [letter] = outbox.claim(conn)
    assert (letter.id, letter.attempts) == (written, 1)
    assert outbox.delivered(conn, letter, 204)
    due(conn)
    assert outbox.claim(conn) == []
    [row] = outbox.list_(conn)
    assert (row.status, row.last_status, row.last_error) == ("delivered", 204, None)


def test_a_callback_that_is_being_sent_is_left_alone_until_its_lease_is_over(
    conn: sa.Connection, written: UUID
) -> None:
    [first] = outbox.claim(conn)
    assert outbox.claim(conn) == []
    due(conn)  # the sender was killed
    [second] = outbox.claim(conn)
    assert (second.id, second.attempts) == (written, 2)
    assert not outbox.delivered(conn, first, 200)
    assert outbox.delivered(conn, second, 200)


def test_a_refused_callback_waits_and_a_given_up_one_is_sent_again_by_hand(
    conn: sa.Connection, written: UUID
) -> None:
    [letter] = outbox.claim(conn)
    assert outbox.refused(conn, letter, 503, "busy", 600.0)
    assert outbox.claim(conn) == []
    due(conn)
    [letter] = outbox.claim(conn)
    assert outbox.refused(conn, letter, None, "away", None)
    due(conn)
    assert outbox.claim(conn) == []
    [row] = outbox.list_(conn, dead=True)
    assert (row.id, row.status, row.last_error) == (written, "dead", "away")
    assert outbox.replay(conn, []) == 0
    assert outbox.replay(conn) == 1
    [letter] = outbox.claim(conn)
    assert letter.attempts == 1
    assert outbox.list_(conn, dead=True) == []


def test_a_callback_that_was_taken_is_forgotten_a_month_later_and_a_dead_one_is_not(
    conn: sa.Connection, written: UUID
) -> None:
    [letter] = outbox.claim(conn)
    outbox.refused(conn, letter, 410, "not wanted", None)
    conn.execute(sa.text("update memoria.callbacks set dead_at = now() - interval '1 year'"))
    assert outbox.prune(conn) == 0
    assert outbox.replay(conn) == 1
    [letter] = outbox.claim(conn)
    outbox.delivered(conn, letter, 200)
    assert outbox.prune(conn) == 0
    conn.execute(sa.text("update memoria.callbacks set delivered_at = now() - interval '31 days'"))
    assert outbox.prune(conn) == 1
