"""Photos of an event, counted by what became of each."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class MediaSummary:
    """An event's photos, counted; those without_faces are some of the analysed ones.

    failed: (storage key, reason code, message), by key.
    """

    total: int
    analysed: int
    without_faces: int
    failed: list[tuple[str, str, str]]
    duplicates: int
    missing: int
    pending: int


def summary(conn: sa.Connection, event_id: UUID) -> MediaSummary:
    """What there is and what became of it."""
    counts = conn.execute(
        sa.text(
            "select status, count(*), count(*) filter (where faces_found = 0)"
            " from memoria.media where event_id = :event group by status"
        ),
        {"event": event_id},
    ).all()
    by_status = {row[0]: row[1] for row in counts}
    return MediaSummary(
        total=sum(by_status.values()) - by_status.get("selfie", 0),
        analysed=by_status.get("analysed", 0),
        without_faces=sum(row[2] for row in counts if row[0] == "analysed"),
        failed=_failed(conn, event_id),
        duplicates=by_status.get("duplicate", 0),
        missing=by_status.get("missing", 0),
        pending=by_status.get("pending", 0),
    )


def _failed(conn: sa.Connection, event_id: UUID) -> list[tuple[str, str, str]]:
    rows = conn.execute(
        sa.text(
            "select storage_key, error_code, coalesce(error, '') from memoria.media"
            " where event_id = :event and status = 'failed' order by storage_key"
        ),
        {"event": event_id},
    )
    return [(row[0], row[1], row[2]) for row in rows]
