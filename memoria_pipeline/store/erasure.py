"""Erasing by job: an event's faces, or those of some of its photos. Receipts hold counts only.

One person's erasure is the database's function `purge_face_data_for_user`.
"""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store import events


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

    The photos stay, and are not looked at again. Twice does no harm.
    """
    _wait_no_longer(conn)
    values = {"event": event_id, "photos": list(photos)}
    receipt: dict[str, Any] = conn.execute(_ERASE_PHOTOS, values).scalar_one()
    return receipt


_ERASE_PHOTOS = sa.text(
    "select memoria.erase_faces_of_photos(:event, cast(:photos as uuid[])) as receipt"
)


def _wait_no_longer(conn: sa.Connection) -> None:
    """Somebody who waits with others behind it holds up every event: it is tried again instead."""
    conn.execute(sa.text("set local lock_timeout = '8s'"))
