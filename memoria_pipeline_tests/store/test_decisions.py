"""Decisions in the database: each does what it says, and its undo leaves no trace."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.people.decisions import Decision
from memoria_pipeline.store import checks, db, decisions, media, persons
from memoria_pipeline_tests.store.factories import (
    LEFT,
    ORGANISER,
    PACK,
    RIGHT,
    Album,
    a_face,
    an_album,
    analysed,
    group,
    one,
)

WHO: dict[str, Any] = {"actor": ORGANISER}
Decide = Callable[[sa.Connection, "People"], Decision]


class People:
    """An album of four photos: left and right are a person each, the last photo's are alone."""

    def __init__(self, conn: sa.Connection) -> None:
        self.album: Album = an_album(conn, 4)
        self.event, faces = self.album.event, self.album.faces
        self.left, self.right = [f[0] for f in faces[:3]], [f[1] for f in faces[:3]]
        self.alone, self.alone_too = faces[3]
        group(conn, self.event, [self.left, self.right, [self.alone], [self.alone_too]])
        self.who = persons.current(conn, self.event)
        self.p, self.q = self.who[self.left[0]], self.who[self.right[0]]
        self.r, self.s = self.who[self.alone], self.who[self.alone_too]
        self.user = uuid4()


@pytest.fixture
def people(conn: sa.Connection) -> People:
    return People(conn)


def snapshot(conn: sa.Connection, event: UUID) -> tuple[list[Any], list[Any]]:
    """Every face and person of the event, bar versions and times."""
    faces = conn.execute(
        sa.text(
            "select (to_jsonb(f) - 'embedding')::text from memoria.faces f"
            " where event_id = :e order by id"
        ),
        {"e": event},
    )
    rows = conn.execute(
        sa.text(
            "select (to_jsonb(p) - 'version' - 'updated_at')::text"
            " from memoria.face_persons p where event_id = :e order by id"
        ),
        {"e": event},
    )
    return list(faces.scalars()), list(rows.scalars())


def _row(conn: sa.Connection, person: UUID) -> Any:
    query = sa.text("select * from memoria.face_persons where id = :id")
    return conn.execute(query, {"id": person}).one()


def _link(conn: sa.Connection, person: UUID, user: UUID) -> None:
    """As another application does, which writes no decision."""
    link = "update memoria.face_persons set status = 'linked', linked_user_id = :u where id = :p"
    conn.execute(sa.text(link), {"u": user, "p": person})


def _undo(conn: sa.Connection, people: People, decision: Decision) -> Decision:
    return decisions.undo(conn, people.event, decision.id, **WHO)


EACH: dict[str, Decide] = {
    "confirm": lambda c, o: decisions.confirm(c, o.event, [o.alone], o.p, **WHO),
    "confirm_twice": lambda c, o: decisions.confirm(
        c, o.event, [o.left[0], o.right[0]], o.p, twice=True, **WHO
    ),
    "reject": lambda c, o: decisions.reject(c, o.event, o.left[:1], o.p, **WHO),
    "merge": lambda c, o: decisions.merge(c, o.event, o.p, o.r, **WHO),
    "split": lambda c, o: decisions.split(c, o.event, o.p, o.left[:2], **WHO),
    "move": lambda c, o: decisions.move(c, o.event, o.left[:1], o.q, person=o.p, **WHO),
    "move_all": lambda c, o: decisions.move(c, o.event, [o.alone], o.p, person=o.r, **WHO),
    "ignore_person": lambda c, o: decisions.ignore_person(c, o.event, o.p, **WHO),
    "ignore_faces": lambda c, o: decisions.ignore_faces(c, o.event, [o.alone, o.left[0]], **WHO),
    "ignore_others": lambda c, o: decisions.ignore_others(c, o.event, o.album.photos[3], [], **WHO),
    "not_a_face": lambda c, o: decisions.not_a_face(c, o.event, [o.alone], **WHO),
    "assign": lambda c, o: decisions.assign(c, o.event, o.p, o.user, **WHO),
    "invite": lambda c, o: decisions.invite(c, o.event, o.p, "a@example.org", **WHO),
    "unassign": lambda c, o: decisions.unassign(c, o.event, o.p, **WHO),
}


@pytest.mark.parametrize("kind", EACH)
def test_the_undo_of_each_decision_leaves_everything_as_it_was(
    conn: sa.Connection, people: People, kind: str
) -> None:
    before = snapshot(conn, people.event)
    made = EACH[kind](conn, people)
    after = snapshot(conn, people.event)
    assert after != before
    undone = _undo(conn, people, made)
    assert snapshot(conn, people.event) == before
    _undo(conn, people, undone)
    assert snapshot(conn, people.event)[0] == after[0]
    _undo(conn, people, decisions.log(conn, people.event)[-1])
    assert snapshot(conn, people.event) == before


