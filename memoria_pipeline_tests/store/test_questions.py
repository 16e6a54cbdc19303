"""Questions as rows: asked in batches, open by what stands when they are read."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline.people.forecast import Forecast
from memoria_pipeline.store import decisions, followed, questions
from memoria_pipeline.store.questions import Batch, Made, Open
from memoria_pipeline_tests.defs.test_grouping import Album
from memoria_pipeline_tests.people.synthetic import THRESHOLDS
from memoria_pipeline_tests.store.factories import ORGANISER, one

WHO: Any = {"actor": ORGANISER}


@pytest.fixture
def album(conn: sa.Connection) -> Album:
    """Three guests twice each, one who was seen once; grouped."""
    made = Album(conn)
    made.add((0, 1, 2), (0, 1, 2), (3,))
    made.group()
    return made


def people(album: Album) -> list[UUID]:
    """By how often they were seen."""
    query = (
        "select id from memoria.face_persons where event_id = :event and status <> 'merged'"
        " order by (metadata ->> 'face_count')::integer desc, id"
    )
    return list(album.conn.scalars(sa.text(query), {"event": album.event}))


def faces_of(album: Album, person: UUID) -> list[UUID]:
    query = "select id from memoria.faces where face_person_id = :person order by id"
    return list(album.conn.scalars(sa.text(query), {"person": person}))


def compute(album: Album) -> dict[str, int]:
    batch = questions.ask(album.conn, album.event, THRESHOLDS)
    return questions.save(album.conn, album.event, batch)


def ask(album: Album, *made: Made) -> list[Open]:
    """A batch of one's own; what is open of it."""
    seq = decisions.last_seq(album.conn, album.event)
    questions.save(album.conn, album.event, Batch([*made], Forecast(0.9, {0.95: 1}), 1, seq))
    return is_open(album)


def is_open(album: Album) -> list[Open]:
    return questions.open_(album.conn, album.event)


def question(kind: str, persons: list[UUID], faces: list[UUID]) -> Made:
    return Made(kind, tuple(persons), tuple(faces), 0.5, 1.0, {})


def same(album: Album, *persons: UUID) -> Made:
    return question("same_person", [*persons], [faces_of(album, each)[0] for each in persons])


def test_who_was_seen_more_than_once_is_asked_for_by_name(album: Album) -> None:
    assert compute(album)["name"] == 3
    named = [each for each in is_open(album) if each.kind == "name"]
    assert {each.persons[0] for each in named} == set(people(album)[:3])
    assert all(each.faces[0] in faces_of(album, each.persons[0]) for each in named)


def test_where_99_percent_are_right_nobody_is_asked_whether_all_really_are(album: Album) -> None:
    assert compute(album) == {"name": 3}


def test_people_that_are_published_while_questions_are_computed_are_asked_about_next(
    album: Album,
) -> None:
    batch = questions.ask(album.conn, album.event, THRESHOLDS)
    album.conn.execute(sa.text("update memoria.cluster_runs set published_at = clock_timestamp()"))
    questions.save(album.conn, album.event, batch)
    assert [each.event_id for each in followed.behind(album.conn, 9)] == [album.event]
    compute(album)
    assert followed.behind(album.conn, 9) == []


def test_a_batch_that_was_begun_before_the_one_that_is_there_comes_too_late(album: Album) -> None:
    late = questions.ask(album.conn, album.event, THRESHOLDS)
    compute(album)
    there = is_open(album)
    assert questions.save(album.conn, album.event, late) == {}
    assert is_open(album) == there


def test_a_face_that_is_somebody_elses_by_now_is_not_asked_about_as_the_persons(
    album: Album,
) -> None:
    one, other, third, _ = people(album)
    shown = faces_of(album, other)[0]
    named = question("name", [other], [shown])
    ask(album, same(album, one, other, third), same(album, other, third), named)
    decisions.move(album.conn, album.event, [shown], one, person=other, **WHO)
    [left] = is_open(album)
    assert left.persons == (one, third)


def test_a_face_that_is_gone_is_not_asked_about(album: Album) -> None:
    one, other, third, _ = people(album)
    ask(album, same(album, one, other, third), same(album, other, third))
    gone = sa.text("delete from memoria.faces where id = :id")
    album.conn.execute(gone, {"id": faces_of(album, other)[0]})
    [left] = is_open(album)
    assert left.persons == (one, third)


def test_an_event_without_a_face_has_no_question(conn: sa.Connection) -> None:
    empty = Album(conn)
    assert compute(empty) == {}
    assert is_open(empty) == []
    left = questions.forecast(conn, empty.event)
    assert left
    assert left.total == 0


