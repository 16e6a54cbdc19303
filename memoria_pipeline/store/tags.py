"""Tags by faces: who is on which photo, because a human said whose face it is.

A tag by a face exists where the face's verdict is a person and that person is linked to a member:
one per photo and member, by the best of the member's faces in it, in the name of whoever took the
decision that the verdict comes from. A tag by hand comes first, and so does whoever was untagged by
hand. Faces that a machine adds to a linked person later are no tags until a human confirms them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.people.decisions import State, fold
from memoria_pipeline.store import decision_log, events

SOURCE = "face_clustering"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tags were added, changed (another face, box or decision) and removed."""

    added: int
    changed: int
    removed: int


Pair = tuple[UUID, UUID]
"""A photo and a member."""

Tag = tuple[UUID, Any, UUID]
"""The face, its box, by whom: what a tag by a face says beside its pair."""


def sync(
    conn: sa.Connection,
    event_id: UUID,
    said: State,
    faces: Collection[UUID],
    persons: Collection[UUID],
) -> Counts:
    """Tags follow what a decision changed: these faces, and who these persons are linked to.

    said: the fold of the log, the decision included, as far as it has to do with the decision. In
    the decision's own transaction.
    """
    values = {"event": event_id, "faces": list(faces), "persons": list(persons)}
    photos = list(conn.scalars(_PHOTOS, values))
    return _write(conn, event_id, said, photos, set(faces))


def sync_event(conn: sa.Connection, event_id: UUID) -> Counts:
    """All tags by faces of the event, as the log says; takes the event's row."""
    events.lock(conn, event_id)
    return _write(conn, event_id, decision_log.state(conn, event_id), None, ())


def _write(
    conn: sa.Connection,
    event_id: UUID,
    said: State,
    photos: Sequence[UUID] | None,
    decided: Collection[UUID],
) -> Counts:
    """photos: only on these; None: on all. decided: a tag by one of these faces goes unless it is
    wanted; by another, which no human decided on here, only where its person is someone else."""
    values = {"event": event_id, "photos": photos}
    there = {(row.media_id, row.tagged_user_id): row for row in conn.execute(_THERE, values)}
    wanted = _wanted(conn, values, said, there)
    add = {pair: tag for pair, tag in wanted.items() if pair not in there}
    change, gone = dict[UUID, Tag](), list[UUID]()
    for pair, row in there.items():
        tag = wanted.get(pair)
        if row.source != SOURCE:
            continue
        if tag is None:
            gone += [row.id] if row.astray or row.face_id in decided else []
        elif tag != (row.face_id, row.bbox, row.tagged_by_user_id):
            change[row.id] = tag
    return Counts(
        _add(conn, event_id, add), _change(conn, event_id, change), _remove(conn, event_id, gone)
    )


def _wanted(
    conn: sa.Connection, values: Mapping[str, Any], said: State, there: Mapping[Pair, Any]
) -> dict[Pair, Tag]:
    """Pair → the tag that it should have. As it is where `said` is silent and its face is right:
    the decision has nothing to do with it."""
    found = {(row.media_id, row.member): row for row in conn.execute(_WANTED, values)}
    kept = {
        pair: (tag.face_id, tag.bbox, tag.tagged_by_user_id)
        for pair, tag in there.items()
        if pair in found and tag.face_id == found[pair].face and tag.face_id not in said.verdict
    }
    by = _decided_by(conn, values["event"], said, [found[p].face for p in found.keys() - kept])
    made = {
        pair: (row.face, row.bbox, by[row.face]) for pair, row in found.items() if row.face in by
    }
    return {**kept, **made}


def _decided_by(
    conn: sa.Connection, event_id: UUID, said: State, faces: Sequence[UUID]
) -> dict[UUID, UUID]:
    """Face → who decided whose face it is."""
    verdict = dict(said.verdict)
    if silent := [face for face in faces if face not in verdict]:
        verdict |= fold(decision_log.about(conn, event_id, silent)).verdict
    decisions = {face: verdict[face].decision for face in faces if face in verdict}
    values = {"event": event_id, "ids": [*{*decisions.values()}]}
    actors = {row.id: row.actor_id for row in conn.execute(_ACTORS, values)}
    return {face: actors[decision] for face, decision in decisions.items()}