@pytest.mark.parametrize("first", EACH)
def test_a_decision_undone_after_others_leaves_what_those_alone_would_have_made(
    conn: sa.Connection, people: People, first: str
) -> None:
    others: list[Decide] = [
        lambda c, o: decisions.confirm(c, o.event, [o.alone_too], o.q, **WHO),
        lambda c, o: decisions.reject(c, o.event, o.right[1:2], o.q, **WHO),
    ]
    with conn.begin_nested() as alone:
        for each in others:
            each(conn, people)
        wanted = persons.current(conn, people.event)
        alone.rollback()
    before = snapshot(conn, people.event)
    made = [EACH[first](conn, people), *(each(conn, people) for each in others)]
    _undo(conn, people, made[0])
    assert persons.current(conn, people.event) == wanted
    for later in made[:0:-1]:
        _undo(conn, people, later)
    assert snapshot(conn, people.event) == before


def test_a_confirmed_face_is_pinned_and_what_the_machine_said_stays_on_record(
    conn: sa.Connection, people: People
) -> None:
    made = decisions.confirm(conn, people.event, [people.alone], people.p, **WHO)
    query = "select * from memoria.faces where id = :id"
    face = conn.execute(sa.text(query), {"id": people.alone}).one()
    assert (face.face_person_id, face.machine_person_id) == (people.p, people.r)
    assert (face.verdict, face.human_touched) == ("person", True)
    assert _row(conn, people.p).metadata["face_count"] == 4
    assert _row(conn, people.p).metadata["manual_edits"] == 1
    assert _row(conn, people.p).human_touched
    (logged,) = decisions.log(conn, people.event)
    assert logged == made
    assert decisions.last_seq(conn, people.event) == made.seq


def test_a_rejected_face_is_nobodys_until_a_run_gives_it_to_another(
    conn: sa.Connection, people: People
) -> None:
    face = people.left[0]
    made = decisions.reject(conn, people.event, [face], people.p, **WHO)
    assert set(made.rest) == set(people.left[1:])
    assert face not in persons.current(conn, people.event)
    going_on = [people.p, people.q]
    group(conn, people.event, [people.left, people.right], going_on)
    assert face not in persons.current(conn, people.event)
    group(conn, people.event, [people.left[1:], [*people.right, face]], going_on)
    assert persons.current(conn, people.event)[face] == people.q
    assert checks.faces_not_as_decided(conn, people.event) == 0
    undone = _undo(conn, people, made)
    assert persons.current(conn, people.event)[face] == people.p
    again = _undo(conn, people, undone)
    assert persons.current(conn, people.event)[face] == people.q  # what the run said
    _undo(conn, people, again)
    assert persons.current(conn, people.event)[face] == people.p


def test_the_check_sees_a_face_that_is_not_as_decided(conn: sa.Connection, people: People) -> None:
    decisions.confirm(conn, people.event, [people.alone], people.p, **WHO)
    elsewhere = "update memoria.faces set face_person_id = :q where id = :f"
    conn.execute(sa.text(elsewhere), {"q": people.q, "f": people.alone})
    assert checks.faces_not_as_decided(conn, people.event) == 1


def test_a_merged_person_leads_to_the_one_that_stays_and_brings_its_member_along(
    conn: sa.Connection, people: People
) -> None:
    decisions.assign(conn, people.event, people.q, people.user, **WHO)
    made = decisions.merge(conn, people.event, people.p, people.q, **WHO)
    kept, gone = _row(conn, people.p), _row(conn, people.q)
    assert (kept.status, kept.linked_user_id) == ("linked", people.user)
    assert (gone.status, gone.merged_into_id, gone.linked_user_id) == ("merged", people.p, None)
    who = persons.current(conn, people.event)
    assert {who[face] for face in (*people.left, *people.right)} == {people.p}
    _undo(conn, people, made)
    assert _row(conn, people.q).linked_user_id == people.user
    assert _row(conn, people.p).status == "pending"
    assert persons.current(conn, people.event) == people.who


