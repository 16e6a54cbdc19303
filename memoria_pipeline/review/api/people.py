"""The people of an event, and one of them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query

from memoria_pipeline.review.api.shapes import Part, Sought
from memoria_pipeline.review.api.shown import (
    Face,
    Listed,
    People,
    Person,
    Status,
    face_of,
    listed,
    person_of,
)
from memoria_pipeline.review.callers import Conn, Eyes
from memoria_pipeline.review.deciding import in_event
from memoria_pipeline.review.problems import NotFound
from memoria_pipeline.review.routes import routes
from memoria_pipeline.store.shown import faces, history, people
from memoria_pipeline.store.shown.faces import Order
from memoria_pipeline.store.shown.history import DecisionShown
from memoria_pipeline.store.shown.people import PersonShown, Wanted

router = routes("people")


def _wanted(
    status: Annotated[
        list[Status] | None,
        Query(max_length=5, description="Only these; none: all but merged ones."),
    ] = None,
    q: Sought = "",
) -> Wanted:
    return Wanted(status or (), q)


Which = Annotated[Wanted, Depends(_wanted)]


@router.get("/event/{event_id}/people", response_model=People)
@router.get("/event/{event_id}/face-persons", response_model=People)
def people_of_event(event_id: UUID, conn: Conn, signer: Eyes, part: Part, which: Which) -> Any:
    """The event's people, those with the most faces first: counts, status, the best face of each.

    `q` looks for a part of the member's name or of the address that was invited. Members see the
    person that they are; guests see none.
    """
    in_event(conn, event_id)
    page = people.page(conn, event_id, which, part)
    shown = [person_of(signer, each) for each in page.items]
    return {**listed(page, shown), "counts": people.by_status(conn, event_id)}


@router.get("/face-persons", response_model=People)
def face_persons(
    event_id: Annotated[UUID, Query()], conn: Conn, signer: Eyes, part: Part, which: Which
) -> Any:
    """As `/event/{event_id}/people`, by the address that applications know."""
    return people_of_event(event_id, conn, signer, part, which)


def found(conn: Conn, person_id: UUID) -> PersonShown:
    """The person, or whom it became part of. Raises NotFound."""
    person = people.one(conn, person_id)
    if person is None:
        raise NotFound("person")
    return person


@router.get("/person/{person_id}")
def person(person_id: UUID, conn: Conn, signer: Eyes) -> Person:
    """One person. The id of one that was merged answers with the person that it became."""
    return person_of(signer, found(conn, person_id))


@router.get("/person/{person_id}/faces", response_model=Listed[Face])
def faces_of_person(
    person_id: UUID, conn: Conn, signer: Eyes, part: Part, order: Order = "best"
) -> Any:
    """The person's faces. `doubtful`: first those that are least surely the person's."""
    one = found(conn, person_id)
    page = faces.of_person(conn, one.event_id, one.id, part, order)
    return listed(page, [face_of(signer, each) for each in page.items])


@router.get("/person/{person_id}/history", response_model=Listed[DecisionShown])
def history_of_person(person_id: UUID, conn: Conn, part: Part) -> Any:
    """What was decided on the person and on those that became part of it, the latest first."""
    one = found(conn, person_id)
    return history.of_person(conn, one.event_id, one.id, part)
