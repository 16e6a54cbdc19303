from uuid import uuid4

import numpy as np
import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import copy, faces, media
from memoria_pipeline_tests.store.factories import (
    LEFT,
    PACK,
    RIGHT,
    a_face,
    an_album,
    an_event,
    analysed,
    found,
    group,
    photos,
)


@pytest.mark.parametrize("dimensions", [128, 512])
def test_vectors_come_back_as_they_went_in(conn: sa.Connection, dimensions: int) -> None:
    event = an_event(conn)
    (photo,) = photos(conn, event, "1")
    given = [a_face(LEFT, dimensions), a_face(RIGHT, dimensions)]
    media.save_analysis(conn, [analysed(photo, *given)], PACK)
    table = faces.load(conn, event, PACK, dimensions)
    assert table.embedding.shape == (2, dimensions)
    assert np.linalg.norm(table.embedding, axis=1) == pytest.approx(1, abs=1e-6)
    likeness = table.embedding @ np.array([face.embedding for face in given]).T
    assert sorted(likeness.max(axis=1)) == pytest.approx([1, 1], abs=1e-4)


def test_a_short_vector_is_padded_with_zeros(conn: sa.Connection) -> None:
    event = an_event(conn)
    (photo,) = photos(conn, event, "1")
    media.save_analysis(conn, [analysed(photo, a_face(LEFT, 128))], PACK)
    assert not faces.load(conn, event, PACK).embedding[0, 128:].any()


def test_the_table_says_all_that_grouping_needs_in_the_order_of_the_ids(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 2)
    group(conn, album.event, [album.faces[0][:1]])
    table = faces.load(conn, album.event, PACK)
    assert table.ids == sorted(face for photo in album.faces for face in photo)
    named = {face: table.media_ids[table.media[i]] for i, face in enumerate(table.ids)}
    assert named == {f: p for p, both in zip(album.photos, album.faces, strict=True) for f in both}
    assert table.quality == pytest.approx([0.75] * 4)
    assert table.det_score == pytest.approx([0.9] * 4)
    assert set(table.quality_class) == {"A"}
    assert not table.human_touched.any()
    assert [face for face, who in zip(table.ids, table.person, strict=True) if who] == [
        album.faces[0][0]
    ]


def test_an_event_without_faces_is_an_empty_table(conn: sa.Connection) -> None:
    table = faces.load(conn, an_event(conn), PACK, 128)
    assert (table.ids, table.embedding.shape, table.media.shape) == ([], (0, 128), (0,))


def test_faces_of_another_pack_and_of_missing_photos_are_left_out(conn: sa.Connection) -> None:
    album = an_album(conn, 3)
    media.save_analysis(conn, [analysed(album.photos[0], a_face())], "another")
    media.register(conn, album.event, found("000.jpg", "001.jpg"))
    assert faces.load(conn, album.event, PACK).media_ids == [album.photos[1]]
    assert [face.storage_key for face in faces.located(conn, album.event)] == [
        *["000.jpg"],
        *["001.jpg"] * 2,
    ]


def test_the_fingerprint_changes_when_a_face_comes_goes_or_is_embedded_again(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 2)
    seen = [faces.fingerprint(conn, album.event, PACK)]
    assert faces.fingerprint(conn, album.event, PACK) == seen[0]
    group(conn, album.event, [album.faces[0][:1]])
    assert faces.fingerprint(conn, album.event, PACK) == seen[0]
    for found_faces in (
        [a_face(LEFT), a_face(RIGHT)],
        [a_face(LEFT)],
        [a_face(LEFT), a_face(RIGHT)],
    ):
        media.save_analysis(conn, [analysed(album.photos[0], *found_faces)], PACK)
        seen.append(faces.fingerprint(conn, album.event, PACK))
    assert len(set(seen)) == 4


def test_it_does_not_depend_on_the_time_zone(conn: sa.Connection) -> None:
    album = an_album(conn, 1)
    here = faces.fingerprint(conn, album.event, PACK)
    conn.execute(sa.text("set local timezone = 'Asia/Tokyo'"))
    assert faces.fingerprint(conn, album.event, PACK) == here


def test_boxes_and_landmarks_are_kept_to_a_millionth(conn: sa.Connection) -> None:
    event = an_event(conn)
    (photo,) = photos(conn, event, "1")
    face = a_face((0.25, 0.5, 0.75, 0.5))
    media.save_analysis(conn, [analysed(photo, face)], PACK)
    (kept,) = faces.located(conn, event)
    assert (kept.box, kept.person) == ((0.25, 0.5, 0.75, 0.5), None)
    landmarks = conn.scalar(sa.text("select landmarks from memoria.faces"))
    assert np.array(landmarks) == pytest.approx(face.detection.landmarks, abs=2e-6)


def test_a_null_or_another_width_is_refused_and_not_misread(conn: sa.Connection) -> None:
    for query in ("select null::uuid", "select 'ab'::text", "select gen_random_uuid(), 1"):
        with pytest.raises(DatabaseError, match="another width"):
            copy.copy_out(conn, query, {}, {"id": copy.UUIDS})


def test_uuids_survive_the_journey(conn: sa.Connection) -> None:
    ids = [uuid4() for _ in range(3)]
    rows = copy.copy_out(conn, "select unnest(%(ids)s::uuid[])", {"ids": ids}, {"id": copy.UUIDS})
    assert copy.to_uuids(rows["id"]) == ids
    assert copy.to_uuids(copy.uuids(ids)) == ids


def test_an_id_that_is_there_often_is_made_once() -> None:
    ids = [*[uuid4()] * 2, uuid4()]
    made = copy.to_uuids(copy.uuids(ids))
    assert made == ids
    assert made[0] is made[1]
