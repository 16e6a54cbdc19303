"""Tags by faces follow decisions, in their own transaction; tags by hand nobody else touches."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline.people.decisions import fold
from memoria_pipeline.store import checks, decision_log, decisions, manual_tags, observed, tags
from memoria_pipeline_tests.store.factories import ORGANISER, acting_as, group, one
from memoria_pipeline_tests.store.test_deciding_as_people import join
from memoria_pipeline_tests.store.test_decisions import EACH, WHO, People

Tag = tuple[UUID, UUID, str, UUID | None, Any, UUID]


@pytest.fixture
def people(conn: sa.Connection) -> People:
    made = People(conn)
    join(conn, made.event, "organiser", ORGANISER)
    return made


def _tags(conn: sa.Connection, event: UUID) -> set[Tag]:
    query = sa.text(
        "select media_id, tagged_user_id, source, face_id, bbox::text, tagged_by_user_id"
        " from memoria.media_tags where event_id = :e"
    )
    return {tuple(row) for row in conn.execute(query, {"e": event})}


def _table(name: str) -> sa.TableClause:
    return sa.table(name, schema="memoria")


def _as_after_a_commit(conn: sa.Connection) -> None:
    """What the transaction's decisions let it change is shut again."""
    conn.execute(sa.text("set constraints all immediate"))
    conn.execute(sa.text("set constraints all deferred"))


def _who(conn: sa.Connection, event: UUID) -> set[tuple[UUID, UUID]]:
    return {(photo, user) for photo, user, *_ in _tags(conn, event)}


def test_assigning_a_person_tags_the_member_on_every_photo_of_its_faces(
    conn: sa.Connection, people: People
) -> None:
    with acting_as(conn, ORGANISER):
        decisions.assign(conn, people.event, people.p, people.user, **WHO)
    found = _tags(conn, people.event)
    assert {(t[0], t[1], t[2], t[3], t[5]) for t in found} == {
        (photo, people.user, "face_clustering", face, ORGANISER)
        for photo, face in zip(people.album.photos[:3], people.left, strict=True)
    }
    boxes = "select count(*) from memoria.media_tags t join memoria.faces f on f.id = t.face_id"
    assert one(conn, f"{boxes} where f.bbox = t.bbox and f.event_id = :e", e=people.event) == 3


@pytest.mark.parametrize("kind", EACH)
def test_an_undo_puts_back_the_tags_that_were_there(
    conn: sa.Connection, people: People, kind: str
) -> None:
    second = join(conn, people.event, "organiser")
    decisions.assign(conn, people.event, people.p, people.user, **WHO)
    decisions.assign(conn, people.event, people.r, uuid4(), actor=second)
    manual_tags.add(conn, people.event, people.album.photos[0], people.user, by=second)
    before = _tags(conn, people.event)
    if kind == "merge":
        decisions.unassign(conn, people.event, people.r, **WHO)
        before = _tags(conn, people.event)
    with acting_as(conn, ORGANISER):
        made = EACH[kind](conn, people)
        decisions.undo(conn, people.event, made.id, actor=ORGANISER)
    assert _tags(conn, people.event) == before
    assert tags.sync_event(conn, people.event) == tags.Counts(0, 0, 0)


def test_tags_move_with_a_merge_a_split_and_a_rejection(
    conn: sa.Connection, people: People
) -> None:
    event, photos = people.event, people.album.photos
    decisions.assign(conn, event, people.p, people.user, **WHO)
    decisions.merge(conn, event, people.p, people.r, **WHO)
    assert _who(conn, event) == {(photo, people.user) for photo in photos}
    split = decisions.split(conn, event, people.p, people.left[:1], **WHO)
    assert _who(conn, event) == {(photo, people.user) for photo in photos[1:]}
    assert split.other is not None
    other = uuid4()
    decisions.assign(conn, event, split.other, other, **WHO)
    decisions.reject(conn, event, people.left[1:2], people.p, **WHO)
    wanted = {(photos[0], other), (photos[2], people.user), (photos[3], people.user)}
    assert _who(conn, event) == wanted
    decisions.ignore_faces(conn, event, people.left[2:], **WHO)
    decisions.unassign(conn, event, split.other, **WHO)
    assert _who(conn, event) == {(photos[3], people.user)}


