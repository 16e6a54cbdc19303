"""Erasing by job: an event's faces, or those of some of its photos. Receipts hold counts only.

One person's erasure is the database's function `purge_face_data_for_user`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store import analysis, events


def erase_event(conn: sa.Connection, event_id: UUID) -> dict[str, Any]:
    """Archive the event, which drops its faces at once; the receipt. Twice does no harm.

    Confirmed tags and anonymous counts stay. Work in flight cannot bring a face back: an archived
    event has nowhere to put one.
    """
    _wait_no_longer(conn)
    event = events.lock(conn, event_id)
    faces = conn.execute(_COUNT, {"event": event_id}).scalar_one()
    receipt = {"photos": 0, "faces": faces, "embeddings": faces}
    values = {"event": event_id, "receipt": json.dumps(receipt)}
    if event.status == "active":
        conn.execute(_ARCHIVE, values)
    conn.execute(_RECEIPT, values)
    return receipt


_COUNT = sa.text("select count(*) from memoria.faces where event_id = :event")
_ARCHIVE = sa.text(
    "update memoria.events set status = 'archived', updated_at = now() where id = :event"
)
_RECEIPT = sa.text(
    "insert into memoria.erasures (event_id, scope, status, receipt, completed_at)"
    " values (:event, 'event', 'completed', cast(:receipt as jsonb), now())"
)


def erase_photos(conn: sa.Connection, event_id: UUID, photos: Sequence[UUID]) -> dict[str, Any]:
    """The faces of these photos go, those that humans decided on too; the receipt.

    So do those of their exact copies. The photos stay, and are not looked at again. Twice does no
    harm.
    """
    _wait_no_longer(conn)
    values = {"event": event_id, "photos": list(photos)}
    receipt: dict[str, Any] = conn.execute(_ERASE_PHOTOS, values).scalar_one()
    return receipt


_ERASE_PHOTOS = sa.text(
    "select memoria.erase_faces_of_photos(:event, cast(:photos as uuid[])) as receipt"
)


def spread(conn: sa.Connection, sha256s: Mapping[UUID, str]) -> set[UUID]:
    """Of photos whose bytes are known now, erase those that are copies of erased ones; which.

    Erased bytes may come back under another name, or after the file that had them has gone.
    """
    values = {"ids": list(sha256s), "sha256s": list(sha256s.values())}
    found = {row.id: row.event_id for row in conn.execute(_SPREAD, values)}
    for media_id, event_id in found.items():
        analysis.let_go(conn, media_id, event_id)
    return set(found)


_SPREAD = sa.text(
    "update memoria.media m set faces_erased_at = now(), sha256 = r.sha256"
    " from unnest(cast(:ids as uuid[]), cast(:sha256s as text[])) as r (id, sha256)"
    " where m.id = r.id and exists (select from memoria.media o where o.event_id = m.event_id"
    "  and o.sha256 = r.sha256 and o.faces_erased_at is not null) returning m.id, m.event_id"
)


def _wait_no_longer(conn: sa.Connection) -> None:
    """Somebody who waits with others behind it holds up every event: it is tried again instead."""
    conn.execute(sa.text("set local lock_timeout = '3s'"))
