"""Random histories of decisions: once all are undone, in any order, nothing is left of them."""

from collections.abc import Callable
from random import Random
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.people.decisions import Decision, active
from memoria_pipeline.store import checks, decisions, persons
from memoria_pipeline_tests.store.factories import ORGANISER, Album, an_album, group
from memoria_pipeline_tests.store.test_decisions import snapshot

STEPS = 20


def _grouped(conn: sa.Connection) -> Album:
    album = an_album(conn, 5)
    lefts, rights = [f[0] for f in album.faces], [f[1] for f in album.faces]
    group(conn, album.event, [lefts, rights[:3], rights[3:4], rights[4:]])
    return album


def _moves(conn: sa.Connection, album: Album, random: Random) -> list[Callable[[], Decision]]:
    """One decision of each kind, about faces and persons drawn by chance."""
    event, who = album.event, {"actor": ORGANISER}
    everyone = [face for both in album.faces for face in both]
    faces = random.sample(everyone, random.randint(1, 3))
    p, q = random.choices([one.id for one in persons.live(conn, event)], k=2)
    past: list[UUID] = [one.id for one in decisions.log(conn, event)] or [uuid4()]
    photo = random.choice(album.photos)
    return [
        lambda: decisions.confirm(conn, event, faces, p, twice=True, actor=ORGANISER),
        lambda: decisions.reject(conn, event, faces, p, **who),
        lambda: decisions.merge(conn, event, p, q, **who),
        lambda: decisions.split(conn, event, p, faces, **who),
        lambda: decisions.move(conn, event, faces, p, person=q, actor=ORGANISER),
        lambda: decisions.ignore_person(conn, event, p, **who),
        lambda: decisions.ignore_faces(conn, event, faces, **who),
        lambda: decisions.ignore_others(conn, event, photo, faces, **who),
        lambda: decisions.not_a_face(conn, event, faces, **who),
        lambda: decisions.assign(conn, event, p, uuid4(), **who),
        lambda: decisions.invite(conn, event, p, "a@example.org", **who),
        lambda: decisions.unassign(conn, event, p, **who),
        *[lambda: decisions.undo(conn, event, random.choice(past), actor=ORGANISER)] * 3,
    ]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_was_decided_its_undo_in_any_order_leaves_all_as_it_was(
    conn: sa.Connection, seed: int
) -> None:
    random, album, taken = Random(seed), _grouped(conn), 0
    before = snapshot(conn, album.event)
    for _ in range(STEPS):
        try:
            with conn.begin_nested():
                random.choice(_moves(conn, album, random))()
                taken += 1
        except DecisionError:
            continue
        assert checks.faces_not_as_decided(conn, album.event) == 0
    assert taken > STEPS / 2
    while standing := active(decisions.log(conn, album.event)):
        decisions.undo(conn, album.event, random.choice(standing).id, actor=ORGANISER)
    assert snapshot(conn, album.event) == before
