"""An event as the pure functions of `people/` take it: faces, who they are, what was decided."""

from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from memoria_pipeline.people.conflicts import Conflict
from memoria_pipeline.people.constraints import constraints
from memoria_pipeline.people.decisions import State
from memoria_pipeline.people.regroup import Present
from memoria_pipeline.people.standing import Standing
from memoria_pipeline.people.suggest import Queue, questions
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.people.tighten import tighten
from memoria_pipeline.people.twins import twins
from memoria_pipeline.store import decisions, events, faces, persons
from memoria_pipeline.store.faces import FaceTable


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A queue of questions and what its numbers mean: positions in faces and in persons. Its
    question of kind "conflict" number i is about conflicts[i]."""

    queue: Queue
    faces: list[UUID]
    persons: list[UUID]
    conflicts: list[Conflict]


def present(conn: sa.Connection, event_id: UUID, table: FaceTable) -> Present:
    """What a grouping of these faces starts from."""
    live = persons.live(conn, event_id)
    ids = [each.id for each in live]
    photos = [table.media_ids[i] for i in table.media]
    rules = constraints(decisions.state(conn, event_id), table.ids, photos, ids)
    # What another application wrote (a linked user, say) was a human's word too.
    reviewed = rules.reviewed | np.array([each.reviewed for each in live], bool)
    return Present(
        vectors=table.embedding,
        photo=table.media,
        quality=table.quality,
        quality_class=table.quality_class,
        person=table.person,
        persons=ids,
        constraints=replace(rules, reviewed=reviewed),
    )


def ask(conn: sa.Connection, event_id: UUID, thresholds: Thresholds, limit: int = 200) -> Asked:
    """What to ask the organiser of the event next, and how many answers are left."""
    table = faces.load(conn, event_id, events.get(conn, event_id).face_model)
    now, state = present(conn, event_id, table), decisions.state(conn, event_id)
    own = tighten(thresholds, now.vectors, now.photo, now.classes)
    status = {each.id: each.status for each in persons.live(conn, event_id)}
    lost = faces.lost(conn, event_id)
    # Faces that were lost before the event moved to its pack have no vector of it: they come last.
    ids = table.ids + sorted(set(lost) - set(table.ids))
    place, sure = {face: i for i, face in enumerate(ids)}, _checked(state)
    conflicts, codes = now.constraints.conflicts, now.codes
    standing = Standing(
        embeddings=now.vectors,
        photo=now.photo,
        quality=now.quality,
        person=codes,
        checked=np.array([face in sure for face in table.ids], bool),
        named=np.array([status[each] in ("linked", "invited") for each in now.persons], bool),
        ignored=np.array([status[each] == "ignored" for each in now.persons], bool),
        rejected=now.constraints.rejected,
        apart=now.constraints.cannot,
        lost=[place[face] for face in lost if face not in sure],
        conflicts=[[place[face] for face in each.faces if face in place] for each in conflicts],
        twins=twins(now.vectors, now.photo, now.classes, own, codes),
    )
    return Asked(questions(standing, own, limit), ids, list(now.persons), conflicts)


def _checked(state: State) -> set[UUID]:
    """Faces that a human looked at one by one; whoever merges or names people does not."""
    looked = ("confirm", "move", "split")
    return {face for each in state.active if each.kind in looked for face in each.faces}