def test_a_split_makes_a_person_that_its_undo_takes_away(
    conn: sa.Connection, people: People
) -> None:
    made = decisions.split(conn, people.event, people.p, people.left[:1], **WHO)
    assert made.other is not None
    assert persons.current(conn, people.event)[people.left[0]] == made.other
    later = decisions.confirm(conn, people.event, [people.alone], made.other, **WHO)
    _undo(conn, people, made)
    assert persons.current(conn, people.event)[people.alone] == made.other
    _undo(conn, people, later)
    assert one(conn, "select count(*) from memoria.face_persons where id = :p", p=made.other) == 0


def test_everyone_else_in_a_photo_is_ignored_but_members_and_whoever_is_kept(
    conn: sa.Connection, people: People
) -> None:
    decisions.assign(conn, people.event, people.p, people.user, **WHO)
    first, last = people.album.photos[0], people.album.photos[3]
    decisions.ignore_others(conn, people.event, last, [people.alone], **WHO)
    assert _row(conn, people.s).status == "ignored"
    assert _row(conn, people.r).status == "pending"
    decisions.ignore_others(conn, people.event, first, [], **WHO)
    assert _row(conn, people.q).status == "pending"  # whose other faces are elsewhere
    verdicts = "select verdict from memoria.faces where id = :f"
    assert one(conn, verdicts, f=people.right[0]) == "ignored"
    assert one(conn, verdicts, f=people.left[0]) == "person"


def test_a_person_swept_since_is_back_when_a_decision_on_it_counts_again(
    conn: sa.Connection, people: People
) -> None:
    made = decisions.confirm(conn, people.event, [people.left[0]], people.r, **WHO)
    undone = _undo(conn, people, made)
    rest = [people.left, people.right, [people.alone, people.alone_too]]
    group(conn, people.event, rest, [people.p, people.q, people.s])
    assert one(conn, "select count(*) from memoria.face_persons where id = :p", p=people.r) == 0
    _undo(conn, people, undone)
    assert persons.current(conn, people.event)[people.left[0]] == people.r


def test_a_person_that_a_run_merged_is_reached_and_revived(
    conn: sa.Connection, people: People
) -> None:
    made = decisions.confirm(conn, people.event, [people.left[0]], people.r, **WHO)
    undone = _undo(conn, people, made)
    rest = [people.left, people.right, [people.alone, people.alone_too]]
    lead = {people.r: people.s}
    group(conn, people.event, rest, [people.p, people.q, people.s], redirects=lead)
    assert _row(conn, people.r).merged_into_id == people.s
    reached = decisions.confirm(conn, people.event, [people.left[1]], people.r, **WHO)
    assert reached.person == people.s
    _undo(conn, people, undone)
    assert (_row(conn, people.r).status, _row(conn, people.r).merged_into_id) == ("pending", None)
    assert persons.current(conn, people.event)[people.left[0]] == people.r


def test_what_another_application_linked_is_linked_again_after_an_undo(
    conn: sa.Connection, people: People
) -> None:
    _link(conn, people.p, people.user)
    before = snapshot(conn, people.event)[0]
    confirmed = decisions.confirm(conn, people.event, [people.alone], people.p, **WHO)
    assert _row(conn, people.p).linked_user_id == people.user
    unassigned = decisions.unassign(conn, people.event, people.p, **WHO)
    assert _row(conn, people.p).status == "pending"
    _undo(conn, people, unassigned)
    assert _row(conn, people.p).linked_user_id == people.user
    _undo(conn, people, confirmed)
    assert snapshot(conn, people.event)[0] == before
    row = _row(conn, people.p)
    assert (row.status, row.linked_user_id) == ("linked", people.user)


def test_a_lost_face_keeps_its_decision_and_stays_when_that_is_undone(
    conn: sa.Connection, people: People
) -> None:
    photo, face = people.album.photos[3], people.alone
    made = decisions.confirm(conn, people.event, [face], people.p, **WHO)
    media.save_analysis(conn, [analysed(photo, a_face(RIGHT))], PACK)
    assert persons.current(conn, people.event)[face] == people.p
    _undo(conn, people, made)
    assert persons.current(conn, people.event)[face] == people.r
    media.save_analysis(conn, [analysed(photo, a_face(RIGHT))], PACK)
    assert one(conn, "select lost from memoria.faces where id = :f", f=face) is True
    media.save_analysis(conn, [analysed(photo, a_face(LEFT), a_face(RIGHT))], PACK)
    assert one(conn, "select lost from memoria.faces where id = :f", f=face) is False


