"""No hot query reads a table that grows with the number of events, nor another event's faces."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from memoria_pipeline.store import (
    decisions,
    events,
    faces,
    jobs,
    media,
    observed,
    open_questions,
    people,
    persons,
    placing,
    proposals,
    runs,
    standing,
    uploads,
)
from memoria_pipeline_tests.store.factories import (
    LEFT,
    ORGANISER,
    PACK,
    RIGHT,
    a_face,
    analysed,
)
from memoria_pipeline_tests.store.plans import BIG, World, a_world, planned

Call = Callable[[sa.Connection, World], object]


@pytest.fixture(scope="module")
def world(module_database: sa.Engine) -> World:
    with module_database.begin() as conn:
        return a_world(conn)


@pytest.fixture
def conn(module_database: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction beside the world; rolled back."""
    with module_database.connect() as connection:
        yield connection


def _save_two_faces(conn: sa.Connection, world: World) -> None:
    photo = world.album.photos[0]
    media.save_analysis(conn, [analysed(photo, a_face(LEFT), a_face(RIGHT))], PACK, alike=0.4)


def _confirm(conn: sa.Connection, world: World) -> None:
    face = faces.load(conn, world.album.event, PACK, dimensions=1)
    at = face.person.index(world.persons[0])
    decisions.confirm(conn, world.album.event, [face.ids[at]], world.persons[0], actor=ORGANISER)


def _merge(conn: sa.Connection, world: World) -> None:
    decisions.merge(conn, world.album.event, *world.persons[:2], actor=ORGANISER)


def _place(conn: sa.Connection, world: World) -> None:
    standing.present(conn, world.album.event, faces.load(conn, world.album.event, PACK))


def _group_again(conn: sa.Connection, world: World) -> None:
    of = persons.current(conn, world.album.event)
    number = {person: i for i, person in enumerate(world.persons)}
    runs.save_grouping(
        conn,
        world.album.event,
        model=PACK,
        method="constrained",
        parameters={},
        measures={},
        fingerprint="",
        labels=[(face, number[person], 0.8, 0.3) for face, person in of.items()],
        persons=world.persons,
    )


_NOBODY_S = sa.text(
    "update memoria.faces set face_person_id = null, machine_person_id = null"
    " where event_id = :event and media_id = :photo"
)


def _place_two(conn: sa.Connection, world: World) -> None:
    conn.execute(_NOBODY_S, {"event": world.album.event, "photo": world.album.photos[0]})
    last = runs.last_run(conn, world.album.event)
    assert last is not None
    new = placing.new(conn, last, 12)
    assert new is not None
    said: dict[str, Any] = {"measures": {}, "diff": {}, "evidence": [(), ()]}
    said["persons"] = world.persons[:1]
    told = replace(last, fingerprint=runs.fingerprint(conn, world.album.event, PACK))
    placing.save(conn, told, new, labels=[(face, 0, 0.8, 0.3) for face in new.ids], **said)


HOT: dict[str, Call] = {
    "a few new faces are placed": _place_two,
    "jobs are claimed": lambda conn, _: jobs.claim(conn, 16, batches=4, together=100),
    "jobs whose lease is over are given back": lambda conn, _: jobs.expire(conn),
    "new photos are noticed": lambda conn, _: uploads.notice(conn, uploads.notice(conn, None)),
    "events that are due are decided on": lambda conn, _: uploads.due(conn, burst=100),
    "an event is looked up": lambda conn, world: events.require_consent(conn, world.album.event),
    "photos to analyse are looked up": lambda conn, world: media.pending(
        conn, world.album.event, PACK
    ),
    "photos that are known are looked up": lambda conn, world: media.known_hashes(
        conn, world.album.event, PACK
    ),
    "an analysis is saved": _save_two_faces,
    "what a grouping starts from is read": _place,
    "a grouping is recognised": lambda conn, world: runs.fingerprint(conn, world.album.event, PACK),
    "the last grouping is looked up": lambda conn, world: runs.last_run(conn, world.album.event),
    "a grouping that waits is looked up": lambda conn, world: runs.proposed(
        conn, world.album.event
    ),
    "a grouping that was tried is looked up": lambda conn, world: proposals.tried(
        conn, world.album.event, {}
    ),
    "a grouping is saved": _group_again,
    "the numbers of the photos are read": lambda conn, world: observed.of_photos(
        conn, world.album.event
    ),
    "the numbers of the people are read": lambda conn, world: observed.of_people(
        conn, world.album.event
    ),
    "readiness is read": lambda conn, world: observed.faces_and_photos(conn, world.album.event),
    "the people are counted": lambda conn, world: people.summary(conn, world.album.event),
    "open questions are read": lambda conn, world: open_questions.open_(conn, world.album.event),
    "a face is confirmed": _confirm,
    "two people are merged": _merge,
}
"""All that runs, sensors and organisers do again and again: what is new here is hot as well."""


@pytest.mark.parametrize("what", HOT)
def test_other_events_cost_nothing_when(what: str, conn: sa.Connection, world: World) -> None:
    with planned(conn) as steps:
        HOT[what](conn, world)
    assert steps
    others = world.neighbour.event.hex
    slow = [one for one in steps if one.kind == "Seq Scan" and one.table in BIG]
    astray = [one for one in steps if others in one.table]
    assert not [str(one) for one in slow + astray]


def test_a_plan_that_reads_every_event_is_noticed(conn: sa.Connection, world: World) -> None:
    with planned(conn) as steps:
        conn.execute(sa.text("select count(*) from memoria.media where attempts > 3"))
        conn.execute(sa.text("select count(*) from memoria.faces"))
    assert {one.table for one in steps if one.kind == "Seq Scan"} >= {"media"}
    assert any(world.neighbour.event.hex in one.table for one in steps)
