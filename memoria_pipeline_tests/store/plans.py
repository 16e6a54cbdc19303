"""What a database with many events plans for each statement of a call, read as tests want it."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store import runs, uploads
from memoria_pipeline_tests.store.factories import PACK, Album, an_album

EVENTS, BUSY, EACH = 1_500, 60, 200
"""Events with no faces beside the album, those of them that have more than a name, and the photos,
persons and jobs of each."""

BIG = ("events", "media", "face_persons", "ml_jobs", "cluster_runs")
"""Tables that grow with the number of events, and that the other events fill here. `uploads` holds
what waits alone."""


@dataclass(frozen=True, slots=True)
class Step:
    """One scan of a plan: how, of which table, and for which statement."""

    kind: str
    table: str
    statement: str

    def __str__(self) -> str:
        return f"{self.kind} on {self.table}: {self.statement[:160]}"


@dataclass(slots=True)
class World:
    """An album with people, one more with faces, and events that are done, with statistics."""

    album: Album
    neighbour: Album
    persons: list[UUID]


def a_world(conn: sa.Connection) -> World:
    """Committed by nobody: as many rows as some months bring."""
    album, neighbour = an_album(conn, 150), an_album(conn, 20)
    others = list(conn.scalars(sa.text(_EVENTS), {"events": EVENTS}))[:BUSY]
    for statement in _FILL:
        conn.execute(sa.text(statement), {"events": others, "each": EACH, "pack": PACK})
    uploads.notice(conn, None)
    faces = [face for photo in album.faces for face in photo]
    labels = [(face, i // 3, 0.9, 0.2) for i, face in enumerate(faces)]
    grouping: dict[str, Any] = {"model": PACK, "method": "constrained", "parameters": {}}
    grouping |= {"measures": {}, "fingerprint": "", "labels": labels}
    runs.save_grouping(conn, album.event, persons=[None] * (len(faces) // 3), **grouping)
    persons = list(
        conn.scalars(
            sa.text("select id from memoria.face_persons where event_id = :event order by id"),
            {"event": album.event},
        )
    )
    for table in (*BIG, "uploads", "faces", "decisions", "media_tags"):
        conn.execute(sa.text(f"analyze memoria.{table}"))
    return World(album, neighbour, persons)


_EVENTS = (
    "insert into memoria.events (name, status)"
    " select 'Fête ' || n, 'archived' from generate_series(1, :events) n returning id"
)
_FILL = (
    "insert into memoria.media (event_id, storage_key, status, sha256, face_model, faces_found,"
    " analysed_at, arrived, arrived_at) select e, n || '.jpg', 'analysed',"
    " encode(sha256(convert_to(e::text || n, 'UTF8')), 'hex'), :pack, 0, now(), null, null"
    " from unnest(cast(:events as uuid[])) e, generate_series(1, :each) n",
    "insert into memoria.media (event_id, storage_key)"
    " select e, 'new.jpg' from unnest(cast(:events as uuid[])) e",
    "insert into memoria.face_persons (event_id, model)"
    " select e, :pack from unnest(cast(:events as uuid[])) e, generate_series(1, :each)",
    "insert into memoria.ml_jobs (event_id, job_type, status, completed_at)"
    " select e, 'detect', 'completed', now()"
    " from unnest(cast(:events as uuid[])) e, generate_series(1, :each)",
    "insert into memoria.cluster_runs (event_id, kind, method, parameters, measures, model,"
    " fingerprint, status, published_at) select e, 'full', 'constrained', '{}', '{}', :pack, '',"
    " 'published', now() from unnest(cast(:events as uuid[])) e, generate_series(1, 40)",
)


@contextmanager
def planned(conn: sa.Connection) -> Iterator[list[Step]]:
    """The scans of all that is executed meanwhile, as planned right before it is."""
    found: list[Step] = []

    def look(_: Any, cursor: Any, statement: str, values: Any, *__: Any) -> None:
        if statement.lstrip().split(maxsplit=1)[0].lower() in _PLANNED:
            with closing(conn.connection.cursor()) as another:
                another.execute(f"explain (format json) {statement}", values)
                answer = (another.fetchone() or ["[]"])[0]
            plans = json.loads(answer) if isinstance(answer, str) else answer
            found.extend(_scans(plans[0]["Plan"], " ".join(statement.split())))

    sa.event.listen(conn, "before_cursor_execute", look)
    try:
        yield found
    finally:
        sa.event.remove(conn, "before_cursor_execute", look)


_PLANNED = {"select", "insert", "update", "delete", "with"}


def _scans(node: dict[str, Any], statement: str) -> Iterator[Step]:
    if "Scan" in node["Node Type"] and "Relation Name" in node:
        yield Step(node["Node Type"], node["Relation Name"], statement)
    for child in node.get("Plans", ()):
        yield from _scans(child, statement)
