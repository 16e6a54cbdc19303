"""The confirmed tags of an event, as an export takes them."""

from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.export.album import Row


def rows(conn: sa.Connection, event_id: UUID) -> list[Row]:
    """Every tag that a human made or confirmed, of photos that are there."""
    return [_tagged(row) for row in conn.execute(_TAGS, {"event": event_id})]


def _tagged(row: sa.Row[tuple[object, ...]]) -> Row:
    values = dict(row._mapping)
    box = values.pop("bbox")
    found = None if box is None else (box["x"], box["y"], box["w"], box["h"])
    return Row(**values, box=found)


_TAGS = sa.text(
    "select m.id as media, m.storage_key as key, m.width, m.height, t.tagged_user_id as user,"
    " e.display_name as name, t.source, t.bbox, t.face_id as face, t.tagged_by_user_id as by,"
    " t.created_at as at"
    " from memoria.media_tags t"
    " join memoria.media m on m.event_id = t.event_id and m.id = t.media_id"
    " left join memoria.event_members e on e.event_id = t.event_id and e.user_id = t.tagged_user_id"
    " where t.event_id = :event and t.source <> 'suggested' and m.status <> 'missing'"
    " order by m.storage_key, m.id, t.tagged_user_id"
)
