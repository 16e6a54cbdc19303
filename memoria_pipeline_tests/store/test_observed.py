"""The numbers that expectations are about."""

import sqlalchemy as sa

from memoria_pipeline.store import observed
from memoria_pipeline_tests.store.factories import an_event, photos


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
