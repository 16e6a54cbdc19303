"""An event of real pictures whose people are known, asked about, and served to a browser."""

import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import sqlalchemy as sa
import uvicorn

from memoria_pipeline.album.plan import Plan
from memoria_pipeline.album.sample import TruthFace, make_photo
from memoria_pipeline.album.sources import WALLS
from memoria_pipeline.people.forecast import Forecast
from memoria_pipeline.review.app import create_app
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.store import db, decisions, events, media, questions
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.store.questions import Batch, Made
from memoria_pipeline_tests.review.seeded import parts_for
from memoria_pipeline_tests.store.factories import PACK, a_face, analysed, faces_of, group

NAMES = ("Anna", "Bruno", "Chloé", "David", "Emma", "Farid", "Gaëlle", "Hugo")
ADDRESS = "odile@example.org"
_ALONE = [Plan((number,), 0.5) for number in range(8)]
_TOGETHER = [
    Plan((0, 1), 1.0),
    Plan((2, 3), 1.0),
    Plan((4, 5), 1.0),
    Plan((0, 1, 2, 3, 4, 5), 1.5),
    Plan((0, 6, 7), 1.5, WALLS[0]),
    Plan((5, 6, 7), 1.5, WALLS[0]),
]
PLANS = [*_ALONE, *_TOGETHER]
SEED = 7


@dataclass(frozen=True)
class Staged:
    """engine: of the owner. faces: identity → faces, in the order of the photos. persons: the
    clusters: "0" and "0 again" are one person, "4" holds a face of 5, "7 again" is to be ignored.
    """

    engine: sa.Engine
    parts: Parts
    base: str
    folder: Path
    event: UUID
    photos: list[UUID]
    faces: dict[str, list[UUID]]
    persons: dict[str, UUID]
    users: dict[str, UUID]

    def mailed(self, pattern: str) -> str:
        """What the newest mail says that matches, its line breaks mended; mails go out after the
        page has answered."""
        for _ in range(200):
            for path in sorted((self.folder / "outbox").glob("*.eml"), reverse=True):
                found = re.search(pattern, path.read_text().replace("=\n", "").replace("=3D", "="))
                if found:
                    return found[0]
            time.sleep(0.05)
        raise AssertionError("no such mail")


@contextmanager
def staged(engine: sa.Engine, folder: Path) -> Iterator[Staged]:
    """Make the event in an empty database, and serve it on a port of this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        parts = parts_for(engine, folder, review_url=base)
        with db.connect(engine) as conn:
            made = _event(conn, engine, parts, base, folder)
        with _served(parts, listening):
            yield made
    parts.engine.dispose()


@contextmanager
def _served(parts: Parts, listening: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(create_app(parts), log_level="error", access_log=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    yield
    server.should_exit = True
    thread.join(20)


def _event(conn: sa.Connection, engine: sa.Engine, parts: Parts, base: str, folder: Path) -> Staged:
    root = folder / "album"
    root.mkdir()
    truth = [make_photo(root, number, plan, SEED) for number, plan in enumerate(PLANS, 1)]
    event = events.ensure(
        conn, name="Mariage d’Odile", photo_root=str(root), face_model=PACK, consent=True
    )
    media.register(conn, event, list(Photos(str(root)).list([".jpg"])))
    photos = [each.id for each in media.pending(conn, event, PACK)]
    faces = _found(conn, photos, truth)
    clusters = _clusters(faces)
    group(conn, event, list(clusters.values()))
    query = sa.text("select face_person_id from memoria.faces where id = :face")
    persons = {
        name: conn.execute(query, {"face": some[0]}).scalar_one() for name, some in clusters.items()
    }
    users = _members(conn, event)
    _ask(conn, event, persons, clusters)
    return Staged(engine, parts, base, folder, event, photos, faces, persons, users)


def _found(
    conn: sa.Connection, photos: Sequence[UUID], truth: Sequence[Sequence[TruthFace]]
) -> dict[str, list[UUID]]:
    found: dict[str, list[UUID]] = {}
    for photo, some in zip(photos, truth, strict=True):
        ordered = sorted(some, key=lambda each: each.box[0])
        media.save_analysis(conn, [analysed(photo, *(a_face(each.box) for each in ordered))], PACK)
        for each, face in zip(ordered, faces_of(conn, photo), strict=True):
            found.setdefault(each.identity, []).append(face)
    return found


def _clusters(faces: dict[str, list[UUID]]) -> dict[str, list[UUID]]:
    """As a machine may err."""
    some = {str(number): list(each) for number, each in enumerate(faces.values())}
    some["0 again"] = [some["0"].pop(), some["0"].pop()]
    some["4"].append(some["5"].pop(0))
    some["7 again"] = [some["7"].pop()]
    return some


def _members(conn: sa.Connection, event: UUID) -> dict[str, UUID]:
    users = {name: uuid4() for name in ("Odile", *NAMES)}
    for name, user in users.items():
        conn.execute(
            sa.text(
                "insert into memoria.event_members (event_id, user_id, role, display_name, email)"
                " values (:event, :user, :role, :name, :email)"
            ),
            {
                "event": event,
                "user": user,
                "name": name,
                "role": "organiser" if name == "Odile" else "member",
                "email": ADDRESS if name == "Odile" else None,
            },
        )
    return users


def _ask(
    conn: sa.Connection,
    event: UUID,
    persons: dict[str, UUID],
    clusters: dict[str, list[UUID]],
) -> None:
    def asked(kind: str, *names: str, p: float = 0.9) -> Made:
        faces = [face for name in names for face in clusters[name][: 1 if kind != "mixed" else 99]]
        return Made(kind, tuple(persons[each] for each in names), tuple(faces), p, 1.0, {})

    made = [
        asked("same_person", "0", "0 again"),
        asked("mixed", "4"),
        *(asked("name", str(number)) for number in range(8)),
    ]
    forecast = Forecast(0.9, {0.95: 2, 0.99: 3})
    questions.save(conn, event, Batch(made, forecast, 10, decisions.last_seq(conn, event)))