def _add(conn: sa.Connection, event_id: UUID, tags: Mapping[Pair, Tag]) -> int:
    if not tags:
        return 0
    values = {
        "event": event_id,
        "members": [member for _, member in tags],
        "faces": [face for face, _, _ in tags.values()],
        "by": [by for _, _, by in tags.values()],
    }
    return conn.execute(_ADD, values).rowcount


def _change(conn: sa.Connection, event_id: UUID, tags: Mapping[UUID, Tag]) -> int:
    if not tags:
        return 0
    values = {
        "event": event_id,
        "ids": list(tags),
        "faces": [face for face, _, _ in tags.values()],
        "by": [by for _, _, by in tags.values()],
    }
    return conn.execute(_CHANGE, values).rowcount


def _remove(conn: sa.Connection, event_id: UUID, tags: Sequence[UUID]) -> int:
    if not tags:
        return 0
    return conn.execute(_REMOVE, {"event": event_id, "ids": tags}).rowcount


_PHOTOS = sa.text(
    "select distinct media_id from memoria.faces where event_id = :event"
    " and (id = any (cast(:faces as uuid[])) or face_person_id = any (cast(:persons as uuid[])))"
)
_WANTED = sa.text(
    "select distinct on (f.media_id, p.linked_user_id) f.media_id, p.linked_user_id as member,"
    " f.id as face, f.bbox from memoria.faces f"
    " join memoria.face_persons p on p.event_id = :event and p.id = f.face_person_id"
    " where f.event_id = :event and f.verdict = 'person' and f.erased_at is null"
    " and p.status = 'linked'"
    " and (cast(:photos as uuid[]) is null or f.media_id = any (cast(:photos as uuid[])))"
    " and not exists (select from memoria.untagged u"
    "  where u.media_id = f.media_id and u.user_id = p.linked_user_id)"
    " order by f.media_id, p.linked_user_id, f.lost, f.quality_class, f.quality_score desc, f.id"
)
# astray: the face is there, and of nobody who is that member.
_THERE = sa.text(
    "select t.id, t.media_id, t.tagged_user_id, t.tagged_by_user_id, t.source, t.face_id, t.bbox,"
    " f.id is not null and (p.status is distinct from 'linked'"
    "  or p.linked_user_id is distinct from t.tagged_user_id) as astray"
    " from memoria.media_tags t"
    " left join memoria.faces f on f.event_id = :event and f.id = t.face_id"
    " left join memoria.face_persons p on p.event_id = :event and p.id = f.face_person_id"
    " where t.event_id = :event"
    " and (cast(:photos as uuid[]) is null or t.media_id = any (cast(:photos as uuid[])))"
)
_ACTORS = sa.text(
    "select id, actor_id from memoria.decisions"
    " where event_id = :event and id = any (cast(:ids as uuid[]))"
)
_ADD = sa.text(
    "insert into memoria.media_tags (event_id, media_id, tagged_user_id, tagged_by_user_id,"
    " source, bbox, face_id) select :event, f.media_id, r.member, r.who, 'face_clustering', f.bbox,"
    " f.id from unnest(cast(:members as uuid[]), cast(:faces as uuid[]), cast(:by as uuid[]))"
    " as r (member, face, who) join memoria.faces f on f.event_id = :event and f.id = r.face"
    " on conflict (media_id, tagged_user_id) do nothing"
)
_CHANGE = sa.text(
    "update memoria.media_tags t set tagged_by_user_id = r.who, face_id = r.face,"
    " bbox = (select f.bbox from memoria.faces f where f.event_id = :event and f.id = r.face)"
    " from unnest(cast(:ids as uuid[]), cast(:faces as uuid[]), cast(:by as uuid[]))"
    " as r (id, face, who) where t.event_id = :event and t.id = r.id"
)
_REMOVE = sa.text(
    "delete from memoria.media_tags where event_id = :event and id = any (cast(:ids as uuid[]))"
)