def test_before_the_first_computation_nothing_is_promised(album: Album) -> None:
    assert questions.forecast(album.conn, album.event) is None
    assert is_open(album) == []


def test_the_forecast_counts_the_names_and_goes_down_with_each_answer(album: Album) -> None:
    compute(album)
    left = questions.forecast(album.conn, album.event)
    assert left
    assert left.total >= 3
    assert set(left.answers) == {"0.95", "0.99"}
    first = next(each for each in is_open(album) if each.kind == "name")
    decided = decisions.assign(album.conn, album.event, first.persons[0], uuid4(), **WHO)
    assert questions.answered(album.conn, first.id, "yes", decided.id)
    after = questions.forecast(album.conn, album.event)
    assert after
    assert (after.total, after.since) == (left.total, 1)


def test_an_answered_question_is_open_again_once_its_decision_is_undone(album: Album) -> None:
    compute(album)
    first = is_open(album)[0]
    decided = decisions.assign(album.conn, album.event, first.persons[0], uuid4(), **WHO)
    questions.answered(album.conn, first.id, "yes", decided.id)
    assert first.id not in [each.id for each in is_open(album)]
    back = decisions.undo(album.conn, album.event, decided.id, actor=ORGANISER)
    assert first.id in [each.id for each in is_open(album)]
    decisions.undo(album.conn, album.event, back.id, actor=ORGANISER)
    assert first.id not in [each.id for each in is_open(album)]


def test_an_undone_answer_of_an_older_batch_is_open_until_the_next_one_asks(album: Album) -> None:
    compute(album)
    first = next(each for each in is_open(album) if each.kind == "name")
    decided = decisions.assign(album.conn, album.event, first.persons[0], uuid4(), **WHO)
    questions.answered(album.conn, first.id, "yes", decided.id)
    compute(album)
    decisions.undo(album.conn, album.event, decided.id, actor=ORGANISER)
    assert first.id in [each.id for each in is_open(album)]
    compute(album)
    again = [each for each in is_open(album) if each.kind == "name"]
    assert [each.id for each in again if each.persons == first.persons] == [first.id]


def test_a_question_that_is_asked_again_keeps_its_id_and_that_it_was_skipped(album: Album) -> None:
    compute(album)
    first, second = is_open(album)[:2]
    assert questions.skipped(album.conn, first.id)
    assert [is_open(album)[0].id, is_open(album)[-1].id] == [second.id, first.id]
    compute(album)
    assert [is_open(album)[0].id, is_open(album)[-1].id] == [second.id, first.id]
    assert is_open(album)[-1].skipped


def test_what_was_answered_while_questions_were_computed_is_not_asked_again(album: Album) -> None:
    compute(album)
    first = next(each for each in is_open(album) if each.kind == "name")
    batch = questions.ask(album.conn, album.event, THRESHOLDS)
    decided = decisions.assign(album.conn, album.event, first.persons[0], uuid4(), **WHO)
    questions.answered(album.conn, first.id, "yes", decided.id)
    questions.save(album.conn, album.event, batch)
    named = [each.persons for each in is_open(album) if each.kind == "name"]
    assert first.persons not in named
    assert one(album.conn, "select answer from memoria.questions where id = :id", id=first.id)


def test_a_page_may_answer_the_batch_before_for_an_hour(album: Album) -> None:
    a, b, c, _ = people(album)
    [old] = ask(album, same(album, a, b))
    [new] = ask(album, same(album, a, c))
    assert [each.id for each in is_open(album)] == [new.id]
    found = questions.get(album.conn, old.id)
    assert found
    assert found[1].persons == (a, b)
    album.conn.execute(
        sa.text("update memoria.questions set asked_at = asked_at - interval '2 hours'")
    )
    ask(album, same(album, a, c))
    assert questions.get(album.conn, old.id) is None


def test_one_person_already_is_no_question(album: Album) -> None:
    a, b, c, d = people(album)
    older = same(album, b, d)
    ask(album, same(album, a, b, c), same(album, b, c))
    decisions.merge(album.conn, album.event, a, b, **WHO)
    [left] = is_open(album)
    assert left.persons == (a, c)
    assert left.faces[1] in faces_of(album, c)
    ask(album, older)
    assert [each.persons for each in is_open(album)] == [(a, d)]  # b leads to a


@pytest.mark.parametrize("first", [True, False])
def test_who_is_ignored_or_gone_is_not_asked_about(album: Album, first: bool) -> None:
    a, b, *_ = people(album)
    ask(album, same(album, a, b))
    decisions.ignore_person(album.conn, album.event, a if first else b, **WHO)
    assert is_open(album) == []


