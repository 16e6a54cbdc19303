"""What a decision is about, as it stands when it is taken: faces, their photos, their persons."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.people.decisions import State


def photos(conn: sa.Connection, event_id: UUID, faces: Collection[UUID]) -> dict[UUID, UUID]:
    """face → its photo. Raises DecisionError where a face is not one of the event."""
    rows = conn.execute(
        sa.text(
            "select id, media_id from memoria.faces"
            " where event_id = :event and id = any (cast(:ids as uuid[]))"
        ),
        {"event": event_id, "ids": list(faces)},
    )
    found = {row.id: row.media_id for row in rows}
    if gone := len(set(faces) - set(found)):
        raise DecisionError(
            f"Event {event_id}: {gone} of the faces to decide on are not there (any more). "
            "Load the page again."
        )
    return found


def faces_of(conn: sa.Connection, event_id: UUID, persons: Iterable[UUID | None]) -> list[UUID]:
    """The faces that are these persons' now, by id."""
    ids = [one for one in persons if one is not None]
    return list(
        conn.scalars(
            sa.text(
                "select id from memoria.faces where event_id = :event"
                " and face_person_id = any (cast(:persons as uuid[])) order by id"
            ),
            {"event": event_id, "persons": ids},
        )
    )


def others_in(
    conn: sa.Connection, event_id: UUID, photo: UUID, keep: Collection[UUID]
) -> tuple[list[UUID], list[UUID]]:
    """Everyone else in a photo: (faces, the persons of the first of them, one by one).

    Not those that a human decided on already, nor whoever is linked or invited. A person is named
    whose faces are all among them; of others the face alone is meant.
    """
    rows = conn.execute(_OTHERS, {"event": event_id, "photo": photo, "keep": list(keep)}).all()
    whole = [row for row in rows if row.whole]
    alone = [row for row in rows if not row.whole]
    return [row.id for row in (*whole, *alone)], [row.person for row in whole]


_OTHERS = sa.text(
    "with others as (select f.id, f.face_person_id as person from memoria.faces f"
    " left join memoria.face_persons p on p.event_id = :event and p.id = f.face_person_id"
    " where f.event_id = :event and f.media_id = :photo and not f.lost and f.verdict is null"
    " and not f.id = any (cast(:keep as uuid[]))"
    " and coalesce(p.status, 'pending') not in ('linked', 'invited'))"
    " select o.id, o.person, o.person is not null and not exists ("
    "  select from memoria.faces e where e.event_id = :event and e.face_person_id = o.person"
    "  and not exists (select from others i where i.id = e.id)) as whole"
    " from others o order by o.id"
)


def live(conn: sa.Connection, event_id: UUID, person: UUID | None, state: State) -> UUID | None:
    """The person, or whom a run merged it into: an older page may still name it.

    Raises DecisionError when there is no such person in the event. Whom a human merged stays named
    as it is: whether that is allowed is for `people.decisions` to say.
    """
    seen: set[UUID] = set()
    while person is not None and person not in seen:
        seen.add(person)
        row = conn.execute(_PERSON, {"event": event_id, "id": person}).first()
        if row is None:
            raise DecisionError(
                f"Event {event_id}: person {person} is not there (any more). Load the page again."
            )
        known = state.persons.get(person)
        if row.status != "merged" or (known is not None and known.merged_into is not None):
            return person
        person = row.merged_into_id
    return person


_PERSON = sa.text(
    "select status, merged_into_id from memoria.face_persons where event_id = :event and id = :id"
)


def check_versions(
    conn: sa.Connection, event_id: UUID, persons: Sequence[UUID], seen: Sequence[int]
) -> None:
    """Raises DecisionError where one of these persons has another version than was seen."""
    changed = conn.scalar(
        sa.text(
            "select count(*) from unnest(cast(:ids as uuid[]), cast(:seen as integer[]))"
            " as r (id, seen) left join memoria.face_persons p on p.event_id = :event"
            " and p.id = r.id where p.version is distinct from r.seen"
        ),
        {"event": event_id, "ids": list(persons), "seen": list(seen)},
    )
    if changed:
        raise DecisionError(
            f"Event {event_id}: {changed} of the persons changed since they were shown. Load the "
            "page again and decide on what is there now."
        )
