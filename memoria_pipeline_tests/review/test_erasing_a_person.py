"""An organiser erases a person on that person's page; others, and the careless, do not."""

from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.store import db
from memoria_pipeline_tests.review.seeded import Seeded

HTML = {"accept": "text/html"}
SURE = {"sure": "yes"}


def count(seeded: Seeded, query: str, **values: object) -> int:
    with db.connect(seeded.engine) as conn:
        return int(conn.execute(sa.text(query), values).scalar_one())


def page_of(seeded: Seeded, person: UUID) -> str:
    return f"/review/{seeded.event}/person/{person}"


def test_an_organiser_erases_somebody_for_good_once_they_said_that_they_are_sure(
    seeded: Seeded,
) -> None:
    organiser, (gone, stays) = seeded.client_of("organiser"), seeded.persons
    faces = "select count(*) from memoria.faces where event_id = :event and face_person_id = :p"
    about = {"event": seeded.event}
    before = count(seeded, faces, p=stays, **about)
    here = page_of(seeded, gone)
    assert "Yes, erase this person" in organiser.get(here, headers=HTML).text
    assert organiser.post(f"{here}/erase", headers=HTML).status_code == 422
    assert count(seeded, faces, p=gone, **about) > 0
    answer = organiser.post(f"{here}/erase", data=SURE, headers=HTML)
    assert answer.status_code == 200
    assert "This person is erased" in answer.text
    assert count(seeded, faces, p=gone, **about) == 0
    assert count(seeded, faces, p=stays, **about) == before > 0
    with db.connect(seeded.engine) as conn:
        query = "select id, source from memoria.erasures where event_id = :event"
        receipt, source = conn.execute(sa.text(query), about).one()
    assert source == "page"
    assert str(receipt) in answer.text
    assert organiser.post(f"{here}/erase", data=SURE, headers=HTML).status_code == 404


def test_nobody_else_erases_a_person_and_nobody_one_of_another_event(seeded: Seeded) -> None:
    ask = "select memoria.erase_for_caller(:event, null, array[cast(:person as uuid)])"
    for role in ("guest", "member", "photographer"):
        answer = seeded.client_of(role).post(
            f"{page_of(seeded, seeded.persons[0])}/erase", data=SURE, headers=HTML
        )
        assert answer.status_code == 403
    values = {"event": seeded.event, "person": uuid4()}
    with db.connect(seeded.engine) as conn, pytest.raises(DBAPIError, match="not in it"):
        conn.execute(sa.text(ask), values)
