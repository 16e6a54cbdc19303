"""A change of model beside the old one: what the other pack finds, until the event moves to it.

The old pack goes on serving: it analyses new photos, its faces are the ones that are shown and
decided on. Each photo that it has analysed is then looked at by the other pack as well.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import ConsentError, DatabaseError
from memoria_pipeline.store import analysis, events, faces
from memoria_pipeline.store.faces import STORED_DIMENSIONS, FaceTable
from memoria_pipeline.store.media import Analysed, PendingPhoto, allowed, locked


def start(conn: sa.Connection, event_id: UUID, model: str) -> None:
    """Begin to move the event to the pack `model`, or go on; another move is given up.

    Raises ConsentError where the event is over or its switch is off, DatabaseError where it has
    that pack already.
    """
    events.lock(conn, event_id)
    event = events.require_consent(conn, event_id)
    if event.forgets:
        raise ConsentError(
            f"Event {event_id} forgets whoever did not agree: it keeps the pack that its members"
            " were described by."
        )
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
    "select m.id, m.storage_key, coalesce(b.attempts, 0), m.etag,"
    " (select epoch from memoria.events where id = :event) from memoria.media m"
    " left join memoria.media_beside b on b.event_id = m.event_id and b.media_id = m.id"
    "  and b.model = :model and b.seen = m.analysed_at and b.etag is not distinct from m.etag"
    " where m.event_id = :event and m.status = 'analysed' and m.face_model <> :model"
    " and m.faces_erased_at is null"
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
    changed or went meanwhile are left out, as is all of it when the event is not on its way there,
    and faces of whom was erased.
    """
    where = locked(conn, {result.media_id: result.etag for result in results})
    on_the_way = {event for event in set(where.values()) if going(conn, event) == model}
    alive = [result for result in results if where.get(result.media_id) in on_the_way]
    alive = allowed(conn, alive, where)
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
            " from memoria.faces_beside f"
            " join memoria.media m on m.event_id = :event and m.id = f.media_id"
            "  and m.status = 'analysed'"
            " join memoria.media_beside s on s.event_id = :event and s.media_id = m.id"
            "  and s.seen = m.analysed_at"
            " where f.event_id = :event and f.model = :model"
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


_LOAD = """
    select b.id, b.media_id, coalesce(f.face_person_id, %(nobody)s),
        coalesce(f.machine_person_id, %(nobody)s), coalesce(b.det_score, 0), b.quality_score,
        b.quality_class,
        coalesce(array_position(array['person', 'ignored', 'not_a_face'], f.verdict), 0),
        coalesce(f.human_touched, false), false, subvector(b.embedding, 1, %(d)s)
    from memoria.faces_beside b
    left join memoria.faces f on f.event_id = %(event)s and f.id = b.face_id
    join memoria.media m on m.event_id = %(event)s and m.id = b.media_id and m.status = 'analysed'
    join memoria.media_beside s on s.event_id = %(event)s and s.media_id = m.id
        and s.seen = m.analysed_at
    where b.event_id = %(event)s and b.model = %(model)s
    order by b.id
"""