def test_two_members_and_a_rejected_candidate_are_no_question(album: Album) -> None:
    a, b, c, _ = people(album)
    ask(album, same(album, a, b, c))
    decisions.reject(album.conn, album.event, faces_of(album, c), a, **WHO)
    assert [each.persons for each in is_open(album)] == [(a, b)]
    for each in (a, b):
        decisions.assign(album.conn, album.event, each, uuid4(), **WHO)
    assert is_open(album) == []


def test_two_questions_about_the_same_are_kept_as_the_last_one(album: Album) -> None:
    first, second, *_ = people(album)
    twice = [replace(same(album, first, second), detail={"conflict": n}) for n in (1, 2)]
    assert len(ask(album, twice[0])) == 1
    [kept] = ask(album, *twice)
    assert kept.detail == {"conflict": 2}


def test_the_same_pair_is_asked_about_once(album: Album) -> None:
    a, b, *_ = people(album)
    assert len(ask(album, same(album, a, b), same(album, b, a))) == 1


def test_who_has_a_name_is_not_asked_for_it(album: Album) -> None:
    a, b, *_ = people(album)
    ask(album, *[question("name", [each], faces_of(album, each)[:1]) for each in (a, b)])
    decisions.assign(album.conn, album.event, a, uuid4(), **WHO)
    assert [each.persons for each in is_open(album)] == [(b,)]


def test_new_faces_of_a_member_wait_for_a_human(album: Album) -> None:
    a = people(album)[0]
    guest = next(
        i for i in range(3) if album.who(faces_of(album, a)[0]) == a and is_guest(album, i, a)
    )
    decisions.assign(album.conn, album.event, a, uuid4(), **WHO)
    assert "confirm" not in compute(album)
    [[new], [other]] = album.add((guest,), (guest,))
    album.group()
    assert compute(album)["confirm"] == 1
    [asked] = [each for each in is_open(album) if each.kind == "confirm"]
    assert (asked.persons, set(asked.faces)) == ((a,), {new, other})
    decisions.confirm(album.conn, album.event, [new], a, **WHO)
    [asked] = [each for each in is_open(album) if each.kind == "confirm"]
    assert asked.faces == (other,)
    decisions.reject(album.conn, album.event, [other], a, **WHO)
    assert [each for each in is_open(album) if each.kind == "confirm"] == []


def is_guest(album: Album, number: int, person: UUID) -> bool:
    """Whether the person is that guest, who stands at that place in the first photo."""
    query = (
        "select face_person_id from memoria.faces where media_id = :photo"
        " order by (bbox ->> 'x')::float8 offset :place limit 1"
    )
    return bool(one(album.conn, query, photo=album.photos[0], place=number) == person)


def test_a_mirror_is_settled_by_either_answer(album: Album) -> None:
    a, b, *_ = people(album)
    pair = [faces_of(album, each)[0] for each in (a, b)]
    assert len(ask(album, question("twice", [a, b], pair))) == 1
    decisions.reject(album.conn, album.event, [pair[1]], a, **WHO)
    assert is_open(album) == []


def test_a_mixed_person_shows_the_faces_that_are_still_its_own(album: Album) -> None:
    a = people(album)[0]
    ask(album, question("mixed", [a], faces_of(album, a)))
    assert len(is_open(album)[0].faces) == 2
    decisions.split(album.conn, album.event, a, faces_of(album, a)[:1], **WHO)
    assert is_open(album) == []


def test_a_lost_face_that_is_there_again_is_no_question(album: Album) -> None:
    a = people(album)[0]
    face = faces_of(album, a)[0]
    assert ask(album, question("lost", [], [face])) == []
    decisions.confirm(album.conn, album.event, [face], a, **WHO)
    lose = sa.text("update memoria.faces set lost = true where id = :id")
    album.conn.execute(lose, {"id": face})
    assert [each.kind for each in is_open(album)] == ["lost"]


def test_a_contradiction_says_what_it_is_and_which_decisions_it_is_of(album: Album) -> None:
    a, b, *_ = people(album)
    member = uuid4()
    for each in (a, b):
        decisions.assign(album.conn, album.event, each, member, **WHO)
    assert compute(album)["conflict"] == 1
    asked = is_open(album)[0]
    assert asked.kind == "conflict"
    assert asked.detail["conflict"] == "same_member"
    assert len(asked.detail["decisions"]) == 2
    assert set(asked.persons) == {a, b}


def test_questions_about_who_is_gone_are_forgotten(album: Album) -> None:
    a, b, *_ = people(album)
    ask(album, same(album, a, b))
    gone = Made("name", (uuid4(),), (uuid4(),), 1, 0, {})
    assert [each.kind for each in ask(album, gone, same(album, a, b))] == ["same_person"]
    assert one(album.conn, "select count(*) from memoria.questions") == 1
