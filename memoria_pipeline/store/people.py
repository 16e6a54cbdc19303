"""An event's people as they are shown: counted, the largest first."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.person_rows import no_pairwise_loops


@dataclass(frozen=True, slots=True)
class LargePerson:
    """A person with many faces, in how many photos; best_photo is the representative face's."""

    id: UUID
    faces: int
    photos: int
    representative_face_id: UUID | None
    best_photo: str | None


@dataclass(frozen=True, slots=True)
class PeopleSummary:
    """An event's people; merged and ignored ones do not count.

    seen_once: those with a single face. faces: all; grouped: those of a person.
    """

    people: int
    seen_once: int
    faces: int
    grouped: int
    largest: list[LargePerson]


def summary(conn: sa.Connection, event_id: UUID, largest: int = 10) -> PeopleSummary:
    """How many people and faces, and the people with the most faces."""
    with no_pairwise_loops(conn):
        people, once, faces, grouped = conn.execute(_COUNTS, {"event": event_id}).one()
        rows = conn.execute(_LARGEST, {"event": event_id, "largest": largest}).all()
    return PeopleSummary(people, once, faces, grouped, [LargePerson(*row) for row in rows])


_COUNTS = sa.text(
    "select count(*) filter (where shown), count(*) filter (where shown and n = 1),"
    " (select count(*) from memoria.faces where event_id = :event),"
    " coalesce(sum(n), 0)::integer"
    " from (select p.status not in ('merged', 'ignored') as shown, count(f.id) as n"
    " from memoria.face_persons p"
    " left join memoria.faces f on f.event_id = :event and f.face_person_id = p.id"
    " where p.event_id = :event group by p.id) each"
)
_LARGEST = sa.text(
    "select p.id, count(f.id) as faces, count(distinct f.media_id) as photos,"
    " p.representative_face_id, (select m.storage_key from memoria.media m"
    " join memoria.faces b on b.event_id = m.event_id and b.media_id = m.id"
    " where b.event_id = :event and b.id = p.representative_face_id)"
    " from memoria.face_persons p"
    " join memoria.faces f on f.event_id = :event and f.face_person_id = p.id"
    " where p.event_id = :event and p.status not in ('merged', 'ignored')"
    " group by p.id order by faces desc, photos desc, p.cluster_label, p.id limit :largest"
)
