"""The people of an event, and the runs of grouping that made them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import copy, events

Label = tuple[UUID, int | None, float, float]
"""A face, the cluster it is in or None, the probability of that in [0, 1], the margin."""


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """One row of `memoria.cluster_runs`. fingerprint: `faces.fingerprint` of what went in."""

    id: UUID
    method: str
    model: str
    parameters: dict[str, Any]
    measures: dict[str, Any]
    fingerprint: str
    status: str
    published_at: datetime | None


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


def save_grouping(
    conn: sa.Connection,
    event_id: UUID,
    *,
    model: str,
    method: str,
    parameters: Mapping[str, Any],
    measures: Mapping[str, Any],
    fingerprint: str,
    labels: Sequence[Label],
    persons: Sequence[UUID | None],
    representatives: Sequence[UUID],
) -> UUID:
    """Publish a grouping of the event's faces of one pack; return the id of its cluster run.

    persons: per cluster the person it continues, or None for a new one. representatives: per
    cluster its best face. Faces of the pack that no label names belong to nobody afterwards. Faces
    that a human touched stay where they are; persons that are not pending only get new counts;
    pending persons left without faces go. Raises DatabaseError when a person to continue is not a
    live one of this event, ConsentError where the event is over or its switch is off.
    """
    # One grouping of an event at a time; an erasure takes this lock too.
    events.lock(conn, event_id)
    events.require_consent(conn, event_id)
    _refuse_unknown(conn, event_id, [one for one in persons if one is not None])
    ids = [one or uuid4() for one in persons]
    with _no_pairwise_loops(conn):
        _save_persons(conn, event_id, model, ids, representatives)
        _save_labels(conn, event_id, model, labels, ids)
        conn.execute(sa.text("select memoria.refresh_person_counts(:event)"), {"event": event_id})
        conn.execute(_SWEEP, {"event": event_id})
    run = {"event": event_id, "method": method, "model": model, "fingerprint": fingerprint}
    run |= {"parameters": json.dumps(dict(parameters)), "measures": json.dumps(dict(measures))}
    made: UUID = conn.execute(_RUN, run).scalar_one()
    return made


@contextmanager
def _no_pairwise_loops(conn: sa.Connection) -> Iterator[None]:
    # New partitions have no statistics: the planner expects one row and loops over all pairs. A
    # failure rolls the transaction back, and this with it.
    conn.execute(sa.text("set local enable_nestloop = off"))
    yield
    conn.execute(sa.text("set local enable_nestloop = on"))


_SWEEP = sa.text(
    "delete from memoria.face_persons p where p.event_id = :event and p.status = 'pending'"
    " and not exists (select from memoria.faces f"
    " where f.event_id = :event and f.face_person_id = p.id)"
    " and not exists (select from memoria.face_persons m"
    " where m.event_id = :event and m.merged_into_id = p.id)"
)
_RUN = sa.text(
    "insert into memoria.cluster_runs (event_id, method, parameters, measures, model, fingerprint,"
    " status, created_at, published_at) values (:event, :method, cast(:parameters as jsonb),"
    " cast(:measures as jsonb), :model, :fingerprint, 'published', clock_timestamp(),"
    " clock_timestamp()) returning id"
)


def _refuse_unknown(conn: sa.Connection, event_id: UUID, kept: Sequence[UUID]) -> None:
    if len(set(kept)) != len(kept):
        raise DatabaseError(
            f"Event {event_id}: two clusters continue one person; give one of them."
        )
    alive = conn.scalar(
        sa.text(
            "select count(*) from memoria.face_persons where event_id = :event"
            " and id = any (cast(:ids as uuid[])) and status <> 'merged'"
        ),
        {"event": event_id, "ids": kept},
    )
    if alive != len(kept):
        raise DatabaseError(
            f"Event {event_id}: {len(kept) - (alive or 0)} of the persons to continue were merged "
            "or are gone. Load the persons again and group again."
        )


def _save_persons(
    conn: sa.Connection,
    event_id: UUID,
    model: str,
    ids: Sequence[UUID],
    representatives: Sequence[UUID],
) -> None:
    conn.execute(
        sa.text(
            "insert into memoria.face_persons as p (id, event_id, cluster_label, model,"
            " representative_face_id)"
            " select r.id, :event, r.label - 1, :model, f.id"
            " from unnest(cast(:ids as uuid[]), cast(:best as uuid[]))"
            " with ordinality as r (id, best, label)"
            " left join memoria.faces f on f.event_id = :event and f.id = r.best"
            " on conflict (id) do update set cluster_label = excluded.cluster_label,"
            " model = excluded.model, version = p.version + 1, updated_at = now(),"
            " representative_face_id = excluded.representative_face_id"
            " where p.status = 'pending' and (p.cluster_label, p.model, p.representative_face_id)"
            " is distinct from"
            " (excluded.cluster_label, excluded.model, excluded.representative_face_id)"
        ),
        {"event": event_id, "model": model, "ids": ids, "best": representatives},
    )


def _save_labels(
    conn: sa.Connection,
    event_id: UUID,
    model: str,
    labels: Sequence[Label],
    ids: Sequence[UUID],
) -> None:
    conn.execute(_STAGE)
    statement = "copy pg_temp.memoria_labels from stdin with (format binary)"
    copy.copy_in(conn, statement, _columns(labels, ids))
    conn.execute(sa.text("analyze pg_temp.memoria_labels"))
    conn.execute(_ASSIGN, {"event": event_id, "model": model, "nobody": _NOBODY})
    conn.execute(sa.text("truncate pg_temp.memoria_labels"))


_NOBODY = UUID(int=0)


def _columns(labels: Sequence[Label], ids: Sequence[UUID]) -> dict[str, NDArray[Any]]:
    persons = [_NOBODY if label[1] is None else ids[label[1]] for label in labels]
    return {
        "face": copy.uuids([label[0] for label in labels]),
        "person": copy.uuids(persons),
        "probability": np.array([label[2] for label in labels], copy.FLOAT4),
        "margin": np.array([label[3] for label in labels], copy.FLOAT4),
    }


_STAGE = sa.text(
    "create temporary table if not exists memoria_labels"
    " (face_id uuid, person_id uuid, probability real, margin real) on commit delete rows"
)
_ASSIGN = sa.text(
    "update memoria.faces f set face_person_id = r.person_id,"
    " probability = r.probability, margin = r.margin"
    " from (select a.id, nullif(l.person_id, :nobody) as person_id,"
    "   case when l.person_id <> :nobody then l.probability end as probability,"
    "   case when l.person_id <> :nobody then l.margin end as margin"
    "   from memoria.faces a left join pg_temp.memoria_labels l on l.face_id = a.id"
    "   where a.event_id = :event and a.model = :model) r"
    " where f.event_id = :event and f.id = r.id and not f.human_touched"
    " and (f.face_person_id, f.probability, f.margin)"
    " is distinct from (r.person_id, r.probability, r.margin)"
)


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


def last_run(conn: sa.Connection, event_id: UUID) -> ClusterRun | None:
    """The grouping that was published last, or None."""
    row = conn.execute(
        sa.text(
            "select id, method, model, parameters, measures, fingerprint, status, published_at"
            " from memoria.cluster_runs where event_id = :event and status = 'published'"
            " order by published_at desc, id limit 1"
        ),
        {"event": event_id},
    ).first()
    return None if row is None else ClusterRun(*row)


def summary(conn: sa.Connection, event_id: UUID, largest: int = 10) -> PeopleSummary:
    """How many people and faces, and the people with the most faces."""
    with _no_pairwise_loops(conn):
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
