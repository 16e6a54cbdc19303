from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import ConsentError, DatabaseError
from memoria_pipeline.store import decisions, media, persons
from memoria_pipeline_tests.store.factories import (
    ORGANISER,
    PACK,
    an_album,
    an_event,
    analysed,
    group,
    one,
)


def _person(conn: sa.Connection, person: UUID) -> Any:
    query = sa.text("select * from memoria.face_persons where id = :id")
    return conn.execute(query, {"id": person}).one()


def _link(conn: sa.Connection, person: UUID) -> None:
    linked = (
        "update memoria.face_persons set status = 'linked', linked_user_id = :user where id = :id"
    )
    conn.execute(sa.text(linked), {"id": person, "user": uuid4()})


def test_a_grouping_makes_persons_with_their_counts_and_their_best_face(
    conn: sa.Connection,
) -> None:
    album = an_album(conn)
    left = [both[0] for both in album.faces]
    run = group(conn, album.event, [left, [album.faces[0][1]]], alone=[album.faces[1][1]])
    who = persons.current(conn, album.event)
    assert len(who) == 4
    assert {who[face] for face in left} == {who[left[0]]}
    person = _person(conn, who[left[0]])
    assert person.metadata == {"face_count": 3, "avg_quality": 0.75, "manual_edits": 0}
    assert (person.representative_face_id, person.cluster_label) == (min(left), 0)
    assert (person.status, person.model) == ("pending", PACK)
    last = persons.last_run(conn, album.event)
    assert last is not None
    assert (last.id, last.status, last.fingerprint) == (run, "published", "as it was")
    assert last.measures == {"silhouette": 0.5, "noise_ratio": 0.1}


def test_nothing_was_grouped_at_first(conn: sa.Connection) -> None:
    event = an_event(conn)
    assert persons.last_run(conn, event) is None
    assert persons.summary(conn, event) == persons.PeopleSummary(0, 0, 0, 0, [])


def test_an_event_whose_photos_show_nobody_can_be_grouped(conn: sa.Connection) -> None:
    event = an_event(conn)
    group(conn, event, [])
    assert persons.current(conn, event) == {}


def test_the_summary_names_the_largest_first(conn: sa.Connection) -> None:
    album = an_album(conn)
    left = [both[0] for both in album.faces]
    group(conn, album.event, [[album.faces[0][1]], left])
    shown = persons.summary(conn, album.event, largest=1)
    assert (shown.people, shown.seen_once, shown.faces, shown.grouped) == (2, 1, 6, 4)
    (largest,) = shown.largest
    best = f"{left.index(min(left)):03}.jpg"  # all are as good, so the first id
    assert (largest.faces, largest.photos, largest.best_photo) == (3, 3, best)


def test_a_person_that_goes_on_keeps_its_id_and_one_without_faces_goes(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 2)
    (a, b), (c, d) = album.faces
    group(conn, album.event, [[a, c], [b, d]])
    first = persons.current(conn, album.event)
    group(conn, album.event, [[a], [b, c, d]], continues=[None, first[b]])
    then = persons.current(conn, album.event)
    assert then[c] == then[b] == first[b]
    assert then[a] not in first.values()
    assert one(conn, "select count(*) from memoria.face_persons") == 2
    assert _person(conn, first[b]).version > 1


def test_the_same_grouping_again_changes_no_person(conn: sa.Connection) -> None:
    album = an_album(conn, 2)
    (a, b), (c, d) = album.faces
    group(conn, album.event, [[a, c], [b, d]])
    first = persons.current(conn, album.event)
    before = [_person(conn, person) for person in sorted(set(first.values()))]
    group(conn, album.event, [[a, c], [b, d]], continues=[first[a], first[b]])
    assert [_person(conn, person) for person in sorted(set(first.values()))] == before


def test_a_face_that_a_human_touched_stays_where_it_is(conn: sa.Connection) -> None:
    album = an_album(conn, 2)
    (a, b), (c, d) = album.faces
    group(conn, album.event, [[a, c], [b, d]])
    first = persons.current(conn, album.event)
    decisions.confirm(conn, album.event, [a], first[a], actor=ORGANISER)
    for clusters in ([[b, c], [a, d]], [[b, c, d]], [[d]]):
        group(conn, album.event, clusters)
        assert persons.current(conn, album.event)[a] == first[a]


