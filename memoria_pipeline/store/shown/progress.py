"""How far an event is: its photos, its people, the answers that are left."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store import questions


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of what the caller may see. photos: those that are there; analysed: with copies of
    analysed ones. people: without ignored ones; identified: linked to a member.

    right_now: share of the faces expected in the right person; answers_left: share → answers until
    then, None where no question leads there. Both empty until the pipeline has asked its questions.
    """

    photos: int
    analysed: int
    failed: int
    faces: int
    people: int
    identified: int
    invited: int
    ignored: int
    tags: int
    right_now: float | None
    answers_left: Mapping[str, int | None]


def progress(conn: sa.Connection, event_id: UUID) -> Progress:
    """How far the event is, as the caller sees it."""
    photos = conn.execute(_PHOTOS, {"event": event_id}).one()
    people = conn.execute(_PEOPLE, {"event": event_id}).one()
    tags = conn.scalar(_TAGS, {"event": event_id}) or 0
    ahead = questions.forecast(conn, event_id)
    left: list[Any] = [None, {}] if ahead is None else [ahead.right_now, _left(ahead)]
    return Progress(*[*photos, *people, tags, *left])


def _left(ahead: questions.Left) -> dict[str, int | None]:
    """What was promised, less what was answered since."""
    return {
        share: None if many is None else max(many - ahead.since, 0)
        for share, many in ahead.answers.items()
    }


_PHOTOS = sa.text(
    "select count(*), count(*) filter (where status in ('analysed', 'duplicate')),"
    " count(*) filter (where status = 'failed'), coalesce(sum(faces_found), 0)::integer"
    " from memoria.media where event_id = :event and status not in ('missing', 'selfie')"
)
_PEOPLE = sa.text(
    "select count(*) filter (where status not in ('merged', 'ignored')),"
    " count(*) filter (where status = 'linked'), count(*) filter (where status = 'invited'),"
    " count(*) filter (where status = 'ignored')"
    " from memoria.face_persons where event_id = :event"
)
_TAGS = sa.text("select count(*) from memoria.media_tags where event_id = :event")
