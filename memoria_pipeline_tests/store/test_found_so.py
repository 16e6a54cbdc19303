"""What other applications wrote of persons is known to the log before a human decides on them."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.store import checks, decisions
from memoria_pipeline_tests.store.factories import ORGANISER, one
from memoria_pipeline_tests.store.test_decisions import WHO, People

_PURGE = "select memoria.purge_face_data_for_user(:u, :e)"


@pytest.fixture
def people(conn: sa.Connection) -> People:
    return People(conn)


def _write(conn: sa.Connection, person: UUID, **columns: Any) -> None:
    query = (
        "update memoria.face_persons set status = :status, linked_user_id = :linked_user_id,"
        " invitation_email = :invitation_email where id = :id"
    )
    nothing = {"linked_user_id": None, "invitation_email": None}
    conn.execute(sa.text(query), {**nothing, **columns, "id": person})


def _row(conn: sa.Connection, person: UUID) -> tuple[Any, ...]:
    query = (
        "select status, linked_user_id, invitation_email, merged_into_id"
        " from memoria.face_persons where id = :id"
    )
    return tuple(conn.execute(sa.text(query), {"id": person}).one())


def test_a_member_linked_elsewhere_goes_along_with_a_merge_and_is_found_by_a_purge(
    conn: sa.Connection, people: People
) -> None:
    _write(conn, people.p, status="linked", linked_user_id=people.user, invitation_email="a@b.org")
    merged = decisions.merge(conn, people.event, people.q, people.p, **WHO)
    assert _row(conn, people.q) == ("linked", people.user, "a@b.org", None)
    undone = decisions.undo(conn, people.event, merged.id, **WHO)
    assert _row(conn, people.p) == ("linked", people.user, "a@b.org", None)
    assert _row(conn, people.q) == ("pending", None, None, None)
    decisions.undo(conn, people.event, undone.id, **WHO)
    receipt = one(conn, _PURGE, u=people.user, e=people.event)
    assert (receipt["persons"], receipt["faces"]) == (2, 6)


def test_two_members_linked_elsewhere_are_not_merged_and_the_log_stays_as_it_was(
    conn: sa.Connection, people: People
) -> None:
    _write(conn, people.p, status="linked", linked_user_id=people.user)
    _write(conn, people.q, status="linked", linked_user_id=uuid4())
    with pytest.raises(DecisionError, match="two different members"):
        decisions.merge(conn, people.event, people.p, people.q, **WHO)
    assert decisions.log(conn, people.event) == []


def test_what_was_found_so_is_in_the_log_once_with_nobody_as_its_author(
    conn: sa.Connection, people: People
) -> None:
    _write(conn, people.p, status="invited", invitation_email="a@example.org")
    _write(conn, people.q, status="ignored")
    decisions.confirm(conn, people.event, [people.alone], people.p, **WHO)
    moved = decisions.move(
        conn, people.event, people.left[:1], people.q, person=people.p, actor=ORGANISER
    )
    log = decisions.log(conn, people.event)
    assert [(each.kind, each.person) for each in log] == [
        ("invite", people.p),
        ("confirm", people.p),
        ("ignore", people.q),
        ("move", people.p),
    ]
    assert log[3] == moved
    said = "select array_agg(distinct reason) from memoria.decisions where actor_id = :a"
    assert one(conn, said, a=UUID(int=0)) == ["found so"]
    assert _row(conn, people.p) == ("invited", None, "a@example.org", None)
    assert _row(conn, people.q) == ("ignored", None, None, None)
    assert checks.faces_not_as_decided(conn, people.event) == 0


def test_a_link_made_elsewhere_between_an_undo_and_its_undo_stands(
    conn: sa.Connection, people: People
) -> None:
    merged = decisions.merge(conn, people.event, people.q, people.p, **WHO)
    undone = decisions.undo(conn, people.event, merged.id, **WHO)
    _write(conn, people.p, status="linked", linked_user_id=people.user)
    decisions.undo(conn, people.event, undone.id, **WHO)
    # the merge is older than the link, so it is the person that both are now who is linked
    assert _row(conn, people.q) == ("linked", people.user, None, None)
    assert _row(conn, people.p) == ("merged", None, None, people.q)


def test_a_member_found_so_is_unlinked_by_the_undo_of_that(
    conn: sa.Connection, people: People
) -> None:
    _write(conn, people.p, status="linked", linked_user_id=people.user)
    confirmed = decisions.confirm(conn, people.event, [people.alone], people.p, **WHO)
    for each in (decisions.log(conn, people.event)[0], confirmed):
        decisions.undo(conn, people.event, each.id, **WHO)
    assert _row(conn, people.p) == ("pending", None, None, None)
