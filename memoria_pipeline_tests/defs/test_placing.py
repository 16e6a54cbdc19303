"""A few new faces of a grouped event, on a real database: placed without reading the event."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from memoria_pipeline.defs import grouping
from memoria_pipeline.store import decisions, media, persons, placing, runs
from memoria_pipeline_tests.defs.test_grouping import WHO, Album
from memoria_pipeline_tests.store import factories
from memoria_pipeline_tests.store.plans import planned

OLD = [tuple(range(i, i + 4)) for i in range(12)] * 2


@pytest.fixture
def album(conn: sa.Connection) -> Album:
    """Fifteen guests on 24 photos, grouped."""
    made = Album(conn)
    made.add(*OLD)
    made.group()
    return made


def people(album: Album) -> dict[UUID, UUID]:
    return persons.current(album.conn, album.event)


def everybody_is_read(album: Album) -> None:
    """The last run does not say what placing a few needs."""
    album.conn.execute(sa.text("update memoria.cluster_runs set measures = measures - 'loosest'"))


def fast(album: Album) -> bool:
    """Group; whether that was done without reading the faces of the event."""
    with planned(album.conn) as steps:
        album.group()
    return not any("left join pg_temp.memoria_labels" in step.statement for step in steps)


def test_the_people_are_those_of_a_run_that_reads_everybody(album: Album) -> None:
    new = [face for photo in album.add((0, 3, 20), (20, 7)) for face in photo]
    with album.conn.begin_nested() as beside:
        everybody_is_read(album)
        assert not fast(album)
        whole = people(album)
        beside.rollback()
    assert fast(album)
    now = people(album)
    old = set(whole) - set(new)
    assert {face: whole[face] for face in old} == {face: now[face] for face in old}
    assert [[whole[a] == whole[b] for a in whole] for b in new] == [
        [now[a] == now[b] for a in whole] for b in new
    ]


def test_its_run_says_what_the_event_is_now(album: Album) -> None:
    album.add((0, 1, 21))
    assert fast(album)
    last = runs.last_run(album.conn, album.event)
    assert last is not None
    assert last.kind == "incremental"
    assert last.fingerprint == runs.fingerprint(album.conn, album.event, factories.PACK)
    assert (last.measures["faces"], last.measures["persons"]) == (99, 16)
    assert str(album.group()["run"]).startswith("none")


def test_the_faces_say_how_sure_it_is_and_the_persons_how_many_they_are(album: Album) -> None:
    [[first, stranger]] = album.add((0, 25))
    album.group()
    sure = sa.text("select probability, margin, evidence from memoria.faces where id = :id")
    probability, margin, evidence = album.conn.execute(sure, {"id": first}).one()
    assert probability > 0.9
    assert margin > 0.2
    assert {album.who(face) for face in evidence} == {album.who(first)}
    count = sa.text("select metadata ->> 'face_count' from memoria.face_persons where id = :id")
    counts = [album.conn.scalar(count, {"id": album.who(face)}) for face in (first, stranger)]
    assert counts == ["3", "1"]


def test_persons_who_take_nobody_in_do_not_change(album: Album) -> None:
    versions = sa.text("select id, version from memoria.face_persons")
    before = {row.id: row.version for row in album.conn.execute(versions)}
    [[face]] = album.add((4,))
    album.group()
    after = {row.id: row.version for row in album.conn.execute(versions)}
    assert {one for one in before if before[one] != after[one]} == {album.who(face)}


def test_after_a_decision_everybody_is_looked_at(album: Album) -> None:
    [[face]] = album.add((4,))
    album.group()
    here = album.who(face)
    assert here is not None
    decisions.confirm(album.conn, album.event, [face], here, actor=WHO)
    [[another]] = album.add((4,))
    assert not fast(album)
    assert album.who(another) == here
    album.add((5,))
    assert fast(album)


def test_many_new_faces_are_grouped_with_all(album: Album) -> None:
    album.add(*OLD[:4])
    assert not fast(album)


def test_where_faces_went_meanwhile_everybody_is_looked_at(album: Album) -> None:
    album.add((4, 5))
    media.save_analysis(album.conn, [factories.analysed(album.photos[0])], factories.PACK)
    assert not fast(album)
    assert str(album.group()["run"]).startswith("none")


def test_where_a_face_was_changed_by_hand_everybody_is_looked_at(album: Album) -> None:
    album.add((4, 5))
    [one, *_] = people(album)
    weak = sa.text("update memoria.faces set quality_class = 'B' where id = :id")
    album.conn.execute(weak, {"id": one})
    assert not fast(album)
    album.add((6,))
    assert fast(album)


def a_faint_one(album: Album, came: str) -> None:
    """A face that is too poor to be grouped, in the first photo."""
    album.conn.execute(
        sa.text(
            "with photo as (insert into memoria.faces (event_id, media_id, bbox, embedding, model,"
            " quality_class, embedded_at) select event_id, media_id, bbox, embedding, model, 'C',"
            " clock_timestamp() + cast(:came as interval) from memoria.faces limit 1"
            " returning media_id) update memoria.media m set faces_found = m.faces_found + 1"
            " from photo where m.id = photo.media_id"
        ),
        {"came": came},
    )


def test_a_face_that_came_unseen_beside_the_new_ones_is_looked_at_with_all(album: Album) -> None:
    album.add((4, 5))
    a_faint_one(album, "-1 day")
    assert "faces looked at" not in album.group()


def test_faces_too_poor_to_be_grouped_keep_nobody_from_being_placed(album: Album) -> None:
    [[face, _]] = album.add((4, 5))
    a_faint_one(album, "0")
    assert fast(album)
    assert album.who(face) is not None
    last = runs.last_run(album.conn, album.event)
    assert last is not None
    assert last.seen == runs.seen(album.conn, album.event)
    assert last.fingerprint == runs.fingerprint(album.conn, album.event, factories.PACK)
    assert str(album.group()["run"]).startswith("none")
    album.add((6,))
    assert fast(album)


def test_a_run_from_before_changes_were_logged_is_built_on_and_the_next_notes_them(
    album: Album,
) -> None:
    album.conn.execute(sa.text("update memoria.cluster_runs set seen = null"))
    for guest in (4, 5):
        album.add((guest,))
        assert fast(album)
        last = runs.last_run(album.conn, album.event)
        assert last is not None
        assert last.seen == runs.seen(album.conn, album.event)


def test_plots_of_everybody_are_drawn_only_where_everybody_was_looked_at(album: Album) -> None:
    album.add((4,))
    told = album.group()
    assert "faces looked at" in told
    assert not grouping.pictured(told)
    album.add(*OLD[:4])
    assert grouping.pictured(album.group())
    assert not grouping.pictured(album.group())


def test_nothing_is_new_of_an_event_that_is_placed(album: Album) -> None:
    last = runs.last_run(album.conn, album.event)
    assert last is not None
    assert placing.new(album.conn, last, 12) is None
