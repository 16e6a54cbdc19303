"""The numbers that expectations are about."""

import sqlalchemy as sa

from memoria_pipeline.store import media, observed
from memoria_pipeline_tests.store.factories import an_album, an_event, photos


def test_a_photo_that_changed_today_is_not_overdue_though_it_came_long_ago(
    conn: sa.Connection,
) -> None:
    event = an_event(conn)
    photos(conn, event, "a.jpg", "b.jpg")
    conn.execute(
        sa.text(
            "update memoria.media set created_at = now() - interval '9 days',"
            " arrived_at = now() - interval '9 days'"
        )
    )
    assert observed.overdue(conn, event, 24)["photos_overdue"] == 2
    assert observed.late(conn, 24, 9) == [event]
    conn.execute(sa.text("update memoria.media set etag = 'changed'"))
    assert observed.overdue(conn, event, 24)["photos_overdue"] == 0
    assert observed.late(conn, 24, 9) == []


def test_an_event_whose_run_never_came_is_overdue_unless_nobody_agreed(
    conn: sa.Connection,
) -> None:
    event = an_event(conn)
    waits = (
        "insert into memoria.uploads (event_id, first_at, last_at, quiet_since, gone, due_at)"
        " select id, ago, ago, ago, true, 'infinity' from memoria.events,"
        " (select now() - interval '2 days' as ago) as long"
    )
    conn.execute(sa.text(waits))
    assert observed.overdue(conn, event, 24)["partition_overdue"] == 1
    assert observed.late(conn, 24, 9) == [event]
    assert observed.overdue(conn, event, 72)["partition_overdue"] == 0
    conn.execute(sa.text("update memoria.events set face_recognition_enabled = false"))
    assert observed.overdue(conn, event, 24)["partition_overdue"] == 0
    assert observed.late(conn, 24, 9) == []


def test_the_photos_of_an_event_are_counted_by_what_became_of_them(conn: sa.Connection) -> None:
    album = an_album(conn, 10)
    gone = sa.text("update memoria.media set status = 'missing' where id = :id")
    conn.execute(gone, {"id": album.photos[0]})
    for photo in album.photos[1:7]:
        media.save_failure(conn, photo, "unreadable", "why")
    weak = sa.text("update memoria.faces set quality_class = 'B' where id = :id")
    conn.execute(weak, {"id": album.faces[9][0]})
    seen = observed.of_photos(conn, album.event)
    assert (seen["failed_share"], seen["coverage"]) == (0.6667, 1)
    assert seen["weak_share"] == 0.05
    assert (seen["faces_miscounted"], seen["embeddings_off_length"]) == (0, 0)


def test_a_face_too_few_and_a_vector_that_is_too_long_are_counted(conn: sa.Connection) -> None:
    album = an_album(conn, 2)
    conn.execute(sa.text("delete from memoria.faces where id = :id"), {"id": album.faces[0][0]})
    longer = (
        "update memoria.faces set embedding = (select array_agg(1.005 * x)"
        " from unnest(embedding::vector::real[]) x)::vector::halfvec(512) where id = :id"
    )
    conn.execute(sa.text(longer), {"id": album.faces[1][0]})
    seen = observed.of_photos(conn, album.event)
    assert (seen["faces_miscounted"], seen["embeddings_off_length"]) == (1, 1)


def test_an_event_without_photos_has_no_shares(conn: sa.Connection) -> None:
    seen = observed.of_photos(conn, an_event(conn))
    assert [seen[name] for name in ("failed_share", "coverage", "weak_share")] == [None] * 3
    assert (seen["faces_miscounted"], seen["embeddings_off_length"]) == (0, 0)
