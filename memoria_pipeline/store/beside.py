"""A change of model beside the old one: what the other pack finds, until the event moves to it.

The old pack goes on serving: it analyses new photos, its faces are the ones that are shown and
decided on. Each photo that it has analysed is then looked at by the other pack as well.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import analysis, events, faces, person_rows
from memoria_pipeline.store.faces import STORED_DIMENSIONS, FaceTable
from memoria_pipeline.store.media import Analysed, PendingPhoto, locked


def start(conn: sa.Connection, event_id: UUID, model: str) -> None:
    """Begin to move the event to the pack `model`, or go on; another move is given up.

    Raises ConsentError where the event is over or its switch is off, DatabaseError where it has
    that pack already.
    """
    events.lock(conn, event_id)
    event = events.require_consent(conn, event_id)
    if event.face_model == model:
        raise DatabaseError(f"Event {event_id} has the pack {model} already.")
    if going(conn, event_id) not in (None, model):
        abandon(conn, event_id)
    conn.execute(sa.text("select memoria.create_beside_partition(:event)"), {"event": event_id})
    conn.execute(_START, {"event": event_id, "model": model})


_START = sa.text(
    "insert into memoria.backfills (event_id, model) values (:event, :model)"
    " on conflict (event_id) do nothing"
)


def going(conn: sa.Connection, event_id: UUID) -> str | None:
    """The pack that the event is on its way to, or None."""
    model: str | None = conn.scalar(
        sa.text("select model from memoria.backfills where event_id = :event"),
        {"event": event_id},
    )
    return model


def abandon(conn: sa.Connection, event_id: UUID) -> None:
    """Give the move up: nothing that the other pack found is left."""
    events.lock(conn, event_id)
    conn.execute(sa.text("select memoria.drop_beside_partition(:event)"), {"event": event_id})


_SEEN = """
    select m.id from memoria.media_beside s
    join memoria.media m on m.event_id = s.event_id and m.id = s.media_id
    where {event} = s.event_id and s.model = {model} and s.error_code is null
        and m.status = 'analysed' and s.seen = m.analysed_at and s.etag is not distinct from m.etag