def test_two_faces_of_one_member_in_a_photo_are_one_tag_by_the_better_one(
    conn: sa.Connection, people: People
) -> None:
    better = "update memoria.faces set quality_score = 0.9 where id = :f"
    conn.execute(sa.text(better), {"f": people.right[0]})
    decisions.assign(conn, people.event, people.p, people.user, **WHO)
    made = decisions.assign(conn, people.event, people.q, people.user, **WHO)
    assert len(_tags(conn, people.event)) == 3
    faces = "select face_id from memoria.media_tags where media_id = :m"
    assert one(conn, faces, m=people.album.photos[0]) == people.right[0]
    decisions.undo(conn, people.event, made.id, **WHO)
    assert one(conn, faces, m=people.album.photos[0]) == people.left[0]


def test_a_tag_by_hand_comes_first_and_stays(conn: sa.Connection, people: People) -> None:
    photo = people.album.photos[0]
    manual_tags.add(conn, people.event, photo, people.user, by=people.user)
    made = decisions.assign(conn, people.event, people.p, people.user, **WHO)
    assert len(_tags(conn, people.event)) == 3
    decisions.undo(conn, people.event, made.id, **WHO)
    ((where, who, source, face, _, by),) = _tags(conn, people.event)
    assert (where, who, source, face, by) == (photo, people.user, "manual", None, people.user)


def test_who_is_taken_off_a_photo_stays_off_it_until_tagged_by_hand(
    conn: sa.Connection, people: People
) -> None:
    event, photo = people.event, people.album.photos[0]
    join(conn, event, "guest", people.user)
    made = decisions.assign(conn, event, people.p, people.user, **WHO)
    _as_after_a_commit(conn)
    with acting_as(conn, people.user):
        assert manual_tags.remove(conn, event, photo, people.user)
        assert one(conn, "select count(*) from memoria.media") == 2
    undone = decisions.undo(conn, event, made.id, **WHO)
    decisions.undo(conn, event, undone.id, **WHO)
    decisions.confirm(conn, event, people.left, people.p, **WHO)
    tags.sync_event(conn, event)
    assert observed.of_tags(conn, event)["tags_missing"] == 0
    assert photo not in {where for where, _ in _who(conn, event)}
    with acting_as(conn, ORGANISER):
        manual_tags.add(conn, event, photo, people.user, by=ORGANISER)
    assert one(conn, "select count(*) from memoria.untagged") == 0


def test_a_face_that_a_machine_adds_to_a_member_is_no_tag_until_a_human_confirms_it(
    conn: sa.Connection, people: People
) -> None:
    decisions.assign(conn, people.event, people.p, people.user, **WHO)
    clusters = [[*people.left, people.alone], people.right, [people.alone_too]]
    group(conn, people.event, clusters, [people.p, people.q, people.s])
    assert tags.sync_event(conn, people.event) == tags.Counts(0, 0, 0)
    assert len(_tags(conn, people.event)) == 3
    decisions.confirm(conn, people.event, [people.alone], people.p, **WHO)
    assert len(_tags(conn, people.event)) == 4


