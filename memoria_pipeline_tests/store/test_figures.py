"""The figures of operations: what they count, and that nothing of a single event is in them."""

import sqlalchemy as sa

from memoria_pipeline.store import decisions, figures, media, persons
from memoria_pipeline_tests.store.factories import (
    ORGANISER,
    Album,
    an_album,
    an_event,
    group,
    photos,
)


def _at(conn: sa.Connection, name: str, *labels: str) -> float:
    found = [g for g in figures.gauges(conn) if (g.name, *g.labels.values()) == (name, *labels)]
    assert len(found) == 1, (name, labels)
    return found[0].value


def _job(conn: sa.Connection, album: Album, status: str, seconds: float) -> None:
    conn.execute(
        sa.text(
            "insert into memoria.ml_jobs (job_type, event_id, status, created_at, started_at,"
            " completed_at) values ('detect', :event, :status, now() - make_interval(secs => :s),"
            " now(), case when :status in ('completed', 'failed') then now() end)"
        ),
        {"event": album.event, "status": status, "s": seconds},
    )


def test_states_are_there_at_zero_so_that_an_alert_on_one_can_fire(conn: sa.Connection) -> None:
    assert _at(conn, "memoria_jobs", "detect", "failed") == 0
    assert _at(conn, "memoria_photos", "pending") == 0
    assert _at(conn, "memoria_photos_per_second") == 0
    assert _at(conn, "memoria_oldest_pending_seconds", "job") == 0
    assert figures.latencies(conn) == []


def test_jobs_are_counted_by_state_and_the_oldest_that_waits_has_an_age(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 1)
    for status, seconds in (("pending", 90), ("pending", 30), ("failed", 5), ("completed", 3)):
        _job(conn, album, status, seconds)
    assert _at(conn, "memoria_jobs", "detect", "pending") == 2
    assert _at(conn, "memoria_jobs", "detect", "failed") == 1
    assert _at(conn, "memoria_oldest_pending_seconds", "job") == 90


def test_a_completed_job_is_in_the_bucket_of_its_seconds(conn: sa.Connection) -> None:
    album = an_album(conn, 1)
    for seconds in (0.5, 1, 4, 40_000):
        _job(conn, album, "completed", seconds)
    _job(conn, album, "failed", 4)
    (latency,) = figures.latencies(conn)
    assert latency.job_type == "detect"
    assert latency.counts == [2, 0, 1, *[0] * 8, 1]
    assert latency.seconds == 40_005.5


def test_speeds_are_those_of_the_last_minutes(conn: sa.Connection) -> None:
    an_album(conn, 30)
    assert _at(conn, "memoria_photos_per_second") == 0.1
    assert _at(conn, "memoria_faces_per_second") == 0.2
    assert round(_at(conn, "memoria_detection_seconds_per_photo"), 3) == 0.1
    conn.execute(sa.text("update memoria.media set analysed_at = now() - interval '6 min'"))
    assert _at(conn, "memoria_photos_per_second") == 0


def test_failures_are_told_by_reason_and_photos_without_consent_do_not_wait(
    conn: sa.Connection,
) -> None:
    bad, _ = photos(conn, an_event(conn), "a", "b")
    media.save_failure(conn, bad, "broken", "The photo is broken.")
    photos(conn, an_event(conn, consent=False), "c")
    conn.execute(sa.text("update memoria.media set created_at = now() - interval '9 s'"))
    assert _at(conn, "memoria_photo_failures", "broken") == 1
    assert _at(conn, "memoria_photos", "pending") == 2
    assert _at(conn, "memoria_oldest_pending_seconds", "photo") == 9
    assert _at(conn, "memoria_events", "off") == 1
    conn.execute(sa.text("update memoria.events set face_recognition_enabled = false"))
    assert _at(conn, "memoria_oldest_pending_seconds", "photo") == 0


def test_people_await_review_until_a_human_decides_or_the_event_is_over(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 2)
    group(conn, album.event, [[face] for both in album.faces for face in both])
    assert _at(conn, "memoria_people_awaiting_review") == 4
    assert _at(conn, "memoria_groupings", "published") == 1
    face = album.faces[0][0]
    decisions.confirm(
        conn, album.event, [face], persons.current(conn, album.event)[face], actor=ORGANISER
    )
    assert _at(conn, "memoria_people_awaiting_review") == 3
    conn.execute(sa.text("update memoria.events set status = 'archived'"))
    assert _at(conn, "memoria_people_awaiting_review") == 0


def test_uploads_and_callbacks_that_wait_are_counted_by_state(conn: sa.Connection) -> None:
    album = an_album(conn, 1)
    _job(conn, album, "failed", 1)
    for due in ("now", "infinity"):
        conn.execute(
            sa.text(
                "insert into memoria.uploads (event_id, first_at, last_at, quiet_since, due_at)"
                " values (:event, now() - interval '7 s', now(), now(), cast(:due as timestamptz))"
            ),
            {"event": an_event(conn), "due": due},
        )
    conn.execute(
        sa.text(
            "insert into memoria.callbacks (job_id, event_id, payload, dead_at)"
            " select j.id, j.event_id, '{}', d.at from memoria.ml_jobs j,"
            " (values (null), (null), (now())) as d (at)"
        )
    )
    assert _at(conn, "memoria_uploads", "waiting") == 1
    assert _at(conn, "memoria_uploads", "without consent") == 1
    assert _at(conn, "memoria_oldest_pending_seconds", "upload") == 7
    assert _at(conn, "memoria_callbacks", "waiting") == 2
    assert _at(conn, "memoria_callbacks", "dead") == 1


def test_no_label_names_an_event_and_the_service_may_read_them_all(conn: sa.Connection) -> None:
    album = an_album(conn, 2)
    media.save_failure(conn, album.photos[1], "broken", "The photo is broken.")
    _job(conn, album, "failed", 1)
    conn.execute(sa.text("set local role memoria_service"))
    labels = {name for gauge in figures.gauges(conn) for name in gauge.labels}
    assert labels == {"job_type", "state", "reason", "of", "recognition"}
    assert str(album.event) not in str(figures.gauges(conn))
