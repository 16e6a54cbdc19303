"""Tags that a person sets by hand, and takes away: the pipeline never touches them.

On the caller's own connection: who may do what, row level security says.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa


def add(
    conn: sa.Connection,
    event_id: UUID,
    media: UUID,
    user: UUID,
    *,
    by: UUID,
    bbox: Mapping[str, float] | None = None,
) -> bool:
    """Say that a member is on a photo; False where a tag says so already.

    bbox: x, y, w, h in [0, 1] of the upright photo, or None.
    """
    values: dict[str, Any] = {"event": event_id, "media": media, "user": user, "by": by}
    values["bbox"] = json.dumps(dict(bbox)) if bbox else None
    return bool(conn.execute(_ADD, values).rowcount)


_ADD = sa.text(
    "insert into memoria.media_tags (event_id, media_id, tagged_user_id, tagged_by_user_id,"
    " source, bbox) values (:event, :media, :user, :by, 'manual', cast(:bbox as jsonb))"
    " on conflict (media_id, tagged_user_id) do nothing"
)


def remove(conn: sa.Connection, event_id: UUID, media: UUID, user: UUID) -> bool:
    """Take a member's tag off a photo, whatever it came from; whether there was one that the caller
    may take away."""
    values = {"event": event_id, "media": media, "user": user}
    return bool(conn.execute(_REMOVE, values).rowcount)


_REMOVE = sa.text(
    "delete from memoria.media_tags where event_id = :event and media_id = :media"
    " and tagged_user_id = :user"
)
