"""A small event that is worked on by the real assets, with an erasure between two transactions.

The detector and the photos are stand-ins: two people, one on the left and one on the right.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, cast
from uuid import UUID, uuid4

import dagster as dg
import numpy as np
import sqlalchemy as sa

from memoria_pipeline.defs.clusters import GroupingConfig, clusters
from memoria_pipeline.defs.comparison import ComparisonConfig, cluster_comparison
from memoria_pipeline.defs.faces import faces_and_embeddings
from memoria_pipeline.defs.holding import Gate
from memoria_pipeline.defs.media import media
from memoria_pipeline.defs.model_change import NewPack, clusters_beside, faces_beside
from memoria_pipeline.defs.questions import questions
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.defs.tags import tags
from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.store import db, decisions, erasure, persons
from memoria_pipeline.store.photos import FoundPhoto
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.model import Detection, Face
from memoria_pipeline_tests.store.factories import LEFT, ORGANISER, RIGHT, Box, an_event

NUMBERS = {"merge": 0.5, "attach": 0.5, "margin": 0.1, "trust": 0.5, "slope": 10, "even": 0.4}


def _face(model: str, key: str, box: Box, who: int) -> Face:
    """A box that trembles with the photo and the pack, and a vector near that of the person."""
    chance = np.random.default_rng(list(f"{model} {key} {who}".encode()))
    vector = chance.normal(size=512).astype(np.float32) * 0.01
    vector[who] = 1
    x, y, w, h = box
    moved = (x + float(chance.random()) * 0.02, y, w, h)
    points = chance.random((5, 2)).astype(np.float32)
    return Face(Detection(moved, points, 0.9), 0.75, "A", vector / np.linalg.norm(vector))


@dataclass(frozen=True)
class Eyes:
    """Finds the two people in every photo."""

    pack: str = "pack"

    def thresholds(self, model: str) -> Mapping[str, float]:
        return NUMBERS

    def other(self, setting: str) -> "Eyes":
        return Eyes(setting)

    def analyse(self, model: str, keys: Sequence[str], *_: Any, **__: Any) -> Iterator[Outcome]:
        for key in keys:
            both = (_face(model, key, LEFT, 0), _face(model, key, RIGHT, 1))
            yield Outcome(key, sha256(key.encode()).hexdigest(), 640, 480, both, seconds=0.1)


@dataclass
class Shelf:
    """Where the photos are."""

    keys: list[str]

    def found(self, root: str) -> list[FoundPhoto]:
        return [FoundPhoto(key, 1000, "1") for key in self.keys]

    def reader(self, root: str) -> Callable[[str], bytes]:
        return str.encode


class Ungated(GroupingConfig):
    """Quality is not what this is about."""

    def gate(self, *_: Any) -> Gate:
        return Gate(seen={"canary_wrong": 0}, despite=True)


@dataclass
class Moments:
    """Counts the times at which no transaction is open; does something at one of them."""

    when: int = -1
    what: Callable[[], object] = lambda: None
    seen: int = 0

    def come(self) -> None:
        self.seen += 1
        if self.seen - 1 == self.when:
            self.what()


@dataclass(frozen=True, slots=True)
class Interrupted(Store):
    """The database, with something that happens before one of the transactions."""

    moments: Moments = field(default_factory=Moments)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        self.moments.come()
        with db.connect(db.engine(self.url)) as conn:
            yield conn


@dataclass(frozen=True)
class Asked:
    """What the bodies of assets ask of their context."""

    partition_key: str
    retry_number: int = 0
    log: logging.Logger = field(default_factory=logging.getLogger)


@dataclass(frozen=True)
class Party:
    """An event of three photos; the guest on the left is erased, the one on the right stays."""

    url: str
    event: UUID
    shelf: Shelf
    guest: UUID
    stays: UUID
    email: str

    def step(self, store: Store, asset: Any, config: dg.Config | None = None, **more: Any) -> None:
        """One asset, tried again as Dagster would where it asks for that."""
        given = {"store": store, **more} | ({"config": config} if config else {})
        for _ in range(3):
            context = Asked(str(self.event))
            try:
                result = asset.op.compute_fn.decorated_fn(context, **given)
                if isinstance(result, Iterator):
                    list(result)
            except dg.RetryRequested:
                continue
            return
        raise AssertionError("an asset gave up")

    def look(self, store: Store) -> None:
        eyes = Eyes()
        self.step(store, media, photos=self.shelf)
        self.step(store, faces_and_embeddings, photos=self.shelf, detector=eyes)
        self.step(store, clusters, Ungated(churn_limit=1.0), detector=eyes)

    def life(self, store: Store) -> None:
        """What goes on in an event: photos come, people decide, everything is computed anew."""
        eyes = Eyes()
        self.step(store, questions, detector=eyes)
        self.step(store, cluster_comparison, ComparisonConfig(again=True), detector=eyes)
        self.shelf.keys.append("late.jpg")
        self.look(store)
        self._decide(store)
        self.step(store, clusters, Ungated(churn_limit=1.0, force=True), detector=eyes)
        self.step(store, tags)
        self.step(store, faces_beside, NewPack(face_model="new"), photos=self.shelf, detector=eyes)
        self.step(store, clusters_beside, Ungated(churn_limit=1.0), detector=eyes)
        self.step(store, questions, detector=eyes)
        self.step(store, tags)
        with store.transaction():
            pass  # the last moment of all

    def _decide(self, store: Store) -> None:
        """As from a page: what was shown was read before. Of both guests, and taken back."""
        for user in (self.stays, self.guest):
            with store.transaction() as conn:
                faces = list(conn.scalars(_THEIRS, {"event": self.event, "user": user}))
                person = conn.scalar(_LINKED, {"event": self.event, "user": user})
            try:
                with store.transaction() as conn:
                    made = decisions.ignore_faces(conn, self.event, faces[:1], actor=ORGANISER)
                with store.transaction() as conn:
                    decisions.undo(conn, self.event, made.id, actor=ORGANISER)
                with store.transaction() as conn:
                    who: dict[str, Any] = {"actor": ORGANISER}
                    decisions.confirm(conn, self.event, faces, cast(UUID, person), **who)
                    decisions.assign(conn, self.event, cast(UUID, person), user, **who)
            except MemoriaError:
                assert user == self.guest  # who is not there any more

    def erase(self) -> UUID:
        with db.connect(db.engine(self.url)) as conn:
            asked = erasure.request(conn, "person", self.event, user=self.guest)
            erasure.erase_rows(conn, asked)
            return asked


_THEIRS = sa.text(
    "select f.id from memoria.faces f join memoria.face_persons p on p.id = f.face_person_id"
    " where f.event_id = :event and p.linked_user_id = :user order by f.id"
)
_LINKED = sa.text(
    "select id from memoria.face_persons where event_id = :event and linked_user_id = :user"
)
_FROM_LEFT = sa.text(
    "select id from memoria.faces where event_id = :event order by (bbox ->> 'x')::real"
)
_JOIN = sa.text(
    "insert into memoria.event_members (event_id, user_id, role, email)"
    " values (:event, :user, :role, :email)"
)


def a_party(url: str) -> Party:
    """Looked at, grouped, both guests assigned."""
    with db.connect(db.engine(url)) as conn:
        event = an_event(conn)
        email = f"{event.hex[:8]}@example.org"
        party = Party(url, event, Shelf([f"{i}.jpg" for i in range(3)]), uuid4(), uuid4(), email)
        for user, role in (
            (ORGANISER, "organiser"),
            (party.guest, "guest"),
            (party.stays, "guest"),
        ):
            address = email if user == party.guest else None
            conn.execute(_JOIN, {"event": event, "user": user, "role": role, "email": address})
    party.look(Store(url))
    with db.connect(db.engine(url)) as conn:
        faces = conn.scalars(_FROM_LEFT, {"event": event}).all()
        for face, user in ((faces[0], party.guest), (faces[-1], party.stays)):
            person = persons.current(conn, event)[face]
            decisions.assign(conn, event, person, user, actor=ORGANISER)
    return party