def test_a_person_that_a_human_decided_on_only_gets_new_counts(conn: sa.Connection) -> None:
    album = an_album(conn, 2)
    (a, b), (c, d) = album.faces
    group(conn, album.event, [[a], [b, d]])
    person = persons.current(conn, album.event)[a]
    _link(conn, person)
    before = _person(conn, person)
    group(conn, album.event, [[b, d], [c, a]], continues=[None, person])
    after = _person(conn, person)
    assert after.metadata["face_count"] == 2
    same = ("status", "linked_user_id", "cluster_label", "version")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    group(conn, album.event, [[b, d]])
    assert _person(conn, person).metadata["face_count"] == 0


def test_a_pending_person_that_others_were_merged_into_is_not_swept_away(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 1)
    group(conn, album.event, [album.faces[0][:1], album.faces[0][1:]])
    kept, merged = persons.current(conn, album.event).values()
    merge = "update memoria.face_persons set status = 'merged', merged_into_id = :i where id = :id"
    conn.execute(sa.text(merge), {"i": kept, "id": merged})
    group(conn, album.event, [album.faces[0][:1]])
    assert _person(conn, merged).merged_into_id == kept
    with pytest.raises(DatabaseError, match="1 of the persons"):
        group(conn, album.event, [album.faces[0][:1]], continues=[merged])


def test_a_person_of_another_event_or_one_person_twice_is_refused(conn: sa.Connection) -> None:
    album, other = an_album(conn, 1), an_album(conn, 1)
    group(conn, other.event, [other.faces[0][:1]])
    (stranger,) = persons.current(conn, other.event).values()
    with pytest.raises(DatabaseError, match="1 of the persons"):
        group(conn, album.event, [album.faces[0][:1]], continues=[stranger])
    with pytest.raises(DatabaseError, match="two clusters"):
        group(conn, album.event, [[face] for face in album.faces[0]], continues=[stranger] * 2)


def test_faces_of_another_pack_keep_their_person_while_a_backfill_runs(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 2)
    (a, b), (c, d) = album.faces
    group(conn, album.event, [[a, c], [b, d]])
    before = persons.current(conn, album.event)
    media.save_analysis(conn, [analysed(album.photos[0])], "another")
    group(conn, album.event, [[d]], continues=[before[d]])
    assert persons.current(conn, album.event) == {d: before[d]}


def test_the_next_best_face_represents_a_person_when_the_best_goes_with_its_photo(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 2)
    (a, _), (c, _) = album.faces
    group(conn, album.event, [[a, c]])
    conn.execute(sa.text("update memoria.faces set quality_score = 0.9 where id = :a"), {"a": a})
    group(conn, album.event, [[a, c]])
    person = persons.current(conn, album.event)[c]
    assert _person(conn, person).representative_face_id == a
    conn.execute(sa.text("delete from memoria.media where id = :id"), {"id": album.photos[0]})
    assert _person(conn, person).representative_face_id == c


def test_the_counts_of_a_person_follow_when_a_photo_is_deleted(conn: sa.Connection) -> None:
    album = an_album(conn, 2)
    (a, b), (c, _) = album.faces
    group(conn, album.event, [[a, c], [b]])
    who = persons.current(conn, album.event)
    conn.execute(sa.text("delete from memoria.media where id = :id"), {"id": album.photos[0]})
    assert _person(conn, who[c]).metadata["face_count"] == 1
    assert _person(conn, who[b]).metadata == {
        "face_count": 0,
        "avg_quality": None,
        "manual_edits": 0,
    }


@pytest.mark.parametrize("closed", ["status = 'archived'", "face_recognition_enabled = false"])
def test_an_event_that_is_over_or_switched_off_is_not_grouped_and_loses_nobody(
    conn: sa.Connection, closed: str
) -> None:
    album = an_album(conn, 1)
    group(conn, album.event, [album.faces[0][:1]])
    conn.execute(sa.text(f"update memoria.events set {closed}"))  # noqa: S608
    with pytest.raises(ConsentError):
        group(conn, album.event, [])
    assert one(conn, "select count(*) from memoria.face_persons") == 1
