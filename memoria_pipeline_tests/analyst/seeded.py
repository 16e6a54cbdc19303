"""An event with all that analysts look at, and with names in it that they may not see."""

from uuid import UUID, uuid4

import sqlalchemy as sa

from memoria_pipeline.people.comparison import compare, similarities
from memoria_pipeline.people.density import Density
from memoria_pipeline.store import comparison, decisions, events, faces, media, persons, standing
from memoria_pipeline_tests.defs.test_grouping import Album
from memoria_pipeline_tests.people.synthetic import THRESHOLDS
from memoria_pipeline_tests.store.factories import ORGANISER, PACK, found

PERSONAL = ("Lovelace", "lovelace", "ada@example.org", str(ORGANISER), "/album")
"""What is in the database, and nowhere that an analyst looks."""


def seed(conn: sa.Connection) -> UUID:
    """The event's id: grouped twice, decided on, compared; with unreadable photos and with jobs."""
    album = Album(conn)
    rename = sa.text("update memoria.events set name = 'Lovelace wedding', code = 'lovelace'")
    conn.execute(rename)
    album.add(*[(i, i + 1, i + 2) for i in range(0, 24, 3)], *[(i, i + 4) for i in range(12)])
    album.group()
    _decide(conn, album.event)
    album.add((1, 25), (2, 26))
    album.group()
    _fail(conn, album)
    _compare(conn, album.event)
    _jobs(conn, album.event)
    return album.event


def _decide(conn: sa.Connection, event: UUID) -> None:
    one, two, three, four, *_ = sorted(set(persons.current(conn, event).values()))
    decisions.assign(conn, event, one, uuid4(), actor=ORGANISER)
    decisions.invite(conn, event, two, "ada@example.org", actor=ORGANISER)
    decisions.merge(conn, event, three, four, actor=ORGANISER)


def _fail(conn: sa.Connection, album: Album) -> None:
    keys = [f"{i:04}.jpg" for i in range(len(album.photos))]
    media.register(conn, album.event, found(*keys, "ada-lovelace-1.jpg", "ada-lovelace-2.jpg"))
    bad = [photo.id for photo in media.pending(conn, album.event, PACK)]
    for photo, reason in zip(bad, ("broken", "unreadable"), strict=True):
        media.save_failure(conn, photo, reason, "The photo of Ada Lovelace cannot be read.")


def _compare(conn: sa.Connection, event_id: UUID) -> None:
    event = events.get(conn, event_id)
    table = faces.load(conn, event_id, event.face_model)
    present = standing.present(conn, event_id, table)
    for fingerprint in ("first", "second"):
        comparison.save(
            conn,
            event_id,
            model=event.face_model,
            fingerprint=fingerprint,
            parameters={},
            tried=compare(present, THRESHOLDS, "constrained", Density()),
            similarities=similarities(present),
        )


def _jobs(conn: sa.Connection, event: UUID) -> None:
    conn.execute(
        sa.text(
            "insert into memoria.ml_jobs (job_type, event_id, status, created_at, started_at,"
            " completed_at, error) select 'detect', :event, s, now() - interval '9 s',"
            " now() - interval '5 s', case when s <> 'pending' then now() end,"
            " case s when 'failed' then 'Three photos cannot be read.' end"
            " from unnest(array['pending', 'completed', 'completed', 'failed']) as s"
        ),
        {"event": event},
    )
