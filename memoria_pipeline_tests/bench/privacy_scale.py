"""Erasing a person of an event of 20,000 faces on a real `memoria up`: how long until it is proven.

Once with the event at rest and once while it is being processed: photos analysed, everybody grouped
afresh. From the request, as another application makes it in SQL, to a receipt that verifies.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import sqlalchemy as sa

from memoria_pipeline.store import copy, media
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.vision.photo import EXTENSIONS
from memoria_pipeline_tests.bench import uploaded
from memoria_pipeline_tests.bench.crowd import vectors
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.stack import Stack, running, until

FACES, PHOTOS, PEOPLE = 20_000, 7_000, 1_700
ALLOWED = 60.0
"""Seconds from the request to the receipt."""

_NEW = 30  # photos that wait to be analysed while somebody is erased


@dataclass(frozen=True, slots=True)
class Big:
    """The event, and the users who are its two most frequent people."""

    event: UUID
    folder: Path
    users: list[UUID]


def rows() -> Iterator[Row]:
    """At rest, and while it is processed."""
    with uploaded.album() as photos, running() as stack:
        big = fill(stack)
        yield from _erased(stack, big, big.users[0], "at rest", ())
        yield from _erased(stack, big, big.users[1], "while it is processed", photos.paths[:_NEW])


def fill(stack: Stack) -> Big:
    """An event of 20,000 faces, grouped; its photos are all there, and none waits."""
    folder = stack.home / "crowd"
    folder.mkdir()
    (folder / "made-up-0.jpg").write_bytes(b"not looked at")
    for i in range(1, PHOTOS):
        (folder / f"made-up-{i}.jpg").hardlink_to(folder / "made-up-0.jpg")
    users = [uuid4(), uuid4()]
    with stack.memoria.begin() as conn:
        values: dict[str, Any] = {"pack": stack.model, "root": str(folder)}
        event: UUID = conn.execute(_EVENT, values).scalar_one()
        media.register(conn, event, list(Photos(str(folder)).list(EXTENSIONS)))
        conn.execute(_ANALYSE, {"event": event, "pack": stack.model})
        conn.execute(_NOTHING_WAITS, {"event": event})
        conn.execute(_PERSONS, {"event": event, "n": PEOPLE, "pack": stack.model})
        _faces(conn, event, stack.model)
        conn.execute(_FOUND, {"event": event})
        conn.execute(_COUNTS, {"event": event})
        for n, user in enumerate(users):
            values = {"event": event, "user": user, "email": f"{user}@example.org", "n": n + 1}
            conn.execute(_MEMBER, values)
            conn.execute(_LINK, values)
            conn.execute(_TAGS, values)
    return Big(event, folder, users)


def _faces(conn: sa.Connection, event: UUID, pack: str) -> None:
    chance = np.random.default_rng(7)
    often = np.floor(PEOPLE * chance.random(FACES - 2 * PEOPLE) ** 3).astype(np.int64)
    people = np.sort(np.concatenate([np.repeat(np.arange(PEOPLE), 2), often]))
    columns = {
        "face": np.arange(FACES, dtype=copy.INT4),
        "person": people.astype(copy.INT4),
        "quality": chance.uniform(0.3, 1, FACES).astype(copy.FLOAT4),
        "embedding": copy.halfvecs(vectors(people), 512),
    }
    conn.execute(_STAGE)
    copy.copy_in(conn, "copy crowd from stdin (format binary)", columns)
    conn.execute(_FACES, {"event": event, "pack": pack, "photos": PHOTOS})


def _erased(
    stack: Stack, big: Big, user: UUID, when: str, arriving: Sequence[Path]
) -> Iterator[Row]:
    values = {"event": big.event, "user": user}
    row: Any = stack.rows("memoria", _THEIRS, **values)[0]
    persons, faces = row.persons, row.faces
    others = stack.rows("memoria", _OTHERS, **values)[0][0]
    _arrive(stack, big, arriving)
    started = time.monotonic()
    with stack.memoria.begin() as conn:
        asked = conn.execute(sa.text(_ASK), values).scalar_one()
    until(lambda: _done(stack, asked), 300, "The erasure did not come to its end", every=0.1)
    took = time.monotonic() - started
    verified = _memoria(stack, "erase", "verify", str(asked))
    what = f"erasing {faces:,} of {FACES:,} faces, {when}"
    good = took < ALLOWED and verified.returncode == 0 and faces > 200
    yield (
        f"{what}: from the request to the receipt",
        "< 60 s, verified",
        _said(took, verified),
        good,
    )
    if arriving:
        yield _ended(stack, big, what)
    left = stack.rows("memoria", _LEFT, **values, persons=persons)[0][0]
    yield f"{what}: faces, persons, tags left of them", "0", f"{left}", left == 0
    now = stack.rows("memoria", _OTHERS, **values)[0][0]
    yield f"{what}: faces of everyone else", f">= {others:,}", f"{now:,}", now >= others


def _arrive(stack: Stack, big: Big, photos: Sequence[Path]) -> None:
    """New photos, and their run is under way."""
    for path in photos:
        shutil.copy(path, big.folder)
    if photos:
        until(lambda: _analysed(stack, big) > PHOTOS, 180, "The run of the event did not begin")


def _ended(stack: Stack, big: Big, what: str) -> Row:
    """The run that was beside it: all photos analysed, everybody grouped."""
    enough = PHOTOS + _NEW
    until(
        lambda: _analysed(stack, big) >= enough and not stack.unfinished(),
        300,
        "The run beside the erasure did not end",
    )
    found: Any = stack.rows("dagster", _RUNS, event=str(big.event))
    states = {row.status: row.runs for row in found}
    grouped = stack.rows("memoria", _GROUPED, event=big.event)[0][0]
    good = set(states) == {"SUCCESS"} and grouped > 0
    told = ", ".join(f"{n} {status}" for status, n in sorted(states.items()))
    return f"{what}: runs beside it", "all SUCCESS", f"{told}; {grouped} groupings", good


def _said(took: float, verified: "subprocess.CompletedProcess[str]") -> str:
    words = (
        "verified" if verified.returncode == 0 else verified.stdout[-80:] + verified.stderr[-80:]
    )
    return f"{took:.0f} s, {words}"


def _done(stack: Stack, asked: UUID) -> bool:
    return bool(stack.rows("memoria", _STATUS, id=asked)[0][0] == "completed")


def _analysed(stack: Stack, big: Big) -> int:
    return int(stack.rows("memoria", _ANALYSED, event=big.event)[0][0])


def _memoria(stack: Stack, *words: str) -> "subprocess.CompletedProcess[str]":
    tool = str(Path(sys.executable).with_name("memoria"))
    return subprocess.run(
        [tool, *words], env=stack.environment(), capture_output=True, text=True, check=False
    )


_EVENT = sa.text(
    "insert into memoria.events (name, photo_root, face_model, face_recognition_enabled)"
    " values ('Crowd', :root, :pack, true) returning id"
)
_ANALYSE = sa.text(
    "update memoria.media set status = 'analysed', analysed_at = now(), face_model = :pack,"
    " faces_found = 0, width = 6000, height = 4000 where event_id = :event"
)
_FOUND = sa.text(
    "update memoria.media m set faces_found = found.n from (select media_id, count(*) as n"
    " from memoria.faces where event_id = :event group by media_id) as found"
    " where m.event_id = :event and m.id = found.media_id"
)
_NOTHING_WAITS = sa.text("delete from memoria.uploads where event_id = :event")
_PERSONS = sa.text(
    "insert into memoria.face_persons (event_id, cluster_label, model) select :event, i, :pack"
    " from generate_series(1, :n) i"
)
_STAGE = sa.text(
    "create temp table crowd (face integer, person integer, quality real,"
    " embedding halfvec(512)) on commit drop"
)
_FACES = sa.text(
    "with p as (select id, cluster_label - 1 as n from memoria.face_persons"
    "  where event_id = :event),"
    " m as (select id, row_number() over (order by id) - 1 as n from memoria.media"
    "  where event_id = :event and status = 'analysed')"
    " insert into memoria.faces (event_id, media_id, face_person_id, machine_person_id, bbox,"
    " embedding, model, quality_score, quality_class, probability, margin, det_score)"
    " select :event, m.id, p.id, p.id, jsonb_build_object('x', 0.1 + 0.25 * (c.face / :photos),"
    " 'y', 0.2, 'w', 0.1, 'h', 0.15), c.embedding, :pack, c.quality, 'A', 0.9, 0.2, 0.9"
    " from crowd c join p on p.n = c.person join m on m.n = c.face % :photos"
)
_COUNTS = sa.text("select memoria.refresh_person_counts(:event)")
_MEMBER = sa.text(
    "insert into memoria.event_members (event_id, user_id, role, display_name, email)"
    " values (:event, :user, 'guest', 'Somebody', :email)"
)
_LINK = sa.text(
    "update memoria.face_persons set status = 'linked', linked_user_id = :user"
    " where event_id = :event and cluster_label = :n"
)
_TAGS = sa.text(
    "insert into memoria.media_tags (event_id, media_id, tagged_user_id, tagged_by_user_id, source,"
    " bbox, face_id) select :event, f.media_id, :user, :user, 'face_clustering', f.bbox, f.id"
    " from memoria.faces f join memoria.face_persons p on p.id = f.face_person_id"
    " where f.event_id = :event and p.linked_user_id = :user on conflict do nothing"
)
_ASK = "select memoria.request_erasure('person', :event, :user, '{}', '{}', 'sql', 'request', null)"
_RUNS = (
    "select r.status, count(*) as runs from runs r join run_tags t on t.run_id = r.run_id"
    " where t.key = 'dagster/partition' and t.value = :event group by r.status"
)
_GROUPED = (
    "select count(*) from memoria.cluster_runs where event_id = :event and status = 'published'"
)
_STATUS = "select status from memoria.erasures where id = :id"
_ANALYSED = (
    "select count(*) from memoria.media where event_id = :event"
    " and status in ('analysed', 'duplicate')"
)
_THEIRS = (
    "select array_agg(distinct p.id) as persons, count(f.id) as faces from memoria.face_persons p"
    " join memoria.faces f on f.event_id = :event and f.face_person_id = p.id"
    " where p.event_id = :event and p.linked_user_id = :user"
)
_OTHERS = (
    "select count(*) from memoria.faces f left join memoria.face_persons p"
    " on p.event_id = :event and p.id = f.face_person_id"
    " where f.event_id = :event and p.linked_user_id is distinct from :user"
)
_LEFT = (
    "select (select count(*) from memoria.faces where event_id = :event and (face_person_id"
    "  = any (:persons) or machine_person_id = any (:persons) or not_person_ids && :persons))"
    " + (select count(*) from memoria.face_persons where event_id = :event"
    "  and (id = any (:persons) or linked_user_id = :user))"
    " + (select count(*) from memoria.media_tags where tagged_user_id = :user"
    "  or tagged_by_user_id = :user)"
    " + (select count(*) from memoria.event_members where user_id = :user)"
)


if __name__ == "__main__":
    sys.exit(show("Privacy: 20,000 faces", rows()))