"""
_FRESH = _SEEN.format(event=":event", model=":model")
"""The photos that the other pack saw as the old one did: what it found in others is of the past."""


def pending(
    conn: sa.Connection, event_id: UUID, model: str, *, max_attempts: int = 3
) -> list[PendingPhoto]:
    """The photos that the other pack has to look at, by key, as `media.pending`.

    They are analysed by the old pack, and not yet by this one, or by both before the old one did so
    again.
    """
    values = {"event": event_id, "model": model, "max_attempts": max_attempts}
    return [PendingPhoto(*row) for row in conn.execute(_PENDING, values)]


_PENDING = sa.text(
    "select m.id, m.storage_key, coalesce(b.attempts, 0), m.etag from memoria.media m"
    " left join memoria.media_beside b on b.event_id = m.event_id and b.media_id = m.id"
    "  and b.model = :model and b.seen = m.analysed_at and b.etag is not distinct from m.etag"
    " where m.event_id = :event and m.status = 'analysed' and m.face_model <> :model"
    " and (b.media_id is null or (b.attempts < :max_attempts"
    "  and b.error_code in ('missing', 'unreadable', 'crashed'))) order by m.storage_key"
)


def unread(conn: sa.Connection, event_id: UUID) -> int:
    """Photos that the other pack could not read: they keep their old faces when the event moves."""
    count = sa.text(
        "select count(*) from memoria.media_beside"
        " where event_id = :event and error_code is not null"
    )
    return int(conn.execute(count, {"event": event_id}).scalar_one())


def save(conn: sa.Connection, results: Sequence[Analysed], model: str) -> None:
    """What the other pack found in some photos of one event, beside what is there.

    Its boxes are matched to the faces that are known, so that those keep their ids. Photos that
    changed or went meanwhile are left out, as is all of it when the event is not on its way there.
    """
    where = locked(conn, {result.media_id: result.etag for result in results})
    on_the_way = {event for event in set(where.values()) if going(conn, event) == model}
    alive = [result for result in results if where.get(result.media_id) in on_the_way]
    photos = [(result.media_id, where[result.media_id], result.faces) for result in alive]
    values: dict[str, Any] = {
        "ids": [result.media_id for result in alive],
        "sha256s": [result.sha256 for result in alive],
        "widths": [result.width for result in alive],
        "heights": [result.height for result in alive],
        "counts": [len(result.faces) for result in alive],
        "seconds": [result.seconds for result in alive],
    }
    conn.execute(_LOOKED, {**values, "model": model})
    conn.execute(_REPLACED, {"events": list(on_the_way), "ids": values["ids"]})
    placed, _ = analysis.place(conn, photos)
    if placed:
        analysis.stage(conn, placed)
        conn.execute(_INSERT, {"model": model})
        conn.execute(sa.text("truncate pg_temp.memoria_new_faces"))


_LOOKED = sa.text(
    "insert into memoria.media_beside as b (event_id, media_id, model, etag, seen, sha256, width,"
    " height, faces_found, seconds) select m.event_id, m.id, :model, m.etag, m.analysed_at,"
    " r.sha256, r.width, r.height, r.faces, r.seconds"
    " from unnest(cast(:ids as uuid[]), cast(:sha256s as text[]), cast(:widths as integer[]),"
    " cast(:heights as integer[]), cast(:counts as integer[]), cast(:seconds as real[]))"
    " as r (id, sha256, width, height, faces, seconds) join memoria.media m on m.id = r.id"
    " on conflict (event_id, media_id) do update set model = excluded.model, etag = excluded.etag,"
    " seen = excluded.seen, sha256 = excluded.sha256, width = excluded.width,"
    " height = excluded.height, faces_found = excluded.faces_found, seconds = excluded.seconds,"
    " attempts = b.attempts + 1, error_code = null, error = null, done_at = now()"
)
_REPLACED = sa.text(
    "delete from memoria.faces_beside where event_id = any (cast(:events as uuid[]))"
    " and media_id = any (cast(:ids as uuid[]))"
)
_INSERT = sa.text(
    "insert into memoria.faces_beside (id, event_id, media_id, face_id, bbox, landmarks, det_score,"
    " quality_score, quality_class, embedding, model) select id, event_id, media_id,"
    " case when known then id end, bbox, landmarks, det_score, quality_score, quality_class,"
    " embedding, :model from pg_temp.memoria_staged_faces"
)


def save_failure(
    conn: sa.Connection,
    media_id: UUID,
    reason: str,
    message: str,
    model: str,
    *,
    etag: str | None = None,
) -> None:
    """A photo that the other pack could not read: it keeps the faces that it has, for now."""
    event_id = locked(conn, {media_id: etag}).get(media_id)
    if event_id is None or going(conn, event_id) != model:
        return
    values = {"id": media_id, "model": model, "reason": reason}
    conn.execute(_FAILED, {**values, "message": message.replace("\0", "")})
    conn.execute(_REPLACED, {"events": [event_id], "ids": [media_id]})


_FAILED = sa.text(
    "insert into memoria.media_beside as b (event_id, media_id, model, etag, seen, error_code,"
    " error) select event_id, id, :model, etag, analysed_at, :reason, :message"
    " from memoria.media where id = :id on conflict (event_id, media_id) do update"
    " set model = excluded.model, etag = excluded.etag, seen = excluded.seen,"
    " error_code = excluded.error_code, error = excluded.error, attempts = b.attempts + 1,"
    " faces_found = null, done_at = now()"
)


def fingerprint(conn: sa.Connection, event_id: UUID, model: str) -> str:
    """As `faces.fingerprint`, of what `load` gives."""
    found = conn.execute(
        sa.text(
            "select count(*) as n, coalesce(sum(hashtextextended("
            " f.id::text || extract(epoch from f.embedded_at)::text, 0)), 0) as total"
            " from memoria.faces_beside f where f.event_id = :event and f.model = :model"
            f" and f.media_id in ({_FRESH})"
        ),
        {"event": event_id, "model": model},
    ).one()
    return f"{model}:{found.n}:{found.total}"


def load(
    conn: sa.Connection, event_id: UUID, model: str, dimensions: int = STORED_DIMENSIONS
) -> FaceTable:
    """What the other pack found so far, as `faces.load`: known faces with their ids and with what
    was decided on them, new ones with the ids that they are going to have.

    Not of photos that went, failed or were analysed anew by the old pack since.
    """
    values = {"event": event_id, "model": model, "d": dimensions, "nobody": faces.NOBODY}
    return faces.table(conn, event_id, _LOAD, values)


_LOAD = f"""
    select b.id, b.media_id, coalesce(f.face_person_id, %(nobody)s),
        coalesce(f.machine_person_id, %(nobody)s), coalesce(b.det_score, 0), b.quality_score,
        b.quality_class,
        coalesce(array_position(array['person', 'ignored', 'not_a_face'], f.verdict), 0),
        coalesce(f.human_touched, false), false, subvector(b.embedding, 1, %(d)s)
    from memoria.faces_beside b
    left join memoria.faces f on f.event_id = %(event)s and f.id = b.face_id
    where b.event_id = %(event)s and b.model = %(model)s
        and b.media_id in ({_SEEN.format(event="%(event)s", model="%(model)s")})
    order by b.id
