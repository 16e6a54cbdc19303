"""The acceptance test 3 of INTERFACES.md, on the demo event of a real `memoria up`.

Somebody is named on the page, has tags, and goes: by the SQL function that other applications call.
Then the event is archived, as another application does it. Statistics have to be right after each.
"""

import sys
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from memoria_pipeline_tests.bench.acceptance import assign
from memoria_pipeline_tests.bench.browser import Organiser, demo
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.stack import until


def rows(organiser: Organiser) -> Iterator[Row]:
    """Two are named and tagged, one is erased and counted; then the event is archived."""
    for name in ("Zoë", "Ada"):
        assign(organiser, name)
    until(lambda: _one(organiser, _TAGGED) == 2, 60, "Two people were named, and not tagged")
    yield from _purged(organiser)
    yield from _archived(organiser)


def _purged(organiser: Organiser) -> Iterator[Row]:
    user = _one(organiser, _LINKED)
    before = {name: _one(organiser, query, user=user) for name, query in _OF.items()}
    others = _one(organiser, _OTHERS, user=user)
    receipt = _write(organiser, _PURGE, user=user)
    there = ", ".join(f"{n} {name}" for name, n in before.items())
    what = f"3: of {there}"
    after = {name: _one(organiser, query, user=user) for name, query in _OF.items()}
    told = ", ".join(f"{n} {name}" for name, n in after.items())
    good = not any(after.values()) and all(before.values())
    yield f"{what}: left after purge_face_data_for_user()", "0", told, good
    good = receipt["faces"] == before["faces"] and receipt["tags"] == before["tags"]
    yield "3: the receipt counts what went", "the same", "the same" if good else "others", good
    kept = _one(organiser, _OTHERS, user=user)
    yield "3: faces of everyone else", f"{others}", f"{kept}", kept == others
    wrong = _one(organiser, _WRONG)
    yield "3: statistics that are not what is there", "0", f"{wrong}", wrong == 0
    query = "select count(*) from memoria.erasures where status <> 'completed'"
    until(lambda: _one(organiser, query) == 0, 120, "The erasure did not come to its end")
    failed = _one(organiser, _RECEIPTS)
    yield "3: the erasure's receipt is signed", ">= 1", f"{failed}", failed >= 1


def _archived(organiser: Organiser) -> Iterator[Row]:
    """Embeddings go, tags and counts stay."""
    before = [
        tuple(row) for row in organiser.stack.rows("memoria", _NUMBERS, event=organiser.event)
    ]
    tags = _one(organiser, _TAGS_OF_ALL)
    _write(organiser, _ARCHIVE)
    faces = _one(organiser, "select count(*) from memoria.faces where event_id = :event")
    yield "3: embeddings of an event that was archived", "0", f"{faces}", faces == 0
    now = [tuple(row) for row in organiser.stack.rows("memoria", _NUMBERS, event=organiser.event)]
    same = "the same" if now == before else f"{now} for {before}"
    yield "3: photos, faces, people of it by the analysts' views", "the same", same, now == before
    kept = _one(organiser, _TAGS_OF_ALL)
    yield "3: its confirmed tags", f"{tags}", f"{kept}", kept == tags > 0


def _one(organiser: Organiser, query: str, **values: object) -> Any:
    given = {"event": organiser.event} if ":event" in query else {}
    return organiser.stack.rows("memoria", query, **given, **values)[0][0]


def _write(organiser: Organiser, query: str, **values: object) -> Any:
    with organiser.stack.memoria.begin() as conn:
        done = conn.execute(sa.text(query), {"event": organiser.event, **values})
        return done.scalar() if done.returns_rows else None


_LINKED = (
    "select linked_user_id from memoria.face_persons where event_id = :event"
    " and status = 'linked' order by (metadata ->> 'face_count')::integer desc limit 1"
)
_OF = {
    "embeddings": "select count(f.embedding) from memoria.faces f join memoria.face_persons p"
    " on p.id = f.face_person_id where f.event_id = :event and p.linked_user_id = :user",
    "faces": "select count(*) from memoria.faces f join memoria.face_persons p"
    " on p.id = f.face_person_id where f.event_id = :event and p.linked_user_id = :user",
    "tags": "select count(*) from memoria.media_tags where event_id = :event"
    " and tagged_user_id = :user",
    "persons": "select count(*) from memoria.face_persons where event_id = :event"
    " and linked_user_id = :user",
}
_OTHERS = (
    "select count(*) from memoria.faces f left join memoria.face_persons p"
    " on p.id = f.face_person_id where f.event_id = :event"
    " and p.linked_user_id is distinct from :user"
)
_TAGGED = "select count(distinct tagged_user_id) from memoria.media_tags where event_id = :event"
_TAGS_OF_ALL = "select count(*) from memoria.media_tags where event_id = :event"
_PURGE = "select memoria.purge_face_data_for_user(:user, :event)"
_ARCHIVE = "update memoria.events set status = 'archived' where id = :event"
_RECEIPTS = (
    "select count(*) from memoria.erasures where event_id = :event and status = 'completed'"
    " and signature is not null and receipt is not null"
)
# faces of each photo and of each person, as they are counted and as they are
_WRONG = """
    select (select count(*) from memoria.media m where m.event_id = :event
            and m.status = 'analysed' and m.faces_found <> (select count(*) from memoria.faces f
                where f.event_id = :event and f.media_id = m.id and not f.lost))
        + (select count(*) from memoria.face_persons p where p.event_id = :event
            and p.status <> 'merged' and (p.metadata ->> 'face_count')::integer <> (
                select count(*) from memoria.faces f
                where f.event_id = :event and f.face_person_id = p.id))
        + (select count(*) from analytics.people a where a.event_id = :event
            and a.status <> 'merged' and a.faces <> (select count(*) from memoria.faces f
                join memoria.face_persons p on p.id = f.face_person_id
                where f.event_id = :event and p.status = a.status))
        + (select count(*) from analytics.event_coverage c where c.event_id = :event
            and c.photos_with_faces <> (select count(distinct f.media_id) from memoria.faces f
                where f.event_id = :event and not f.lost))
"""
_NUMBERS = """
    select 'coverage', photos, photos_with_faces from analytics.event_coverage
    where event_id = :event
    union all select 'people ' || status, clusters, faces from analytics.people
    where event_id = :event
    union all select 'detection', photos, round(mean_faces_per_photo * photos)
    from analytics.detection where event_id = :event
    order by 1
"""


if __name__ == "__main__":

    def everything() -> Iterator[Row]:
        """These figures alone."""
        with demo() as one:
            yield from rows(one)

    sys.exit(show("Acceptance test 3", everything()))
