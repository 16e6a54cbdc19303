"""Automatic runs on a real database: what they place, what they leave, and what waits."""

from dataclasses import replace
from uuid import UUID, uuid4

import numpy as np
import pytest
import sqlalchemy as sa

from memoria_pipeline.defs import grouping
from memoria_pipeline.defs.grouping import How
from memoria_pipeline.store import (
    decisions,
    events,
    faces,
    media,
    persons,
    proposals,
    runs,
    standing,
)
from memoria_pipeline.vision.model import Detection, Face
from memoria_pipeline_tests.bench.histories import History
from memoria_pipeline_tests.people.synthetic import THRESHOLDS
from memoria_pipeline_tests.store import factories

D = 64
HOW = How(THRESHOLDS, churn_limit=0.01)
WHO = uuid4()
_chance = np.random.default_rng(1)
_people = _chance.normal(size=(30, D))
_people /= np.linalg.norm(_people, axis=1, keepdims=True)


def face(guest: int, place: int, noise: float = 0.06) -> Face:
    vector = _people[guest] + noise * _chance.normal(size=D)
    box = (0.02 + 0.2 * place, 0.3, 0.15, 0.2)
    points = np.full((5, 2), 0.5, np.float32)
    vector /= np.linalg.norm(vector)
    return Face(Detection(box, points, 0.9), 0.8, "A", vector.astype(np.float32))


class Album:
    """An event whose photos show guests by number, from left to right."""

    def __init__(self, conn: sa.Connection) -> None:
        self.conn, self.event = conn, factories.an_event(conn)
        self.photos: list[UUID] = []

    def add(self, *photos: tuple[int, ...], noise: float = 0.06) -> list[list[UUID]]:
        """The ids of the faces of each new photo, from left to right."""
        keys = [f"{i:04}.jpg" for i in range(len(self.photos) + len(photos))]
        media.register(self.conn, self.event, factories.found(*keys))
        new = [photo.id for photo in media.pending(self.conn, self.event, factories.PACK)]
        found = [
            factories.analysed(photo, *(face(guest, i, noise) for i, guest in enumerate(guests)))
            for photo, guests in zip(new, photos, strict=True)
        ]
        media.save_analysis(self.conn, found, factories.PACK)
        self.photos += new
        return [factories.faces_of(self.conn, photo) for photo in new]

    def group(self, how: How = HOW, *, force: bool = False) -> dict[str, object]:
        event = events.lock(self.conn, self.event)
        return grouping.update(self.conn, event, how, force=force)

    def who(self, one: UUID) -> UUID | None:
        return persons.current(self.conn, self.event).get(one)


@pytest.fixture
def album(conn: sa.Connection) -> Album:
    return Album(conn)


def test_new_photos_find_the_persons_there_are_and_nobody_else_moves(album: Album) -> None:
    old = album.add((0, 1, 2), (0, 1), (3,))
    assert album.group()["run"] == "full"
    before = persons.current(album.conn, album.event)
    [[first, stranger]] = album.add((0, 9))
    assert album.group()["run"] == "incremental"
    after = persons.current(album.conn, album.event)
    assert {one: after[one] for one in before} == before
    assert after[first] == before[old[0][0]]
    assert after[stranger] not in before.values()


def test_a_run_says_how_sure_it_is_and_which_faces_speak_for_it(album: Album) -> None:
    [[a], [b], [c]] = album.add((0,), (0,), (0,))
    album.group()
    row = album.conn.execute(
        sa.text("select probability, margin, evidence from memoria.faces where id = :id"),
        {"id": a},
    ).one()
    assert row.probability > 0.9
    assert row.margin > 0
    assert set(row.evidence) == {b, c}


