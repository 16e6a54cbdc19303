"""The persons of an event: who there is, and who each face is."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.people import PeopleSummary as PeopleSummary
from memoria_pipeline.store.people import summary as summary
from memoria_pipeline.store.runs import Label as Label
from memoria_pipeline.store.runs import last_run as last_run
from memoria_pipeline.store.runs import save_grouping as save_grouping


@dataclass(frozen=True, slots=True)
class Person:
    """A live person as a grouping sees it. reviewed: a human said something of it.

    version: for `expected` of a decision.
    """

    id: UUID
    status: str
    user: UUID | None
    reviewed: bool
    version: int


def current(conn: sa.Connection, event_id: UUID) -> dict[UUID, UUID]:
    """face → person, for every face of the event that has one."""
    rows = conn.execute(
        sa.text(
            "select id, face_person_id from memoria.faces"
            " where event_id = :event and face_person_id is not null order by id"
        ),
        {"event": event_id},
    )
    return {row.id: row.face_person_id for row in rows}


def live(conn: sa.Connection, event_id: UUID) -> list[Person]:
    """The event's persons by id, without those that were merged into another."""
    rows = conn.execute(
        sa.text(
            "select id, status, linked_user_id, human_touched or status <> 'pending', version"
            " from memoria.face_persons where event_id = :event and status <> 'merged' order by id"
        ),
        {"event": event_id},
    )
    return [Person(*row) for row in rows]
