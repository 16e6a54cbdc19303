"""A change of model: the old pack serves until one transaction puts the other in its place."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.errors import ConsentError, DatabaseError
from memoria_pipeline.store import (
    beside,
    db,
    decisions,
    events,
    faces,
    media,
    persons,
    proposals,
    runs,
    swap,
)
from memoria_pipeline_tests.store.factories import (
    LEFT,
    ORGANISER,
    PACK,
    RIGHT,
    Album,
    a_face,
    an_album,
    analysed,
    faces_of,
    found,
    group,
    one,
)

NEW = "another"
MIDDLE = (0.4, 0.2, 0.1, 0.1)
WHO: dict[str, Any] = {"actor": ORGANISER}
_VECTORS = "select count(*) from memoria.faces_beside"


@pytest.fixture
def album(conn: sa.Connection) -> Album:
    """Two photos; left and right are a person each; a backfill has begun."""
    made = an_album(conn, 2)
    group(conn, made.event, [[f[0] for f in made.faces], [f[1] for f in made.faces]])
    beside.start(conn, made.event, NEW)
    return made


def _look(conn: sa.Connection, photo: UUID, *boxes: tuple[float, float, float, float]) -> None:
    beside.save(conn, [analysed(photo, *(a_face(box) for box in boxes))], NEW)


def _everything(conn: sa.Connection) -> list[Any]:
    query = "select to_jsonb(f)::text from memoria.faces f order by id"
    return list(conn.execute(sa.text(query)).scalars())


def _partitions(conn: sa.Connection, album: Album) -> Any:
    name = "select to_regclass('memoria.' || memoria.beside_name(:e))"
    return one(conn, name, e=album.event)


def test_what_the_other_pack_finds_changes_nothing_while_it_is_beside(
    conn: sa.Connection, album: Album
) -> None:
    before = _everything(conn)
    assert [photo.id for photo in beside.pending(conn, album.event, NEW)] == album.photos
    assert media.pending(conn, album.event, PACK) == []
    _look(conn, album.photos[0], LEFT, RIGHT, MIDDLE)
    _look(conn, album.photos[0], LEFT, MIDDLE)
    assert [photo.id for photo in beside.pending(conn, album.event, NEW)] == album.photos[1:]
    assert _everything(conn) == before
    assert one(conn, _VECTORS) == 2
    assert beside.going(conn, album.event) == NEW
    assert events.get(conn, album.event).face_model == PACK


def test_faces_that_are_known_keep_their_ids_and_what_was_decided_on_them(
    conn: sa.Connection, album: Album
) -> None:
    left, right = album.faces[0]
    decisions.not_a_face(conn, album.event, [right], **WHO)
    seen = beside.fingerprint(conn, album.event, NEW)
    _look(conn, album.photos[0], (0.12, 0.2, 0.2, 0.3), RIGHT, MIDDLE)
    assert beside.fingerprint(conn, album.event, NEW) != seen
    table = beside.load(conn, album.event, NEW, 128)
    assert table.embedding.shape == (3, 128)
    assert table.ids == sorted(table.ids)
    (new,) = set(table.ids) - {left, right}
    at = {face: i for i, face in enumerate(table.ids)}
    assert table.person[at[left]] == persons.current(conn, album.event)[left]
    assert table.verdict[at[right]] == "not_a_face"
    assert (table.person[at[new]], table.verdict[at[new]]) == (None, "")


def test_a_photo_is_looked_at_again_after_its_file_or_its_old_analysis_changed(
    conn: sa.Connection, album: Album
) -> None:
    for photo in album.photos:
        _look(conn, photo, LEFT)
    assert beside.pending(conn, album.event, NEW) == []
    conn.execute(
        sa.text("update memoria.media set analysed_at = now() + interval '1 s' where id = :p"),
        {"p": album.photos[0]},
    )
    assert [photo.id for photo in beside.pending(conn, album.event, NEW)] == album.photos[:1]
    media.register(conn, album.event, [*found("000.jpg"), *found("001.jpg", etag="2")])
    assert [photo.id for photo in beside.pending(conn, album.event, NEW)] == album.photos[:1]
    stale = analysed(album.photos[1], a_face())
    beside.save(conn, [media.Analysed(**{**_fields(stale), "etag": "1"})], NEW)
    assert one(conn, _VECTORS) == 2


def _fields(result: media.Analysed) -> dict[str, Any]:
    return {name: getattr(result, name) for name in result.__slots__}


def test_the_swap_moves_the_event_to_the_other_pack_and_keeps_who_is_who(
    conn: sa.Connection, album: Album
) -> None:
    (a, b), (c, d) = album.faces
    before = persons.current(conn, album.event)
    decisions.confirm(conn, album.event, [b, c], before[a], twice=True, **WHO)
    _look(conn, album.photos[0], LEFT, MIDDLE)  # b, which a human decided on, is not found
    with pytest.raises(DatabaseError, match="1 photos to look at"):
        swap.swap(conn, album.event)
    _look(conn, album.photos[1], LEFT)  # d, which nobody decided on, is not found
    swap.swap(conn, album.event)
    assert events.get(conn, album.event).face_model == NEW
    assert (media.pending(conn, album.event, NEW), beside.going(conn, album.event)) == ([], None)
    who = persons.current(conn, album.event)
    assert {face: who[face] for face in (a, b, c)} == dict.fromkeys((a, b, c), before[a])
    assert d not in faces_of(conn, album.photos[1])
    table = faces.load(conn, album.event, NEW)
    assert {a, c} < set(table.ids)
    assert len(table.ids) == 3
    assert one(conn, "select lost from memoria.faces where id = :b", b=b) is True
    assert one(conn, "select sum(faces_found) from memoria.media") == 3
    assert _partitions(conn, album) is None
    with pytest.raises(DatabaseError, match="not on its way"):
        swap.swap(conn, album.event)


def test_a_photo_that_the_other_pack_cannot_read_keeps_its_faces_and_is_tried_again(
    conn: sa.Connection, album: Album
) -> None:
    _look(conn, album.photos[0], LEFT, RIGHT)
    for _ in range(3):
        assert [photo.id for photo in beside.pending(conn, album.event, NEW)] == album.photos[1:]
        beside.save_failure(conn, album.photos[1], "unreadable", "why", NEW)
    assert beside.pending(conn, album.event, NEW) == []
    swap.swap(conn, album.event)
    assert faces_of(conn, album.photos[1]) == album.faces[1]
    assert [photo.id for photo in media.pending(conn, album.event, NEW)] == album.photos[1:]


def test_what_it_found_in_photos_that_failed_or_went_since_is_not_grouped_nor_swapped_in(
    conn: sa.Connection, album: Album
) -> None:
    for photo in album.photos:
        _look(conn, photo, LEFT, RIGHT, MIDDLE)
    assert len(beside.load(conn, album.event, NEW).ids) == 6
    seen = beside.fingerprint(conn, album.event, NEW)
    media.save_failure(conn, album.photos[0], "not_an_image", "why")
    assert len(beside.load(conn, album.event, NEW).ids) == 3
    assert beside.fingerprint(conn, album.event, NEW) != seen
    media.register(conn, album.event, found("000.jpg"))  # the other one is missing
    assert beside.load(conn, album.event, NEW).ids == []
    swap.swap(conn, album.event)
    assert faces_of(conn, album.photos[0]) == []
    assert faces_of(conn, album.photos[1]) == []
    assert one(conn, "select count(*) from memoria.faces") == 0


def test_a_run_leads_nobody_on_who_has_faces_in_a_photo_that_was_missing_during_the_move(
    conn: sa.Connection, album: Album
) -> None:
    (a, b), (_, d) = album.faces
    left, right = (persons.current(conn, album.event)[face] for face in (a, b))
    _look(conn, album.photos[0], LEFT, RIGHT)
    # as another application says it: with our own listing its faces would have gone
    gone = sa.text("update memoria.media set status = 'missing' where id = :id")
    conn.execute(gone, {"id": album.photos[1]})
    swap.swap(conn, album.event)
    group(conn, album.event, [[a, b]], [left], redirects={right: left}, model=NEW)
    who = persons.current(conn, album.event)
    assert (who[a], who[b], who[d]) == (left, left, right)
    assert {one.id for one in persons.live(conn, album.event)} == {left, right}
    media.register(conn, album.event, found("000.jpg", "001.jpg"))  # it is back
    media.save_analysis(conn, [analysed(album.photos[1], a_face(LEFT), a_face(RIGHT))], NEW)
    group(conn, album.event, [[a, b, d]], [left], redirects={right: left}, model=NEW)
    assert persons.current(conn, album.event)[d] == left
    assert [one.id for one in persons.live(conn, album.event)] == [left]


def test_what_it_found_before_the_old_pack_looked_again_is_not_grouped(
    conn: sa.Connection, album: Album
) -> None:
    for photo in album.photos:
        _look(conn, photo, LEFT)
    conn.execute(
        sa.text("update memoria.media set analysed_at = now() + interval '1 s' where id = :p"),
        {"p": album.photos[0]},
    )
    assert len(beside.load(conn, album.event, NEW).ids) == 1


def test_two_events_are_swapped_at_once_and_neither_waits_for_the_other(
    database: sa.Engine,
) -> None:
    albums = []
    for _ in range(2):
        with db.connect(database) as conn:
            made = an_album(conn, 2)
            beside.start(conn, made.event, NEW)
            for photo in made.photos:
                _look(conn, photo, LEFT, RIGHT)
            albums.append(made)
    with db.connect(database) as first, db.connect(database) as second:
        moves = list(zip((first, second), albums, strict=True))
        for conn, made in moves:
            conn.execute(sa.text("set local lock_timeout = '5s'"))
            assert len(beside.load(conn, made.event, NEW).ids) == 4  # as a grouping does before it
        for conn, made in moves:
            swap.swap(conn, made.event)
    with db.connect(database) as conn:
        assert one(conn, _VECTORS) == 0
        for made in albums:
            assert events.get(conn, made.event).face_model == NEW
            beside.start(conn, made.event, PACK)
            beside.abandon(conn, made.event)
            assert _partitions(conn, made) is None


def test_a_proposal_of_another_model_is_published_with_its_vectors(
    conn: sa.Connection, album: Album
) -> None:
    for photo in album.photos:
        _look(conn, photo, LEFT, RIGHT, MIDDLE)
    table = beside.load(conn, album.event, NEW)
    new = [i for i, face in enumerate(table.ids) if table.person[i] is None]
    old = persons.current(conn, album.event)
    kept = sorted(set(old.values()))
    labels = [
        (face, 2 if i in new else kept.index(old[face]), 0.9, 0.1)
        for i, face in enumerate(table.ids)
    ]
    run = proposals.propose(
        conn,
        album.event,
        model=NEW,
        method="constrained",
        parameters={},
        measures={"impure": 0, "violations": 0},
        fingerprint=runs.fingerprint(conn, album.event, NEW),
        labels=labels,
        persons=[*kept, None],
        diff={"faces_moved": 0},
        kind="model",
    )
    assert proposals.publish(conn, run)
    who = persons.current(conn, album.event)
    assert {face: who[face] for face in old} == old
    assert len({who[table.ids[i]] for i in new}) == 1
    assert one(conn, "select array_agg(distinct model) from memoria.faces") == [NEW]


def test_nothing_is_put_beside_without_consent_or_a_backfill(
    conn: sa.Connection, album: Album
) -> None:
    another = an_album(conn, 1)
    _look(conn, another.photos[0], LEFT)
    assert one(conn, _VECTORS) == 0
    with pytest.raises(DatabaseError, match="has the pack"):
        beside.start(conn, album.event, PACK)
    conn.execute(sa.text("update memoria.events set face_recognition_enabled = false"))
    with pytest.raises(ConsentError):
        beside.start(conn, another.event, NEW)
    with pytest.raises(DBAPIError, match="switched off"):
        _look(conn, album.photos[0], LEFT)


def test_another_model_or_giving_up_leaves_no_vector(conn: sa.Connection, album: Album) -> None:
    _look(conn, album.photos[0], LEFT)
    beside.start(conn, album.event, NEW)
    assert one(conn, _VECTORS) == 1
    beside.start(conn, album.event, "a third")
    assert one(conn, _VECTORS) == 0
    assert beside.going(conn, album.event) == "a third"
    beside.abandon(conn, album.event)
    assert (beside.going(conn, album.event), _partitions(conn, album)) == (None, None)


def test_a_purge_an_archived_event_and_a_deleted_photo_leave_no_vector_of_theirs_beside(
    conn: sa.Connection, album: Album
) -> None:
    user = uuid4()
    decisions.assign(
        conn, album.event, persons.current(conn, album.event)[album.faces[0][0]], user, **WHO
    )
    for photo in album.photos:
        _look(conn, photo, LEFT, RIGHT)
    conn.execute(sa.text("delete from memoria.media where id = :p"), {"p": album.photos[1]})
    assert one(conn, _VECTORS) == 2
    purge = "select memoria.purge_face_data_for_user(:u, :e)"
    assert one(conn, purge, u=user, e=album.event)["faces"] == 1
    assert one(conn, _VECTORS) == 1  # the other person's: nobody has to look again
    assert beside.pending(conn, album.event, NEW) == []
    assert one(conn, "select faces_found from memoria.media_beside") == 1
    _look(conn, album.photos[0], LEFT, RIGHT)
    assert one(conn, _VECTORS) == 1
    conn.execute(sa.text("update memoria.events set status = 'archived'"))
    assert (one(conn, _VECTORS), _partitions(conn, album)) == (0, None)


def test_people_see_nothing_of_what_is_beside(conn: sa.Connection, album: Album) -> None:
    _look(conn, album.photos[0], LEFT)
    partition = one(conn, "select memoria.beside_name(:e)", e=album.event)
    may = "select has_table_privilege(:r, 'memoria.' || :t, 'select')"
    for table in ("faces_beside", "media_beside", "cluster_proposals", "backfills", partition):
        for role in ("authenticated", "anon", "memoria_analyst"):
            assert one(conn, may, r=role, t=table) is False
    assert one(conn, may, r="memoria_service", t=partition) is False
    conn.execute(sa.text("set local role memoria_service"))
    assert one(conn, _VECTORS) == 1
    beside.abandon(conn, album.event)