"""


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
    with person_rows.no_pairwise_loops(conn):
        conn.execute(_ALONE)
        conn.execute(_LOCK, values)
        for statement in (_LOST, _GONE, _KNOWN, _NEW, _PHOTOS, _EVENT):
            conn.execute(statement, values)
        conn.execute(sa.text("select memoria.refresh_person_counts(:event)"), values)
    conn.execute(sa.text("select memoria.drop_beside_partition(:event)"), values)


# Dropping the partition takes this in the end, and two events at once, each with rows of media,
# would wait for one another.
_ALONE = sa.text("lock table memoria.media in access exclusive mode")
_LOCK = sa.text(
    "select from memoria.media where event_id = :event and id in"
    " (select media_id from memoria.media_beside where event_id = :event) order by id for update"
)
_LOST = sa.text(
    "update memoria.faces set lost = true where event_id = :event and human_touched and not lost"
    f" and media_id in ({_FRESH})"
    " and id not in (select id from memoria.faces_beside where event_id = :event)"
)
_GONE = sa.text(
    "delete from memoria.faces where event_id = :event and not human_touched"
    f" and media_id in ({_FRESH})"
    " and id not in (select id from memoria.faces_beside where event_id = :event)"
)
_KNOWN = sa.text(
    "update memoria.faces f set bbox = b.bbox, landmarks = b.landmarks, det_score = b.det_score,"
    " quality_score = b.quality_score, quality_class = b.quality_class, embedding = b.embedding,"
    " model = b.model, lost = false from memoria.faces_beside b"
    " where b.event_id = :event and b.model = :model and f.event_id = :event and f.id = b.id"
    f" and b.media_id in ({_FRESH})"
)
_NEW = sa.text(
    "insert into memoria.faces (id, event_id, media_id, bbox, landmarks, det_score, quality_score,"
    " quality_class, embedding, model) select b.id, b.event_id, b.media_id, b.bbox, b.landmarks,"
    " b.det_score, b.quality_score, b.quality_class, b.embedding, b.model"
    " from memoria.faces_beside b where b.event_id = :event and b.model = :model"
    f" and b.media_id in ({_FRESH}) on conflict do nothing"
)
_PHOTOS = sa.text(
    "update memoria.media m set face_model = b.model, faces_found = b.faces_found,"
    " seconds = b.seconds, analysed_at = clock_timestamp() from memoria.media_beside b"
    " where m.event_id = :event and b.event_id = :event and b.media_id = m.id and b.model = :model"
    f" and m.id in ({_FRESH})"
)
_EVENT = sa.text(
    "update memoria.events set face_model = :model, updated_at = now() where id = :event"
)