def test_measures_of_the_event_are_kept_with_the_run(album: Album) -> None:
    album.add((0, 1), (0, 1), (2, 3))
    album.group()
    run = runs.last_run(album.conn, album.event)
    assert run
    assert run.measures["impure"] == 0
    assert run.measures["quality_a"] == 1
    assert {"silhouette", "noise_ratio", "cohesion", "separation", "violations"} <= set(
        run.measures
    )


def test_what_a_human_decided_outlives_a_grouping_afresh(album: Album) -> None:
    [[a, b], [c, d], [e]] = album.add((0, 1), (0, 1), (0,))
    album.group()
    other = album.who(b)
    assert other
    decisions.move(album.conn, album.event, [e], other, person=album.who(a), actor=WHO)
    told = album.group(force=True)
    assert told["violations"] == 0
    assert str(told["changes"]).endswith("othing you decided changes.")
    assert album.who(e) == other == album.who(d)
    assert album.who(a) == album.who(c) != other


def test_a_face_that_is_not_a_person_does_not_come_back_to_it(album: Album) -> None:
    [[a], [b], [c]] = album.add((0,), (0,), (0,))
    album.group()
    person = album.who(a)
    assert person
    decisions.reject(album.conn, album.event, [c], person, actor=WHO)
    assert album.who(c) is None
    album.group()
    assert album.who(c) not in (None, person)
    album.group(force=True)
    assert album.who(c) not in (None, person)
    assert album.who(a) == album.who(b) == person


def test_an_ignored_stranger_does_not_come_back_as_someone_new(album: Album) -> None:
    [[a]] = album.add((0,))
    album.group()
    person = album.who(a)
    assert person
    decisions.ignore_person(album.conn, album.event, person, actor=WHO)
    [[b]] = album.add((0,))
    album.group()
    album.group(force=True)
    assert album.who(b) == person
    assert persons.summary(album.conn, album.event).people == 0


def test_what_would_move_many_waits_for_the_organiser(album: Album) -> None:
    photos = [(i, i + 1) for i in range(8)]
    album.add(*photos, noise=0.02)
    album.group(How(replace(THRESHOLDS, merge=0.999), 0.01))
    before = persons.current(album.conn, album.event)
    told = album.group()
    assert (told["run"], told["published"]) == ("full", False)
    assert persons.current(album.conn, album.event) == before
    [run] = proposals.waiting(album.conn)
    assert run.diff
    assert run.diff["churn"] > 0.01
    assert proposals.publish(album.conn, run.id)
    assert len(set(persons.current(album.conn, album.event).values())) == 9


def test_a_change_of_settings_is_proposed_once(album: Album) -> None:
    album.add((0, 1), (0, 1))
    album.group(How(replace(THRESHOLDS, merge=0.999), 0.0))
    assert album.group()["published"] is False
    [run] = proposals.waiting(album.conn)
    proposals.hold(album.conn, run.id, "no", turned_down=True)
    assert album.group()["run"] == "none: nothing changed"
    album.add((0,))
    assert album.group()["run"] == "incremental"
    assert proposals.waiting(album.conn) == []


def test_a_proposal_is_not_published_over_a_newer_decision(album: Album) -> None:
    [[a, _], _] = album.add((0, 1), (0, 1))
    album.group(How(replace(THRESHOLDS, merge=0.999), 0.0))
    album.group()
    [run] = proposals.waiting(album.conn)
    decisions.not_a_face(album.conn, album.event, [a], actor=WHO)
    assert not proposals.publish(album.conn, run.id)
    assert runs.get(album.conn, run.id).status == "held"
    assert album.who(a) is None


def test_the_queue_asks_about_a_face_that_is_twice_in_its_photo(album: Album) -> None:
    [[a, b]] = album.add((0, 0))
    album.add((1,), (1,), (2,))
    album.group()
    asked = standing.ask(album.conn, album.event, THRESHOLDS)
    [twice] = [each for each in asked.queue.questions if each.kind == "twice"]
    assert {asked.faces[i] for i in twice.faces} == {a, b}
    person = album.who(b)
    assert person
    decisions.reject(album.conn, album.event, [a], person, actor=WHO)
    again = standing.ask(album.conn, album.event, THRESHOLDS).queue.questions
    assert "twice" not in [each.kind for each in again]


