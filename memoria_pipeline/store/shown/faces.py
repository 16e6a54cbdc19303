"""Faces, as a person's page and a photo's page show them. Their vectors are nowhere in it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.shown.page import FIRST, Page, Paging, paged, total_of

Order = Literal["best", "doubtful"]


@dataclass(frozen=True, slots=True)
class FaceShown:
    """A face. bbox: x, y, w, h in [0, 1] of the upright photo. quality_score, probability: [0, 1].

    verdict: what a human said of it (person, ignored, not_a_face), or None. lost: a human decided
    on it, and no analysis finds it any more. name: of the member that its person is linked to.
    """

    id: UUID
    event_id: UUID
    media_id: UUID
    person_id: UUID | None
    bbox: dict[str, float]
    quality_score: float
    quality_class: str
    probability: float | None
    verdict: str | None
    lost: bool
    person_status: str | None
    linked_user_id: UUID | None
    name: str | None


def of_person(
    conn: sa.Connection,
    event_id: UUID,
    person: UUID,
    which: Paging = FIRST,
    order: Order = "best",
) -> Page[FaceShown]:
    """One part of a person's faces; doubtful: those first that are least surely the person's."""
    values = {"event": event_id, "person": person, **which.values}
    rows = conn.execute(_OF_PERSON[order], values).all()
    return paged([_face(row) for row in rows], _total(conn, rows, values, which), which)


def _total(
    conn: sa.Connection, rows: Collection[sa.Row[Any]], values: dict[str, Any], which: Paging
) -> int:
    if rows or which.page == 1:
        return total_of(list(rows))
    return conn.scalar(_COUNT, values) or 0


def of_photo(conn: sa.Connection, event_id: UUID, media: UUID) -> list[FaceShown]:
    """The faces of a photo that the caller may see, from left to right."""
    return [_face(row) for row in conn.execute(_OF_PHOTO, {"event": event_id, "media": media})]


def these(conn: sa.Connection, event_id: UUID, ids: Collection[UUID]) -> dict[UUID, FaceShown]:
    """Those of these faces that the caller may see, by id."""
    rows = conn.execute(_THESE, {"event": event_id, "ids": list(ids)})
    return {row.id: _face(row) for row in rows}


def best_of(
    conn: sa.Connection, event_id: UUID, persons: Collection[UUID], most: int = 5
) -> dict[UUID, list[FaceShown]]:
    """The best faces of each of these persons, each from another photo."""
    found: dict[UUID, list[FaceShown]] = {each: [] for each in persons}
    values = {"event": event_id, "persons": list(persons), "most": most}
    for row in conn.execute(_BEST, values):
        found[row.person_id].append(_face(row))
    return found


def _face(row: sa.Row[Any]) -> FaceShown:
    return FaceShown(*tuple(row)[:13])


# Sub-selects, which run for the rows that are shown: see people.py.
_COLUMNS = (
    "select f.id, f.event_id, f.media_id, f.face_person_id as person_id, f.bbox, f.quality_score,"
    " f.quality_class, f.probability, f.verdict, f.lost,"
    " (select p.status from memoria.face_persons p"
    "  where p.event_id = f.event_id and p.id = f.face_person_id) as person_status,"
    " (select p.linked_user_id from memoria.face_persons p"
    "  where p.event_id = f.event_id and p.id = f.face_person_id) as linked_user_id,"
    " (select m.display_name from memoria.event_members m where m.event_id = f.event_id"
    "  and m.user_id = (select p.linked_user_id from memoria.face_persons p"
    "   where p.event_id = f.event_id and p.id = f.face_person_id)) as name"
)
# A selfie has no picture, and is nobody's to see.
_NO_SELFIE = " and f.media_id <> all (array(select memoria.selfies_of(:event)))"
_FROM = " from memoria.faces f where f.event_id = :event" + _NO_SELFIE
_PAGE = ", count(*) over () as total" + _FROM + " and f.face_person_id = :person"
_BEST_FIRST = " order by f.lost, f.quality_class, f.quality_score desc, f.id"
_DOUBTFUL = " order by f.verdict is not null, f.probability nulls last, f.id"
_OF_PERSON = {
    "best": sa.text(_COLUMNS + _PAGE + _BEST_FIRST + " limit :limit offset :offset"),
    "doubtful": sa.text(_COLUMNS + _PAGE + _DOUBTFUL + " limit :limit offset :offset"),
}
_COUNT = sa.text("select count(*)" + _FROM + " and f.face_person_id = :person")
_OF_PHOTO = sa.text(
    _COLUMNS + _FROM + " and f.media_id = :media order by (f.bbox ->> 'x')::float8, f.id"
)
_THESE = sa.text(_COLUMNS + _FROM + " and f.id = any (cast(:ids as uuid[]))")
_RANKED = (
    "with theirs as (select id, row_number() over (partition by face_person_id"  # noqa: S608
    " order by nth, quality_class, quality_score desc, id) as n from ("
    "  select id, face_person_id, quality_class, quality_score, row_number() over ("
    "   partition by face_person_id, media_id order by quality_class, quality_score desc, id)"
    "   as nth from memoria.faces f where event_id = :event and not lost"
    "   and face_person_id = any (cast(:persons as uuid[]))" + _NO_SELFIE + ") as each),"
    " chosen as (select id from theirs where n <= :most) "
)
_BEST = sa.text(_RANKED + _COLUMNS + _FROM + " and f.id in (table chosen)" + _BEST_FIRST)
