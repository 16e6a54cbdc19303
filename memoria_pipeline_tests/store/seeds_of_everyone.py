"""The rows of everyone, in a database."""

import json
from collections.abc import Iterator
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline_tests.store.rows_of_everyone import MEMBERS, Row, World, rows


def insert(conn: sa.Connection, table: str, row: Row, columns: list[str] | None = None) -> None:
    """Insert these columns of the row, or all it has."""
    names = ", ".join(columns if columns is not None else row)
    relation = f"memoria.{table.split()[0]}"
    conn.execute(
        sa.text(
            f"insert into {relation} ({names}) select {names}"  # noqa: S608
            f" from json_populate_record(null::{relation}, cast(:row as json))"
        ),
        {"row": json.dumps(row)},
    )


def seed(conn: sa.Connection) -> World:
    """Fill every table, as whoever owns them."""
    world = World()
    for event in (world.first, world.second):
        values = {"id": event, "root": f"/seed/{event}"}
        conn.execute(_EVENT, values)
        conn.execute(sa.text("select memoria.create_beside_partition(:id)"), {"id": event})
    for event, name in _everyone(world):
        _photos_of(conn, world, event, name)
    for event, name in _everyone(world):
        for table, row in rows(world, event, name, fresh=False).items():
            _seed(conn, world, (table, event, name), row)
    conn.execute(sa.text("set constraints all immediate"))
    return world


_EVENT = sa.text(
    "insert into memoria.events (id, name, photo_root, face_model, face_recognition_enabled)"
    " values (:id, 'Fête', :root, 'pack', true)"
)


def _everyone(world: World) -> Iterator[tuple[UUID, str]]:
    yield from ((world.first, name) for name in (*MEMBERS, "stranger", "other"))
    yield from ((world.second, name) for name in (*MEMBERS, "stranger", "third"))


def _photos_of(conn: sa.Connection, world: World, event: UUID, name: str) -> None:
    """What other rows point at: photos, persons, faces and runs, some of them spare."""
    allow(conn, world, event, name)
    for what in ("", "spare "):
        photo, face, run = (str(world.id(what + each, event, name)) for each in _POINTED)
        made = rows(world, event, name, fresh=False)
        insert(conn, "media", made["media"] | {"id": photo, "storage_key": f"{photo}.jpg"})
        if not what:
            insert(conn, "face_persons", made["face_persons"])
        insert(conn, "faces", made["faces"] | {"id": face, "media_id": photo})
        insert(conn, "cluster_runs", made["cluster_runs"] | {"id": run})
        asked = {"id": str(world.id(f"{what}erasure", event, name))}
        insert(conn, "erasures", made["erasures"] | asked)


_POINTED = ("photo", "face", "run")


def _seed(conn: sa.Connection, world: World, key: tuple[str, UUID, str], row: Row) -> None:
    table, event, name = key
    if table == "opened" or (table == "event_members" and not _belongs(world, event, name)):
        return  # opened: the triggers of decisions write it
    world.seeded[key] = row
    if table in _POINTED_AT:
        return  # it is there
    if table in _PER_EVENT:
        first = next(each for each in world.seeded if each[:2] == (table, event))
        if first != key:
            world.seeded[key] = world.seeded[first]
            return
        gone = f"delete from memoria.{table} where event_id = :e"  # noqa: S608
        conn.execute(sa.text(gone), {"e": event})
    insert(conn, table, row)


def _belongs(world: World, event: UUID, name: str) -> bool:
    return name == "third" if event == world.second else name != "stranger"


_POINTED_AT = ("events", "media", "face_persons", "faces", "cluster_runs", "erasures")
_PER_EVENT = ("event_keys", "forecasts", "backfills", "uploads", "watched", "moves")


def allow(conn: sa.Connection, world: World, event: UUID, *names: str) -> None:
    """Let this transaction change what humans decided, as a decision of the event does."""
    faces = [str(world.id(f"{w}face", event, name)) for name in names for w in ("", "spare ")]
    persons = [str(world.id("person", event, name)) for name in names]
    row = rows(world, event, "other", fresh=True)["decisions"]
    insert(conn, "decisions", row | {"affected_face_ids": faces, "affected_person_ids": persons})