def test_what_cannot_be_decided_is_refused_and_changes_nothing(
    conn: sa.Connection, people: People
) -> None:
    before = snapshot(conn, people.event)
    refusals: list[tuple[str, Decide]] = [
        ("not there", lambda c, o: decisions.not_a_face(c, o.event, [uuid4()], **WHO)),
        ("not there", lambda c, o: decisions.confirm(c, o.event, [o.alone], uuid4(), **WHO)),
        ("both sides", lambda c, o: decisions.merge(c, o.event, o.p, o.p, **WHO)),
        (
            "in one photo",
            lambda c, o: decisions.confirm(c, o.event, [o.left[0], o.right[0]], o.p, **WHO),
        ),
        ("log", lambda c, o: decisions.undo(c, o.event, uuid4(), **WHO)),
        (
            "changed since",
            lambda c, o: decisions.ignore_person(c, o.event, o.p, expected={o.p: 99}, **WHO),
        ),
    ]
    for why, attempt in refusals:
        with pytest.raises(DecisionError, match=why):
            attempt(conn, people)
    assert snapshot(conn, people.event) == before
    assert decisions.log(conn, people.event) == []


def test_who_decided_why_and_on_which_earlier_decision_is_on_record(
    conn: sa.Connection, people: People
) -> None:
    first = decisions.reject(conn, people.event, [people.alone], people.p, **WHO)
    version = _row(conn, people.p).version
    about: dict[str, Any] = {
        "reason": "a twin",
        "supersedes": first.id,
        "expected": {people.p: version},
    }
    made = decisions.confirm(conn, people.event, [people.alone], people.p, **WHO, **about)
    row = conn.execute(
        sa.text("select * from memoria.decisions where id = :id"), {"id": made.id}
    ).one()
    assert (row.actor_id, row.reason, row.supersedes) == (ORGANISER, "a twin", first.id)
    assert persons.current(conn, people.event)[people.alone] == people.p


def test_an_erased_person_does_not_come_back_with_an_undo(
    conn: sa.Connection, people: People
) -> None:
    decisions.assign(conn, people.event, people.p, people.user, **WHO)
    moved = decisions.move(conn, people.event, [people.alone], people.p, person=people.r, **WHO)
    back = decisions.move(conn, people.event, [people.alone], people.r, person=people.p, **WHO)
    purge = "select memoria.purge_face_data_for_user(:u, :e)"
    assert one(conn, purge, u=people.user, e=people.event)["persons"] == 1
    for each in (back, moved):
        _undo(conn, people, each)
        assert one(conn, "select count(*) from memoria.face_persons where id = :p", p=people.p) == 0
        assert people.alone not in persons.current(conn, people.event) or (
            persons.current(conn, people.event)[people.alone] != people.p
        )
    assert one(conn, _LINKED) == 0


_PURGE = "select memoria.purge_face_data_for_user(:u, :e)"
_LINKED = "select count(*) from memoria.face_persons where linked_user_id is not null"


def _back_and_forth(conn: sa.Connection, people: People, *those: Decision) -> None:
    """Each is undone, and that undone, and that: the erased member is never there."""
    there = "select count(*) from memoria.face_persons where id in ("
    there += "select person_id from memoria.erased_persons)"
    for last in those:
        for _ in range(3):
            last = _undo(conn, people, last)
            assert (one(conn, _LINKED), one(conn, there)) == (0, 0)
            assert checks.faces_not_as_decided(conn, people.event) == 0


def test_an_erased_person_does_not_come_back_with_the_undo_of_an_undo(
    conn: sa.Connection, people: People
) -> None:
    moved = decisions.move(conn, people.event, [people.alone], people.p, person=people.r, **WHO)
    away = decisions.move(conn, people.event, [people.alone], people.s, person=people.p, **WHO)
    assigned = decisions.assign(conn, people.event, people.p, people.user, **WHO)
    ignored = decisions.ignore_others(conn, people.event, people.album.photos[3], **WHO)
    assert one(conn, _PURGE, u=people.user, e=people.event)["persons"] == 1
    _back_and_forth(conn, people, assigned, moved, away, ignored)


def test_a_merge_with_an_erased_person_brings_its_member_to_nobody(
    conn: sa.Connection, people: People
) -> None:
    assigned = decisions.assign(conn, people.event, people.q, people.user, **WHO)
    merged = decisions.merge(conn, people.event, people.p, people.q, **WHO)
    undone = _undo(conn, people, merged)
    assert one(conn, _PURGE, u=people.user, e=people.event)["persons"] == 1
    _back_and_forth(conn, people, assigned)
    _undo(conn, people, undone)  # p is merged with nobody now
    assert (_row(conn, people.p).status, one(conn, _LINKED)) == ("pending", 0)
    assert checks.faces_not_as_decided(conn, people.event) == 0


def test_a_merge_takes_along_whom_a_run_had_led_to_the_person_that_goes(
    conn: sa.Connection, people: People
) -> None:
    ignored = decisions.ignore_faces(conn, people.event, [people.alone], **WHO)
    rest = [people.left, people.right, [people.alone_too]]
    group(conn, people.event, rest, [people.p, people.q, people.s], redirects={people.r: people.q})
    merge = decisions.merge(conn, people.event, people.p, people.q, **WHO)
    undo = _undo(conn, people, merge)
    _undo(conn, people, ignored)
    assert persons.current(conn, people.event)[people.alone] == people.q
    again = _undo(conn, people, undo)
    assert persons.current(conn, people.event)[people.alone] == people.p
    _undo(conn, people, again)
    assert persons.current(conn, people.event)[people.alone] == people.q


def test_a_person_of_whom_a_human_spoke_again_has_the_faces_back_that_a_run_had_led_on(
    conn: sa.Connection, people: People
) -> None:
    spoken = _undo(conn, people, decisions.unassign(conn, people.event, people.r, **WHO))
    ignored = decisions.ignore_faces(conn, people.event, [people.alone], **WHO)
    rest = [people.left, people.right, [people.alone_too]]
    group(conn, people.event, rest, [people.p, people.q, people.s], redirects={people.r: people.q})
    _undo(conn, people, ignored)
    assert persons.current(conn, people.event)[people.alone] == people.q
    again = _undo(conn, people, spoken)
    assert _row(conn, people.r).status == "pending"
    assert persons.current(conn, people.event)[people.alone] == people.r
    _undo(conn, people, again)
    who = people.q if _row(conn, people.r).status == "merged" else people.r
    assert persons.current(conn, people.event)[people.alone] == who


def test_a_person_that_came_back_with_a_decision_that_counts_again_goes_with_it_again(
    conn: sa.Connection, people: People
) -> None:
    undo = _undo(
        conn, people, decisions.reject(conn, people.event, [people.alone], people.p, **WHO)
    )
    rights = [*people.right, people.alone]
    rest = [people.left, rights, [people.alone_too]]
    group(conn, people.event, rest, [people.p, people.q, people.s])
    before = snapshot(conn, people.event)
    assert people.r not in {one.id for one in persons.live(conn, people.event)}
    again = _undo(conn, people, undo)
    assert people.r in {one.id for one in persons.live(conn, people.event)}
    _undo(conn, people, again)
    assert snapshot(conn, people.event) == before


def test_whoever_was_merged_into_an_erased_person_is_there_when_the_merge_counts_again(
    conn: sa.Connection, people: People
) -> None:
    decisions.assign(conn, people.event, people.q, people.user, **WHO)
    undone = _undo(conn, people, decisions.merge(conn, people.event, people.q, people.p, **WHO))
    assert one(conn, _PURGE, u=people.user, e=people.event)["persons"] == 1
    _undo(conn, people, undone)
    assert _row(conn, people.p).status == "pending"
    who = persons.current(conn, people.event)
    assert {who[face] for face in people.left} == {people.p}
    assert checks.faces_not_as_decided(conn, people.event) == 0


def test_two_organisers_at_once_decide_one_after_the_other(database: sa.Engine) -> None:
    with db.connect(database) as conn:
        people = People(conn)
    with ThreadPoolExecutor(1) as pool, database.connect() as waiter:
        pid = one(waiter, "select pg_backend_pid()")
        with db.connect(database) as conn:
            EACH["merge"](conn, people)
            waiting = pool.submit(EACH["ignore_person"], waiter, people)
            while not one(conn, "select cardinality(pg_blocking_pids(:pid))", pid=pid):
                one(conn, "select pg_sleep(0.01)")
        second = waiting.result(30)
        waiter.commit()
        assert set(second.faces) == {*people.left, people.alone}
        assert _row(waiter, people.p).status == "ignored"


@pytest.mark.parametrize("address", ["", "not an e-mail", "a@b", "a\0@b.example", "a@b.exa mple"])
def test_an_invitation_needs_an_address_and_does_not_repeat_it(
    conn: sa.Connection, address: str
) -> None:
    album = an_album(conn)
    group(conn, album.event, [[pair[0] for pair in album.faces]])
    [person] = persons.live(conn, album.event)
    with pytest.raises(DecisionError) as refused:
        decisions.invite(conn, album.event, person.id, address, **WHO)
    assert not address or address not in str(refused.value)
