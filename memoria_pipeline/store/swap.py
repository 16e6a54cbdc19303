"""The end of a change of model: one transaction puts what is beside in the place of what is."""

from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import events, person_rows, tombstones
from memoria_pipeline.store.beside import going, pending


def swap(conn: sa.Connection, event_id: UUID) -> None:
    """The event has the other pack now: its vectors and boxes take the place of the old ones.

    Faces keep their ids, their persons and what was decided on them. Those that the other pack does
    not find go, or are lost where a human touched them. Photos that it could not read keep the old
    faces and are pending; those that are missing or failed stay as they are. Raises DatabaseError
    while photos are to be looked at.
    """
    events.lock(conn, event_id)
    model = going(conn, event_id)
    if model is None:
        raise DatabaseError(f"Event {event_id} is not on its way to another pack.")
    if left := len(pending(conn, event_id, model)):
        raise DatabaseError(
            f"Event {event_id}: {model} has {left} photos to look at; run the backfill first."
        )
    values = {"event": event_id, "model": model}
    tombstones.seen(conn)  # whoever put them beside did, and an erasure takes from there too
    with person_rows.no_pairwise_loops(conn):
        conn.execute(_LOCK, values)
        for statement in (_STALE_FACES, _STALE, _LOST, _GONE, _KNOWN, _NEW, _PHOTOS, _EVENT):
            conn.execute(statement, values)
        conn.execute(sa.text("select memoria.refresh_person_counts(:event)"), values)
    conn.execute(sa.text("select memoria.drop_beside_partition(:event)"), values)


_LOCK = sa.text(
    "select from memoria.media where event_id = :event and id in"
    " (select media_id from memoria.media_beside where event_id = :event) order by id for update"
)
# What `load` leaves out: the old pack looked at these again since, or they are gone.
_STALE_FACES = sa.text(
    "delete from memoria.faces_beside b using memoria.media m, memoria.media_beside s"
    " where b.event_id = :event and m.event_id = :event and s.event_id = :event"
    " and m.id = b.media_id and s.media_id = m.id"
    " and (m.status <> 'analysed' or s.seen is distinct from m.analysed_at)"
)
_STALE = sa.text(
    "delete from memoria.media_beside s using memoria.media m where s.event_id = :event"
    " and m.event_id = :event and m.id = s.media_id"
    " and (m.status <> 'analysed' or s.seen is distinct from m.analysed_at)"
)
_LOST = sa.text(
    "update memoria.faces set lost = true where event_id = :event and human_touched and not lost"
    " and media_id in (select media_id from memoria.media_beside"
    "  where event_id = :event and model = :model and error_code is null)"
    " and id not in (select id from memoria.faces_beside where event_id = :event)"
)
_GONE = sa.text(
    "delete from memoria.faces where event_id = :event and not human_touched"
    " and media_id in (select media_id from memoria.media_beside"
    "  where event_id = :event and model = :model and error_code is null)"
    " and id not in (select id from memoria.faces_beside where event_id = :event)"
)
_KNOWN = sa.text(
    "update memoria.faces f set bbox = b.bbox, landmarks = b.landmarks, det_score = b.det_score,"
    " quality_score = b.quality_score, quality_class = b.quality_class, embedding = b.embedding,"
    " model = b.model, lost = false from memoria.faces_beside b"
    " where b.event_id = :event and b.model = :model and f.event_id = :event and f.id = b.id"
)
_NEW = sa.text(
    "insert into memoria.faces (id, event_id, media_id, bbox, landmarks, det_score, quality_score,"
    " quality_class, embedding, model) select b.id, b.event_id, b.media_id, b.bbox, b.landmarks,"
    " b.det_score, b.quality_score, b.quality_class, b.embedding, b.model"
    " from memoria.faces_beside b where b.event_id = :event and b.model = :model"
    " on conflict do nothing"
)
_PHOTOS = sa.text(
    "update memoria.media m set face_model = b.model, faces_found = b.faces_found,"
    " seconds = b.seconds, analysed_at = clock_timestamp() from memoria.media_beside b"
    " where m.event_id = :event and b.event_id = :event and b.media_id = m.id and b.model = :model"
    " and b.error_code is null and m.status = 'analysed'"
)
_EVENT = sa.text(
    "update memoria.events set face_model = :model, updated_at = now() where id = :event"
)
