"""What the doctor asks the database."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import events, health


def event(conn: sa.Connection, root: str, *, consent: bool = True) -> None:
    events.ensure(conn, name="x", photo_root=root, face_model="dlib", consent=consent)


def test_a_migrated_database_lacks_nothing(conn: sa.Connection) -> None:
    found = health.server(conn)
    assert found.version >= 140000
    assert found.vector is not None
    assert found.service
    assert not found.readonly
    assert health.pending_migrations(conn) == []


def test_what_is_missing_is_named_in_order(conn: sa.Connection) -> None:
    conn.execute(sa.text("delete from memoria.migrations where name > '0012_runs'"))
    missing = health.pending_migrations(conn)
    assert missing[0] == "0013_beside"
    assert missing == sorted(missing)


def test_a_newer_database_is_refused(conn: sa.Connection) -> None:
    conn.execute(sa.text("insert into memoria.migrations (name) values ('9999_later')"))
    with pytest.raises(DatabaseError, match="9999_later"):
        health.pending_migrations(conn)


def test_an_empty_database_is_looked_at_too(server: str) -> None:
    about, pending, packs, albums = health.look(server)
    assert about.vector is None
    assert about.offered is not None
    assert pending[0] == "0001_roles"
    assert (packs, albums) == ({}, [])


def test_packs_and_albums_are_those_of_active_events(conn: sa.Connection) -> None:
    event(conn, "/one")
    event(conn, "/two")
    event(conn, "/no consent", consent=False)
    conn.execute(sa.text("update memoria.events set status='archived' where photo_root = '/two'"))
    assert health.packs_in_use(conn) == {"dlib": 2}
    assert [each.root for each in health.albums(conn)] == ["/one"]


def test_a_root_is_reachable_or_says_why(tmp_path: Path) -> None:
    assert health.reachable(str(tmp_path)) is None
    assert health.reachable(str(tmp_path / "gone")) == "there is no such folder"
    assert health.reachable("memory://nothing-there") == "there is nothing at its address"
    assert health.reachable(f"file://{tmp_path}") is None
    assert health.reachable("s4://x") == "it cannot be listed (ValueError)"


def test_a_place_that_says_nothing_is_not_waited_for_and_the_others_still_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def dead(root: str) -> str | None:
        return None if root == str(tmp_path) else f"{answers.wait()}"

    monkeypatch.setattr(health, "reachable", dead)
    found = health.unreachable([str(tmp_path), "s3://dead", "s3://behind"], patience=0.05)
    answers.set()
    assert found == ["no answer within 0 s"] * 2


def test_a_folder_that_cannot_even_be_looked_at_is_told_and_no_crash(tmp_path: Path) -> None:
    blocked = tmp_path / ("x" * 300)  # as one below a folder that is not ours
    assert health.nearest(blocked / "home") == tmp_path
    assert health.unwritable([blocked]) == []
