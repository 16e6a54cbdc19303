"""A worker that is killed while it saves photos, by SIGKILL, on a real PostgreSQL."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from memoria_pipeline.store import db, media
from memoria_pipeline.store import events as event_store
from memoria_pipeline_tests.defs import killed
from memoria_pipeline_tests.defs.made_up import FACES, MadeUp
from memoria_pipeline_tests.store.factories import found

PHOTOS = 40  # two batches and a half


@dataclass(frozen=True)
class Album:
    """Photos that wait for their analysis."""

    engine: sa.Engine
    event: UUID

    @property
    def url(self) -> str:
        return self.engine.url.render_as_string(hide_password=False)

    def asked(self, query: str) -> list[Any]:
        with db.connect(self.engine) as conn:
            return list(conn.execute(sa.text(query), {"event": self.event}))

    def faces(self) -> dict[UUID, list[UUID]]:
        """Photo → its faces, as they are stored."""
        rows = self.asked(
            "select media_id, array_agg(id order by id) from memoria.faces"
            " where event_id = :event group by media_id"
        )
        return {photo: list(ids) for photo, ids in rows}

    def analysed(self) -> dict[UUID, int]:
        """Photo → how often it was analysed, of those that are."""
        query = "select id, attempts from memoria.media where status = 'analysed'"
        return {row.id: row.attempts for row in self.asked(query)}


@pytest.fixture
def album(database: sa.Engine, tmp_path: Path) -> Album:
    keys = [f"{number:05}.jpg" for number in range(PHOTOS)]
    for key in keys:
        (tmp_path / key).write_bytes(b"\xff\xd8\xff" + key.encode())
    with db.connect(database) as conn:
        event = event_store.ensure(
            conn, name="Fête", photo_root=str(tmp_path), face_model="made-up", consent=True
        )
        media.register(conn, event, found(*keys))
    return Album(database, event)


@contextmanager
def worker(album: Album) -> Iterator[subprocess.Popen[str]]:
    """One that has saved a batch and waits before it makes the next."""
    command = [sys.executable, "-m", killed.__name__, album.url, str(album.event)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as started:
        try:
            assert started.stdout
            assert started.stdout.readline() == "next\n"
            yield started
        finally:
            started.kill()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def until(met: Callable[[], Any]) -> None:
    for _ in range(600):
        if met():
            return
        time.sleep(0.05)
    raise AssertionError("waited for half a minute")


@contextmanager
def no_face_is_written(album: Album) -> Iterator[Callable[[], list[Any]]]:
    """Whoever writes faces stands still in the middle of it; yields a way to ask who does."""
    with album.engine.connect() as conn:
        conn.execute(sa.text("lock table memoria.faces in share mode"))
        yield lambda: album.asked(_STANDING_STILL)
        conn.rollback()


# Who has written to photos already, and may not write to faces.
_STANDING_STILL = (
    "select w.pid from pg_locks w join pg_locks m on m.pid = w.pid"
    " where not w.granted and w.relation = 'memoria.faces'::regclass"
    " and m.granted and m.mode = 'RowExclusiveLock' and m.relation = 'memoria.media'::regclass"
)


def ended(album: Album, pids: list[int]) -> bool:
    """Whether the server has learned of it."""
    living = {pid for (pid,) in album.asked("select pid from pg_stat_activity")}
    return living.isdisjoint(pids)


def analyse_the_rest(album: Album) -> None:
    """What the next run does, and what must be true then, whatever came before."""
    before = album.faces()
    killed.analyse(album.url, str(album.event), MadeUp())
    after = album.faces()
    assert set(album.analysed().values()) == {1}
    assert len(after) == len(album.analysed()) == PHOTOS
    assert {len(faces) for faces in after.values()} == {FACES}
    assert {photo: after[photo] for photo in before} == before


def test_a_kill_in_the_middle_of_a_batch_loses_what_was_not_committed_and_doubles_nothing(
    album: Album,
) -> None:
    with worker(album) as process:
        saved, faces = album.analysed(), album.faces()
        assert 0 < len(saved) < PHOTOS
        with no_face_is_written(album) as standing_still:
            go_on(process)
            until(standing_still)
            theirs = [pid for (pid,) in standing_still()]
            process.kill()
            process.wait()
    until(lambda: ended(album, theirs))
    assert (album.analysed(), album.faces()) == (saved, faces)
    assert set(faces) == set(saved)
    analyse_the_rest(album)


def test_a_kill_between_two_batches_loses_nothing_and_doubles_nothing(album: Album) -> None:
    with worker(album) as process:
        go_on(process)
        assert process.stdout
        assert process.stdout.readline() == "next\n"
        saved, faces = album.analysed(), album.faces()
        process.kill()
        process.wait()
    assert set(saved) == set(faces)
    assert (album.analysed(), album.faces()) == (saved, faces)
    assert {len(each) for each in faces.values()} == {FACES}
    analyse_the_rest(album)