def test_a_tag_that_something_else_broke_is_seen_and_mended(
    conn: sa.Connection, people: People
) -> None:
    decisions.assign(conn, people.event, people.p, people.user, **WHO)
    before = _tags(conn, people.event)
    photos = people.album.photos
    for broken in (
        "delete from memoria.media_tags where media_id = :a",
        "update memoria.media_tags set face_id = null, bbox = null where media_id = :b",
        "insert into memoria.media_tags (media_id, tagged_user_id, tagged_by_user_id, source,"
        " face_id) values (:c, gen_random_uuid(), gen_random_uuid(), 'face_clustering', :face)",
    ):
        values = {"a": photos[0], "b": photos[1], "c": photos[3], "face": people.alone}
        conn.execute(sa.text(broken), values)
    seen = observed.of_tags(conn, people.event)
    assert seen == {"tags": 3, "tags_astray": 1, "tags_missing": 1}
    assert tags.sync_event(conn, people.event) == tags.Counts(1, 1, 1)
    assert _tags(conn, people.event) == before
    assert observed.of_tags(conn, people.event)["tags_missing"] == 0


def test_what_another_application_tagged_stays_while_its_person_is_the_member(
    conn: sa.Connection, people: People
) -> None:
    link = "update memoria.face_persons set status = 'linked', linked_user_id = :u where id = :p"
    conn.execute(sa.text(link), {"u": people.user, "p": people.p})
    tag = (
        "insert into memoria.media_tags (media_id, tagged_user_id, tagged_by_user_id, source,"
        " face_id) values (:m, :u, :u, 'face_clustering', :f)"
    )
    values = {"m": people.album.photos[0], "u": people.user, "f": people.left[0]}
    conn.execute(sa.text(tag), values)
    assert tags.sync_event(conn, people.event) == tags.Counts(0, 0, 0)
    decisions.unassign(conn, people.event, people.p, **WHO)
    assert _tags(conn, people.event) == set()


def test_a_purge_takes_along_what_the_review_knows_of_the_user(
    conn: sa.Connection, people: People
) -> None:
    event, photo = people.event, people.album.photos[0]
    join(conn, event, "guest", people.user)
    decisions.assign(conn, event, people.p, people.user, **WHO)
    invite = (
        "insert into memoria.invitations (event_id, person_id, email, token_hash, invited_by,"
        " expires_at) values (:e, :p, 'a@example.org', 'x', :by, now() + interval '1 day')"
    )
    ask = (
        "insert into memoria.questions (event_id, rank, kind, persons) values"
        " (:e, 1, 'name', array[cast(:p as uuid)]), (:e, 2, 'name', array[cast(:q as uuid)])"
    )
    values = {"e": event, "p": people.p, "q": people.q, "by": ORGANISER}
    for statement in (invite, ask):
        conn.execute(sa.text(statement), values)
    _as_after_a_commit(conn)
    with acting_as(conn, people.user):
        manual_tags.remove(conn, event, photo, people.user)
        receipt = one(conn, "select memoria.purge_for_caller(:u, :e)", u=people.user, e=event)
    assert (receipt["persons"], receipt["faces"], receipt["tags"]) == (1, 3, 2)
    for table, left in (("untagged", 0), ("invitations", 0), ("questions", 1), ("media_tags", 0)):
        assert conn.scalar(sa.select(sa.func.count()).select_from(_table(table))) == left


def test_what_a_decision_has_to_do_with_folds_as_it_does_in_the_whole_log(
    conn: sa.Connection, people: People
) -> None:
    for kind in ("confirm", "reject", "merge", "assign", "ignore_others", "split"):
        made = EACH[kind](conn, people)
    decisions.undo(conn, people.event, made.id, **WHO)
    whole = decisions.state(conn, people.event)
    every = [*people.left, *people.right, people.alone, people.alone_too]
    for face in every:
        part = fold(decision_log.about(conn, people.event, [face]))
        assert {f: s for f, s in whole.verdict.items() if f in part.verdict} == part.verdict
        assert part.verdict.get(face) == whole.verdict.get(face)
        assert part.rejected.get(face) == whole.rejected.get(face)
        assert {p: s for p, s in whole.persons.items() if p in part.persons} == part.persons
    assert checks.faces_not_as_decided(conn, people.event) == 0
    untouched = People(conn)
    assert decision_log.about(conn, untouched.event, untouched.left) == []
