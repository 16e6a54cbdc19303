"""Ids and addresses where people or programs wrote them by hand do not keep an erasure open."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from memoria_pipeline.store import decisions, erasure, media, members, once, recount
from memoria_pipeline_tests.store.factories import ORGANISER, an_album, found, group
from memoria_pipeline_tests.store.factories import one as value

EMAIL = "zoe@example.org"


@pytest.fixture
def event(conn: sa.Connection) -> UUID:
    """Zoe is a guest, and one of two people."""
    album = an_album(conn)
    group(conn, album.event, [[f[0] for f in album.faces], [f[1] for f in album.faces]])
    zoe = members.add(conn, album.event, "guest", name="Zoe", email=EMAIL)
    person = value(
        conn,
        "select face_person_id from memoria.faces where id = :face",
        face=album.faces[0][0],
    )
    decisions.assign(conn, album.event, person, zoe, actor=ORGANISER, reason=f"it is {EMAIL}")
    return album.event


def erased(conn: sa.Connection, event: UUID) -> dict[str, int]:
    """Zoe goes; where anything of Zoe is left."""
    zoe = value(conn, "select user_id from memoria.event_members where email = :e", e=EMAIL)
    asked = erasure.request(conn, "person", event, user=zoe)
    erasure.erase_rows(conn, asked)
    about = erasure.subject(conn, asked)
    assert about is not None
    return {name: n for name, n in recount.recount(conn, about, event).items() if n}


def test_a_key_that_a_client_made_of_an_id_goes(conn: sa.Connection, event: UUID) -> None:
    person = value(
        conn,
        "select id from memoria.face_persons where event_id = :event and status = 'linked'",
        event=event,
    )
    once.keep(conn, ORGANISER, f"link-{person}", once.Answer("f", 200, {"done": True}))
    once.keep(conn, ORGANISER, f"invite {EMAIL}", once.Answer("f", 200, {}))
    once.keep(conn, ORGANISER, "somebody else's", once.Answer("f", 200, {"kept": True}))
    assert not erased(conn, event)
    keys = conn.execute(sa.text("select key, body from memoria.idempotency")).all()
    assert [tuple(row) for row in keys] == [("somebody else's", {"kept": True})]


def test_a_file_that_is_named_after_an_address_does_not_keep_the_erasure_open(
    conn: sa.Connection, event: UUID
) -> None:
    names = ["000.jpg", "001.jpg", "002.jpg", f"from {EMAIL}/1.jpg"]
    media.register(conn, event, found(*names))
    assert not erased(conn, event)


def test_an_event_that_is_named_after_an_address_does_not_keep_the_erasure_open(
    conn: sa.Connection, event: UUID
) -> None:
    conn.execute(
        sa.text("update memoria.events set name = :name where id = :id"),
        {"name": f"Party of {EMAIL}", "id": event},
    )
    assert not erased(conn, event)