def test_the_queue_names_the_faces_of_a_contradiction(album: Album) -> None:
    [[a], [b]] = album.add((0,), (0,))
    album.group()
    person = album.who(a)
    assert person
    decisions.reject(album.conn, album.event, [b], person, actor=WHO)
    decisions.confirm(album.conn, album.event, [b], person, actor=WHO)
    asked = standing.ask(album.conn, album.event, THRESHOLDS)
    assert asked.queue.questions[0].kind == "conflict"
    assert b in {asked.faces[i] for i in asked.queue.questions[0].faces}
    assert len(asked.conflicts) == 1


def test_an_event_without_faces_can_be_grouped_and_asked_about(album: Album) -> None:
    assert album.group()["faces"] == 0
    assert album.group(force=True)["published"] is True
    assert standing.ask(album.conn, album.event, THRESHOLDS).queue.questions == []
    assert faces.load(album.conn, album.event, factories.PACK).ids == []


@pytest.mark.parametrize("seed", range(6))
def test_decisions_outlive_random_histories(database: sa.Engine, seed: int) -> None:
    history = History(database, seed).run(12)
    assert history.steps == 12
    assert (history.moved, history.astray, history.traces, history.impure) == (0, 0, 0, 0)


def test_two_faces_of_a_photo_whom_a_merge_that_counts_again_made_one_are_parted_by_the_next_run(
    album: Album,
) -> None:
    [[a], [b]] = album.add((0,), (1,))
    album.group()
    one, other = album.who(a), album.who(b)
    assert one
    assert other
    merge = decisions.merge(album.conn, album.event, one, other, actor=WHO)
    undo = decisions.undo(album.conn, album.event, merge.id, actor=WHO)
    [[c, d]] = album.add((0, 1))
    album.group()
    assert (album.who(c), album.who(d)) == (one, other)
    decisions.undo(album.conn, album.event, undo.id, actor=WHO)
    assert (album.who(c), album.who(d)) == (one, one)
    told = album.group()
    assert told["impure"] == 0
    assert {album.who(a), album.who(b)} == {one}
    assert [album.who(c), album.who(d)].count(one) == 1
    assert None not in (album.who(c), album.who(d))


def test_whoever_stands_beside_a_face_that_a_human_confirmed_leaves_its_person(
    album: Album,
) -> None:
    [[a], [b, c]] = album.add((0,), (0, 1))
    album.group()
    person = album.who(a)
    assert person
    assert album.who(b) == person
    decisions.confirm(album.conn, album.event, [c], person, actor=WHO)
    album.group()
    assert (album.who(a), album.who(c)) == (person, person)
    assert album.who(b) not in (None, person)


def test_a_lost_face_is_asked_about_until_a_human_looked_at_it(album: Album) -> None:
    [[a, b], [c]] = album.add((0, 1), (0,))
    album.group()
    person = album.who(a)
    assert person
    decisions.assign(album.conn, album.event, person, uuid4(), actor=WHO)
    again = factories.analysed(album.photos[0], face(1, 1))
    media.save_analysis(album.conn, [again], factories.PACK)
    album.group()
    asked = standing.ask(album.conn, album.event, THRESHOLDS)
    [lost] = [each for each in asked.queue.questions if each.kind == "lost"]
    assert [asked.faces[i] for i in lost.faces] == [a]
    assert (album.who(a), album.who(c)) == (person, person)
    decisions.confirm(album.conn, album.event, [a], person, actor=WHO)
    kinds = [
        each.kind for each in standing.ask(album.conn, album.event, THRESHOLDS).queue.questions
    ]
    assert "lost" not in kinds
    assert album.who(b) != person
