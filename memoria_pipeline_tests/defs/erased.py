"""A small event with somebody to erase, and what it takes to erase them, for tests."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import dagster as dg
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from memoria_pipeline.defs.proving import Work
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.privacy.receipt import Keys
from memoria_pipeline.review.mail import Outbox
from memoria_pipeline.store import db, erasing, erasure, media, persons
from memoria_pipeline.store.erased_files import Places
from memoria_pipeline.store.erasing import Erasure
from memoria_pipeline_tests.store.factories import (
    LEFT,
    PACK,
    RIGHT,
    Album,
    a_face,
    an_event,
    analysed,
    faces_of,
    group,
    photos,
)

KEYS = Keys("s" * 32, "t" * 32)


@dataclass(frozen=True)
class Guest:
    """Who is erased: on the left of every photo, linked, tagged, a member with an address."""

    event: UUID
    user: UUID
    email: str
    person: UUID
    album: Album
    vectors: list[NDArray[np.float32]]


def a_guest(conn: sa.Connection, size: int = 3, root: Path | None = None) -> Guest:
    """An event of so many photos with two people, of whom the left one is a guest."""
    event = an_event(conn)
    if root is not None:
        _do(conn, "update memoria.events set photo_root = :r where id = :e", r=str(root), e=event)
    ids = photos(conn, event, *(f"{i:03}.jpg" for i in range(size)))
    left = [a_face(LEFT) for _ in ids]
    found = [analysed(p, face, a_face(RIGHT)) for p, face in zip(ids, left, strict=True)]
    media.save_analysis(conn, found, PACK)
    album = Album(event, ids, [faces_of(conn, photo) for photo in ids])
    group(conn, event, [[f[0] for f in album.faces], [f[1] for f in album.faces]])
    person = persons.current(conn, event)[album.faces[0][0]]
    assert person is not None
    user = uuid4()
    email = f"guest.{user.hex[:12]}@example.org"
    _do(
        conn,
        "insert into memoria.event_members (event_id, user_id, role, email)"
        " values (:e, :u, 'guest', :m), (:e, gen_random_uuid(), 'member', :other)",
        e=event,
        u=user,
        m=email,
        other=f"stays.{event.hex[:8]}@example.org",
    )
    linked = "update memoria.face_persons set status = 'linked', linked_user_id = :u where id = :p"
    _do(conn, linked, u=user, p=person)
    for photo, (face, _) in zip(album.photos, album.faces, strict=True):
        _do(
            conn,
            "insert into memoria.media_tags"
            " (media_id, tagged_user_id, tagged_by_user_id, source, face_id)"
            " values (:photo, :user, gen_random_uuid(), 'face_clustering', :face)",
            photo=photo,
            user=user,
            face=face,
        )
    return Guest(event, user, email, person, album, [face.embedding for face in left])


def _do(conn: sa.Connection, statement: str, **values: object) -> None:
    conn.execute(sa.text(statement), values)


@dataclass(frozen=True)
class Office:
    """Where erasures are done: a database, a home, an instance of Dagster."""

    engine: sa.Engine
    home: Path
    instance: dg.DagsterInstance
    after: Callable[[str], object] = lambda _: None

    @property
    def url(self) -> str:
        return self.engine.url.render_as_string(hide_password=False)

    @property
    def work(self) -> Work:
        return Work(
            Store(self.url),
            self.instance,
            KEYS,
            self.home / "erasures.jsonl",
            Places(self.home, self.home / "dagster", self.home / "photos"),
            most=10**8,
            after=self.after,
        )

    def told(self, after: Callable[[str], object]) -> "Office":
        return replace(self, after=after)

    def guest(self, size: int = 3, root: Path | None = None) -> Guest:
        with db.connect(self.engine) as conn:
            return a_guest(conn, size, root)

    def ask(self, guest: Guest, scope: erasure.Scope = "person") -> UUID:
        user = guest.user if scope == "person" else None
        with db.connect(self.engine) as conn:
            return erasure.request(conn, scope, guest.event, user=user, source="cli")

    def erasure(self, erasure_id: UUID) -> Erasure:
        with db.connect(self.engine) as conn:
            return erasing.get(conn, erasure_id)

    def one(self, query: str, **values: Any) -> Any:
        with db.connect(self.engine) as conn:
            return conn.execute(sa.text(query), values).scalar()

    def mail_to(self, email: str, text: str = "Come and see.") -> None:
        Outbox(self.home / "outbox", "memoria@localhost").send(email, "Photos", text)
