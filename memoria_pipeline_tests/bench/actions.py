"""What may happen to an event in a real database: uploads, runs, decisions, at random."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from memoria_pipeline.defs import grouping
from memoria_pipeline.errors import DecisionError
from memoria_pipeline.store import (
    beside,
    decisions,
    events,
    media,
    proposals,
    runs,
)
from memoria_pipeline.store.photos import FoundPhoto
from memoria_pipeline.vision.model import Detection, Face, QualityClass
from memoria_pipeline_tests.people.synthetic import THRESHOLDS
from memoria_pipeline_tests.store import factories

D = 24
"""Numbers per vector: few enough that strangers come close now and then."""

PEOPLE = 14
HOW = grouping.How(THRESHOLDS, churn_limit=0.01)
ALL = (
    "select id, verdict, face_person_id, not_person_ids, machine_person_id, probability, margin,"
    " evidence, human_touched, lost from memoria.faces where event_id = :event order by id",
    "select id, status, linked_user_id, invitation_email, merged_into_id, human_touched,"
    " representative_face_id, metadata from memoria.face_persons where event_id = :event"
    " order by id",
)
Guest = tuple[int, tuple[float, float, float, float]]
"""Who stands where in a photo."""


@dataclass(eq=False)
class Actions:
    """One event that things happen to. traces: undos that left one."""

    engine: sa.Engine
    seed: int
    decided: int = 0
    traces: int = 0
    _photos: dict[str, list[Guest]] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._chance = np.random.default_rng(self.seed)
        self._actor = uuid4()
        self._people = {"pack": self._unit(PEOPLE), "another": self._unit(PEOPLE)}
        with self.engine.begin() as conn:
            self._event = factories.an_event(conn)

    def upload(self) -> None:
        """One to four photos of up to five guests."""
        for _ in range(self._chance.integers(1, 5)):
            guests = self._chance.permutation(PEOPLE)[: self._chance.integers(1, 6)]
            places = [(0.02 + 0.19 * i, 0.3, 0.14, 0.2) for i in range(len(guests))]
            self._photos[f"{len(self._photos):04}.jpg"] = list(
                zip(guests.tolist(), places, strict=True)
            )
        self._list()
        self._analyse()

    def look_again(self) -> None:
        """A photo changed: other boxes, a face less, a face more."""
        present = sorted(set(self._photos) - self._gone)
        key = present[self._chance.integers(len(present))]
        guests = [guest for guest in self._photos[key] if self._chance.random() < 0.8]
        if self._chance.random() < 0.3:
            guests.append((int(self._chance.integers(PEOPLE)), (0.4, 0.7, 0.1, 0.2)))
        self._photos[key] = guests
        with self.engine.begin() as conn:
            conn.execute(
                sa.text(
                    "update memoria.media set status = 'pending'"
                    " where event_id = :event and storage_key = :key and status <> 'missing'"
                ),
                {"event": self._event, "key": key},
            )
        self._analyse()

    def lose_a_photo(self) -> None:
        """A photo goes from its folder, or comes back."""
        key = sorted(self._photos)[self._chance.integers(len(self._photos))]
        self._gone ^= {key}
        if len(self._gone) == len(self._photos):
            self._gone.clear()
        self._list()
        self._analyse()

    def group(self) -> None:
        """What the asset does after every upload."""
        self._group(force=False)

    def regroup(self) -> None:
        """A full grouping, published whatever it changes, as an organiser may decide."""
        self._group(force=True)
        self._publish()

    def change_model(self) -> None:
        """Everything by another pack, beside; then the swap, or not."""
        with self.engine.begin() as conn:
            now = events.get(conn, self._event).face_model
            other = next(pack for pack in self._people if pack != now)
            beside.start(conn, self._event, other)
            beside.save(conn, self._found(beside.pending(conn, self._event, other), other), other)
        if self._chance.random() < 0.3:
            self.upload()  # by the old pack, which serves on
            with self.engine.begin() as conn:
                todo = beside.pending(conn, self._event, other)
                beside.save(conn, self._found(todo, other), other)
        with self.engine.begin() as conn:
            event = events.lock(conn, self._event)
            grouping.move(conn, event, HOW)
        self._publish()

    def decide(self) -> None:
        """A random decision on random faces; every third time taken back at once."""
        with self.engine.begin() as conn:  # counts follow an analysis at the next run only
            refresh = sa.text("select memoria.refresh_person_counts(:event)")
            conn.execute(refresh, {"event": self._event})
        before = self._rows(ALL)
        try:
            with self.engine.begin() as conn:
                made = self._decision(conn)
        except DecisionError:
            return
        if made is None:
            return
        self.decided += 1
        if self._chance.random() < 0.3:
            with self.engine.begin() as conn:
                decisions.undo(conn, self._event, made, actor=self._actor)
            self.traces += self._rows(ALL) != before

    def _decision(self, conn: sa.Connection) -> UUID | None:
        """Take one; its id. None where there is nothing to decide on."""
        event = self._event
        who: Any = {"actor": self._actor}
        faces = self._ids(conn, "select id from memoria.faces where event_id = :event order by 1")
        people = self._ids(
            conn,
            "select id from memoria.face_persons where event_id = :event"
            " and status <> 'merged' order by 1",
        )
        log = [one.id for one in decisions.log(conn, event)]
        if not faces or not people:
            return None
        one, other = self._pick(people), self._pick(people)
        of_one = self._ids(
            conn, "select id from memoria.faces where face_person_id = :one order by 1", one=one
        )
        some = of_one[: self._chance.integers(1, 4)] or faces[:1]
        face = self._pick(faces)
        choices: list[Callable[[], Any]] = [
            lambda: decisions.confirm(conn, event, some, one, **who),
            lambda: decisions.confirm(conn, event, [face], one, twice=True, **who),
            lambda: decisions.reject(conn, event, some, one, **who),
            lambda: decisions.merge(conn, event, one, other, **who),
            lambda: decisions.split(conn, event, one, some, **who),
            lambda: decisions.move(conn, event, some, other, person=one, **who),
            lambda: decisions.ignore_person(conn, event, one, **who),
            lambda: decisions.ignore_faces(conn, event, [face], **who),
            lambda: decisions.ignore_others(conn, event, self._photo_of(conn, face), **who),
            lambda: decisions.not_a_face(conn, event, [face], **who),
            lambda: decisions.assign(conn, event, one, uuid4(), **who),
            lambda: decisions.invite(conn, event, one, "guest@example.org", **who),
            lambda: decisions.unassign(conn, event, one, **who),
        ]
        if log:
            choices += [lambda: decisions.undo(conn, event, self._pick(log), **who)] * 4
        made: UUID = choices[self._chance.integers(len(choices))]().id
        return made

    def _group(self, *, force: bool) -> None:
        with self.engine.begin() as conn:
            event = events.lock(conn, self._event)
            grouping.update(conn, event, HOW, force=force)

    def _publish(self) -> None:
        with self.engine.begin() as conn:
            waiting = runs.proposed(conn, self._event)
            if waiting is not None:
                proposals.publish(conn, waiting.id)

    def _list(self) -> None:
        there = sorted(set(self._photos) - self._gone)
        with self.engine.begin() as conn:
            media.register(conn, self._event, [FoundPhoto(key, 1000, "1") for key in there])

    def _analyse(self) -> None:
        with self.engine.begin() as conn:
            pack = events.get(conn, self._event).face_model
            todo = media.pending(conn, self._event, pack)
            media.save_analysis(conn, self._found(todo, pack), pack)

    def _found(self, photos: list[media.PendingPhoto], pack: str) -> list[media.Analysed]:
        return [
            factories.analysed(photo.id, *map(self._face(pack), self._photos[photo.storage_key]))
            for photo in photos
        ]

    def _face(self, pack: str) -> Callable[[Guest], Face]:
        grades: tuple[QualityClass, ...] = ("A", "B", "C")

        def made(guest: Guest) -> Face:
            person, box = guest
            jitter = self._chance.normal(scale=0.006, size=4)
            x, y, w, h = np.clip(np.array(box) + jitter, 0.001, 0.98)
            vector = self._people[pack][person] + 0.11 * self._chance.normal(size=D)
            quality = float(self._chance.uniform(0.3, 1))
            points = np.full((5, 2), 0.5, np.float32)
            detection = Detection((x, y, min(w, 1 - x), min(h, 1 - y)), points, 0.9)
            grade = grades[int(self._chance.choice(3, p=[0.8, 0.15, 0.05]))]
            return Face(
                detection, quality, grade, (vector / np.linalg.norm(vector)).astype(np.float32)
            )

        return made

    def _rows(self, queries: tuple[str, ...]) -> list[list[Any]]:
        with self.engine.begin() as conn:
            return [list(conn.execute(sa.text(q), {"event": self._event})) for q in queries]

    def _ids(self, conn: sa.Connection, query: str, **values: Any) -> list[UUID]:
        return list(conn.scalars(sa.text(query), {"event": self._event, **values}))

    def _photo_of(self, conn: sa.Connection, face: UUID) -> UUID:
        query = "select media_id from memoria.faces where event_id = :event and id = :face"
        return self._ids(conn, query, face=face)[0]

    def _pick(self, ids: list[UUID]) -> UUID:
        return ids[self._chance.integers(len(ids))]

    def _unit(self, n: int) -> NDArray[np.float64]:
        vectors = self._chance.normal(size=(n, D))
        unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit
