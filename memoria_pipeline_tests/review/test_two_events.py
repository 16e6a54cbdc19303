"""Who organises two events decides in one of them at a time, whatever ids a request mixes."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from memoria_pipeline.review.app import create_app
from memoria_pipeline.review.limits import Limiter
from memoria_pipeline.store import db
from memoria_pipeline_tests.review.calls import Stage, stage
from memoria_pipeline_tests.review.seeded import InProcess, Seeded, parts_for
from memoria_pipeline_tests.store.factories import Album, an_album, group, one
from memoria_pipeline_tests.store.test_deciding_as_people import join

_OWNER = "select face_person_id from memoria.faces where id = :id"


@pytest.fixture(scope="module")
def staged(seeded: Seeded) -> Stage:
    return stage(seeded)


@pytest.fixture(scope="module")
def album(seeded: Seeded) -> Album:
    with db.connect(seeded.engine) as conn:
        made = an_album(conn, 2)
        group(conn, made.event, [[pair[side] for pair in made.faces] for side in (0, 1)])
        join(conn, made.event, "organiser", seeded.users["organiser"])
    return made


@pytest.fixture(scope="module")
def names(staged: Stage, album: Album) -> dict[str, str]:
    """Of the first event what is plain, of the other what ends in _there."""
    with db.connect(staged.seeded.engine) as conn:
        there = one(conn, _OWNER, id=album.faces[0][0])
    ids: dict[str, UUID] = {"event": staged.seeded.event, "person": staged.free}
    ids |= {"face": staged.seeded.faces[0][1], "photo": staged.seeded.photos[0], "new": uuid4()}
    ids |= {"person_there": there, "face_there": album.faces[0][0], "photo_there": album.photos[0]}
    return {name: str(value) for name, value in ids.items()}


API: list[tuple[str, dict[str, Any]]] = [
    ("/person/{person}/merge", {"other_person_id": "{person_there}"}),
    ("/person/{person}/split", {"face_ids": ["{face_there}"]}),
    ("/person/{person}/confirm", {"face_ids": ["{face_there}"]}),
    ("/person/{person}/reject", {"face_ids": ["{face}", "{face_there}"]}),
    ("/event/{event}/not-a-face", {"face_ids": ["{face_there}"]}),
    ("/event/{event}/ignore-faces", {"face_ids": ["{face}", "{face_there}"]}),
    ("/event/{event}/move", {"face_ids": ["{face_there}"], "to_person_id": "{person}"}),
    ("/event/{event}/move", {"face_ids": ["{face}"], "to_person_id": "{person_there}"}),
]
PAGES: list[tuple[str, dict[str, Any]]] = [
    ("/review/{event}/ignore", {"person_ids": ["{person}", "{person_there}"]}),
    ("/review/{event}/merge", {"person_ids": ["{person}", "{person_there}"]}),
    ("/review/{event}/person/{person_there}/assign", {"user_id": "{new}"}),
    ("/review/{event}/person/{person_there}/unassign", {}),
    ("/review/{event}/photo/{photo_there}/ignore-others", {}),
    ("/review/{event}/photo/{photo_there}/tags", {"user_id": "{new}"}),
]


@pytest.mark.parametrize(("path", "body"), [*API, *PAGES])
def test_nothing_is_decided_where_ids_of_two_events_are_mixed(
    staged: Stage, names: dict[str, str], path: str, body: dict[str, Any]
) -> None:
    client = staged.seeded.client_of("organiser")
    given = {
        key: [each.format(**names) for each in value]
        if isinstance(value, list)
        else value.format(**names)
        for key, value in body.items()
    }
    before = staged.run("select count(*) from memoria.decisions")
    sent: dict[str, Any] = {"data": given} if path.startswith("/review") else {"json": given}
    assert client.post(path.format(**names), **sent).status_code in (404, 409)
    assert staged.run("select count(*) from memoria.decisions") == before


def test_an_id_that_is_none_is_told_so(staged: Stage) -> None:
    client = staged.seeded.client_of("organiser")
    assert client.get(f"/review/{staged.seeded.event}/person/none").status_code == 422


def test_nobody_makes_any_number_of_events(seeded: Seeded) -> None:
    parts = parts_for(seeded.engine, seeded.parts.settings.home)
    object.__setattr__(parts, "limiter", Limiter({**parts.limiter.rates, "event": "2/hour"}))
    token = {"authorization": f"Bearer {parts.tokens.make(uuid4(), 600)}"}
    with httpx.Client(
        transport=InProcess(create_app(parts), seeded.portal), base_url="http://memoria.test"
    ) as client:
        made = [client.post("/events", json={"name": "E"}, headers=token) for _ in range(3)]
        page = client.post("/review/new", data={"name": "E"}, headers=token)
    parts.engine.dispose()
    assert [each.status_code for each in [*made, page]] == [201, 201, 429, 429]
