"""A made-up event on a real database, with real photo files, and clients of everybody around it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import anyio.from_thread
import cv2
import httpx
import numpy as np
import sqlalchemy as sa
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI

from memoria_pipeline.review.app import create_app
from memoria_pipeline.review.limits import RATES, Limiter
from memoria_pipeline.review.mail import Outbox
from memoria_pipeline.review.models import Models
from memoria_pipeline.review.parts import AT_ONCE, Parts
from memoria_pipeline.review.signed import Signer
from memoria_pipeline.review.tokens import Tokens
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import db, events, media
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline_tests.store.factories import (
    LEFT,
    PACK,
    RIGHT,
    a_face,
    analysed,
    faces_of,
    group,
)

IN_THE_EVENT = ("organiser", "photographer", "member", "guest")
ROLES = (*IN_THE_EVENT, "stranger", "nobody", "service")
URL = "http://memoria.test"
NAMES = {"organiser": "Odile", "photographer": "Paul", "member": "Marie", "guest": "Gaston"}


class InProcess(httpx.BaseTransport):
    """The application, called from any thread; its own errors are answers, as of a server."""

    def __init__(self, app: Any, portal: BlockingPortal) -> None:
        self._inner = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._portal = portal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._portal.call(self._answer, request)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        sent = httpx.Request(
            request.method, request.url, headers=request.headers, content=request.read()
        )
        answer = await self._inner.handle_async_request(sent)
        body = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=body)


@dataclass(frozen=True)
class Seeded:
    """Three photos; two people on each (left, right) who are `persons`; users by role.

    engine: of the owner, whom row level security does not hold back.
    """

    engine: sa.Engine
    app: FastAPI
    parts: Parts
    portal: BlockingPortal
    root: Path
    event: UUID
    photos: list[UUID]
    faces: list[list[UUID]]
    persons: list[UUID]
    users: dict[str, UUID]
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, **more: Any) -> httpx.Client:
        """A browser of nobody yet."""
        made = httpx.Client(transport=InProcess(self.app, self.portal), base_url=URL, **more)
        self.clients.append(made)
        return made

    def client_of(self, role: str) -> httpx.Client:
        """A client that sends this role's token; nobody's sends none."""
        if role == "nobody":
            return self.client()
        token = self.parts.tokens.make(self.users.get(role), 600, service=role == "service")
        return self.client(headers={"authorization": f"Bearer {token}"})


@contextmanager
def seeded(engine: sa.Engine, folder: Path) -> Iterator[Seeded]:
    """Seed an empty database, and serve the review on it."""
    root = folder / "album"
    album(root)
    users = {role: uuid4() for role in (*IN_THE_EVENT, "stranger")}
    with db.connect(engine) as conn:
        event, photos, faces = _event(conn, root)
        persons = _people(conn, event, faces)
        _members(conn, event, users)
        tag(conn, event, photos[0], users["guest"], by=users["organiser"])
    parts = parts_for(engine, folder)
    with anyio.from_thread.start_blocking_portal() as portal:
        made = Seeded(
            engine, create_app(parts), parts, portal, root, event, photos, faces, persons, users
        )
        yield made
        for each in made.clients:
            each.close()
    parts.engine.dispose()


def album(root: Path, photos: int = 3) -> None:
    """Real JPEG files: noise, with two coloured boxes where the faces are."""
    root.mkdir(parents=True)
    random = np.random.default_rng(5)
    for number in range(photos):
        pixels = random.integers(90, 160, (480, 640, 3), dtype=np.uint8)
        for box, colour in ((LEFT, (200, 40, 40)), (RIGHT, (40, 40, 200))):
            x, y, w, h = (round(v * s) for v, s in zip(box, (640, 480) * 2, strict=True))
            pixels[y : y + h, x : x + w] = colour
        cv2.imwrite(str(root / f"{number:03}.jpg"), pixels)


def _event(conn: sa.Connection, root: Path) -> tuple[UUID, list[UUID], list[list[UUID]]]:
    event = events.ensure(conn, name="Fête", photo_root=str(root), face_model=PACK, consent=True)
    media.register(conn, event, list(Photos(str(root)).list([".jpg"])))
    photos = [each.id for each in media.pending(conn, event, PACK)]
    media.save_analysis(conn, [analysed(p, a_face(LEFT), a_face(RIGHT)) for p in photos], PACK)
    return event, photos, [faces_of(conn, photo) for photo in photos]


def _people(conn: sa.Connection, event: UUID, faces: list[list[UUID]]) -> list[UUID]:
    sides = [[pair[side] for pair in faces] for side in (0, 1)]
    group(conn, event, sides)
    query = sa.text("select face_person_id from memoria.faces where id = :face")
    return [conn.execute(query, {"face": side[0]}).scalar_one() for side in sides]


def _members(conn: sa.Connection, event: UUID, users: dict[str, UUID]) -> None:
    for role in IN_THE_EVENT:
        conn.execute(
            sa.text(
                "insert into memoria.event_members (event_id, user_id, role, display_name, email)"
                " values (:event, :user, :role, :name, :email)"
            ),
            {
                "event": event,
                "user": users[role],
                "role": role,
                "name": NAMES[role],
                "email": f"{role}@example.org",
            },
        )


def tag(conn: sa.Connection, event: UUID, photo: UUID, user: UUID, by: UUID) -> None:
    """A tag by hand: what lets a guest see a photo."""
    conn.execute(
        sa.text(
            "insert into memoria.media_tags (event_id, media_id, tagged_user_id,"
            " tagged_by_user_id, source) values (:event, :photo, :user, :by, 'manual')"
        ),
        {"event": event, "photo": photo, "user": user, "by": by},
    )


def parts_for(engine: sa.Engine, folder: Path, **settings: Any) -> Parts:
    """As parts_of makes them, for the database of `engine`, with rates that no test meets."""
    url = engine.url.set(username="memoria_api").render_as_string(hide_password=False)
    given: dict[str, Any] = {"home": folder, "review_url": URL, "uploads": folder, **settings}
    return Parts(
        db.pooled(url, AT_ONCE),
        Settings(**given),
        Signer(b"s" * 48),
        Tokens("t" * 48, service_key="k" * 48),
        Outbox(folder / "outbox", "memoria@example.org"),
        Limiter(dict.fromkeys(RATES, "1000000/minute")),
        Models(Detector("dlib")),
    )


ClientOf = Callable[[str], httpx.Client]
