"""A made-up event of 5,000 people, 20,000 photos and 60,000 faces, put into a real database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from memoria_pipeline.store import copy, db
from memoria_pipeline_tests.bench.filled import event_of, filled

PEOPLE, PHOTOS, FACES = 5_000, 20_000, 60_000
ORGANISERS = 50
PACK = "insightface:crowd"
_SEED = 7


@dataclass(frozen=True)
class Crowd:
    """The event, its organisers, and two ways in: as the owner, and as the review logs in."""

    home: Path
    url: str
    event: UUID
    organisers: list[UUID]

    @property
    def api_url(self) -> str:
        """Of the login memoria_api."""
        url = sa.make_url(self.url).set(username="memoria_api")
        return url.render_as_string(hide_password=False)

    def rows(self, query: str, **values: object) -> list[sa.Row[tuple[object, ...]]]:
        """What a query of the owner gives."""
        with db.connect(db.engine(self.url)) as conn:
            return list(conn.execute(sa.text(query), {"event": self.event, **values}))


@contextmanager
def crowd() -> Iterator[Crowd]:
    """The event on an embedded server of its own; gone afterwards."""
    with filled(_fill) as (home, url, (event, organisers)):
        yield Crowd(home, url, event, organisers)


def _fill(conn: sa.Connection) -> tuple[UUID, list[UUID]]:
    event = event_of(conn, PHOTOS, PACK)
    organisers = list(conn.scalars(_ORGANISERS, {"event": event, "n": ORGANISERS}))
    conn.execute(_PERSONS, {"event": event, "n": PEOPLE, "pack": PACK})
    _faces(conn, event)
    conn.execute(sa.text("select memoria.refresh_person_counts(:event)"), {"event": event})
    return event, organisers


_ORGANISERS = sa.text(
    "insert into memoria.event_members (event_id, user_id, role, display_name)"
    " select :event, gen_random_uuid(), 'organiser', 'Organiser ' || i"
    " from generate_series(1, :n) i returning user_id"
)
_PERSONS = sa.text(
    "insert into memoria.face_persons (event_id, cluster_label, model) select :event, i, :pack"
    " from generate_series(1, :n) i"
)


def who() -> NDArray[np.int64]:
    """(60,000,) the person of each face: everybody twice, the others as guests are seen: few very
    often. In order, so that faces dealt out to photos in turn are never twice in one."""
    chance = np.random.default_rng(_SEED)
    often = np.floor(PEOPLE * chance.random(FACES - 2 * PEOPLE) ** 3).astype(np.int64)
    return np.sort(np.concatenate([np.repeat(np.arange(PEOPLE), 2), often]))


def vectors(people: NDArray[np.int64], d: int = 512) -> NDArray[np.float32]:
    """(n, d) unit rows; two of one person are .6 alike on average, and a tenth of them less."""
    chance = np.random.default_rng(_SEED)
    middle = chance.normal(size=(PEOPLE, d)).astype(np.float32) / np.sqrt(d)
    noise = np.where(chance.random(len(people)) < 0.1, 1.4, 0.8)[:, None] / np.sqrt(d)
    found = middle[people] + noise * chance.normal(size=(len(people), d))
    unit: NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit.astype(np.float32)


def _faces(conn: sa.Connection, event: UUID) -> None:
    people = who()
    columns = {
        "face": np.arange(FACES, dtype=copy.INT4),
        "person": people.astype(copy.INT4),
        "quality": np.random.default_rng(_SEED).uniform(0.3, 1, FACES).astype(copy.FLOAT4),
        "embedding": copy.halfvecs(vectors(people), 512),
    }
    conn.execute(
        sa.text(
            "create temp table crowd (face integer, person integer, quality real,"
            " embedding halfvec(512)) on commit drop"
        )
    )
    copy.copy_in(conn, "copy crowd from stdin (format binary)", columns)
    conn.execute(_FACES, {"event": event, "pack": PACK, "photos": PHOTOS})


_FACES = sa.text(
    "with p as (select id, cluster_label - 1 as n from memoria.face_persons"
    "  where event_id = :event),"
    " m as (select id, row_number() over (order by id) - 1 as n from memoria.media"
    "  where event_id = :event)"
    " insert into memoria.faces (event_id, media_id, face_person_id, machine_person_id, bbox,"
    " embedding, model, quality_score, quality_class, probability, margin, det_score)"
    " select :event, m.id, p.id, p.id, jsonb_build_object('x', 0.1 + 0.25 * (c.face / :photos),"
    " 'y', 0.2, 'w', 0.1, 'h', 0.15), c.embedding, :pack, c.quality, 'A', 0.9, 0.2, 0.9"
    " from crowd c join p on p.n = c.person join m on m.n = c.face % :photos"
)
