"""`memoria subject export`: all that is held about one person, and nothing that is another's."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from memoria_pipeline.cli import commands
from memoria_pipeline.commands import export, keys, subject
from memoria_pipeline.errors import ExportError, MemoriaError, SettingsError
from memoria_pipeline.store import audit, events, media
from memoria_pipeline_tests.store import factories

ADA, BEN = uuid4(), uuid4()


def person(conn: sa.Connection, event: UUID, user: UUID, email: str, face: UUID) -> UUID:
    """A member with a face, a person, a tag, a consent, a session and an invitation."""
    one = {"event": event, "user": user, "email": email, "face": face, "person": uuid4()}
    for text in (
        "insert into memoria.event_members (event_id, user_id, role, display_name, email)"
        " values (:event, :user, 'member', 'Name of ' || :email, :email)",
        "insert into memoria.decisions (event_id, kind, actor_id, details, affected_face_ids,"
        " affected_person_ids) values (:event, 'invite', :user,"
        " jsonb_build_object('email', cast(:email as text), 'by', 'carla@example.org'),"
        " array[cast(:face as uuid)], array[cast(:person as uuid)])",
        "insert into memoria.face_persons (id, event_id, status, linked_user_id)"
        " values (:person, :event, 'linked', :user)",
        "update memoria.faces set face_person_id = :person where id = :face",
        "insert into memoria.media_tags (media_id, tagged_user_id, tagged_by_user_id, source)"
        " select media_id, :user, :user, 'manual' from memoria.faces where id = :face",
        "insert into memoria.consents (event_id, user_id, purpose, given, text_version,"
        " recorded_by)"
        " values (:event, :user, 'own_photos', true, '1', :user)",
        "insert into memoria.sessions (user_id, token_hash, csrf, expires_at)"
        " values (:user, sha256(cast(:email as text)::bytea), 'hush', '2099-01-01')",
    ):
        conn.execute(sa.text(text), one)
    return UUID(str(one["person"]))


@pytest.fixture
def event(conn: sa.Connection, tmp_path: Path) -> UUID:
    """Two photos, a member on each."""
    album = tmp_path / "album"
    album.mkdir()
    for name in ("ada.jpg", "ben.jpg"):
        (album / name).write_bytes(name.encode())
    made = events.ensure(conn, name="Fête", photo_root=str(album), face_model="pack", consent=True)
    media.register(conn, made, factories.found("ada.jpg", "ben.jpg"))
    todo = sorted(media.pending(conn, made, "pack"), key=lambda each: each.storage_key)
    media.save_analysis(
        conn, [factories.analysed(each.id, factories.a_face()) for each in todo], "pack"
    )
    for each, user, email in zip(
        todo, (ADA, BEN), ("ada@example.org", "ben@example.org"), strict=True
    ):
        [face] = conn.scalars(
            sa.text("select id from memoria.faces where media_id = :m"), {"m": each.id}
        )
        person(conn, made, user, email, face)
    return made


@pytest.fixture
def run(conn: sa.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command in the folder `tmp_path`; typed: what comes from the keyboard."""

    @contextmanager
    def database() -> Iterator[sa.Connection]:
        audit.by_way_of(conn, "cli")
        yield conn

    for module in (export, subject):
        monkeypatch.setattr(module, "database", database)
    monkeypatch.setattr(keys, "master_key", lambda: "m" * 40)
    monkeypatch.chdir(tmp_path)

    def command(*options: str, typed: str = "") -> Any:
        result = CliRunner().invoke(commands, ["subject", "export", *options], input=typed)
        if isinstance(result.exception, MemoriaError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    return command


def told(folder: Path) -> tuple[dict[str, Any], str]:
    text = (folder / "data.json").read_text()
    return json.loads(text), text


def test_all_of_a_person_is_in_it_and_nothing_of_another(
    run: Any, conn: sa.Connection, event: UUID, tmp_path: Path
) -> None:
    run(str(event), "--user", str(ADA), "--plain", "--to", "out")
    [folder] = (tmp_path / "out").iterdir()
    said, text = told(folder)
    held = said["held"]
    assert {
        *("memoria.event_members", "memoria.face_persons", "memoria.faces", "memoria.media"),
        *("memoria.media_tags", "memoria.consents", "memoria.decisions", "memoria.sessions"),
    } <= set(held)
    assert held["memoria.event_members"][0]["email"] == "ada@example.org"
    assert len(held["memoria.faces"]) == 1
    assert held["memoria.faces"][0]["embedding"]  # that is theirs as well
    others = [str(BEN), "ben@example.org", "ben.jpg"]
    others += map(
        str,
        conn.scalars(
            sa.text(
                "select id from memoria.faces where media_id in"
                " (select id from memoria.media where storage_key = 'ben.jpg')"
            )
        ),
    )
    assert not [each for each in others if each in text]
    assert "carla@example.org" not in text  # whom a decision of theirs names
    assert "hush" not in text
    assert "token_hash" not in text
    assert [path.name for path in (folder / "photos").iterdir()] == ["ada.jpg"]


def test_an_address_is_typed_in_and_finds_the_user_everywhere(
    run: Any, event: UUID, tmp_path: Path
) -> None:
    run("--everywhere", "--email", "-", "--plain", "--no-photos", typed=" Ada@Example.org\n")
    [folder] = tmp_path.glob("memoria-subject-*")
    said, _ = told(folder)
    assert (said["user_id"], said["emails"]) == (str(ADA), ["ada@example.org"])
    assert not (folder / "photos").exists()
    with pytest.raises(SettingsError, match="command line"):
        run(str(event), "--email", "ada@example.org")


def test_whoever_was_invited_is_found_however_the_address_was_written(
    run: Any, conn: sa.Connection, event: UUID, tmp_path: Path
) -> None:
    invited = "insert into memoria.face_persons (event_id, status, invitation_email)"
    conn.execute(sa.text(f"{invited} values (:e, 'invited', ' Dora@Example.org')"), {"e": event})
    run("--everywhere", "--email", "-", "--plain", "--no-photos", typed="dora@example.org\n")
    [folder] = tmp_path.glob("memoria-subject-*")
    assert list(told(folder)[0]["held"]) == ["memoria.face_persons"]


def test_it_is_sealed_unless_told_otherwise_and_the_audit_says_that_it_left(
    run: Any, conn: sa.Connection, event: UUID, tmp_path: Path
) -> None:
    run(str(event), "--user", str(ADA))
    [file] = tmp_path.glob("memoria-subject-*")
    assert (file.suffix, b"ada" in file.read_bytes()) == (".sealed", False)
    query = "select verb, via from memoria.audit where event_id = :e and verb = 'exported'"
    assert conn.execute(sa.text(query), {"e": event}).all() == [("exported", "cli")]


def test_of_somebody_unknown_nothing_is_written(run: Any, event: UUID, tmp_path: Path) -> None:
    for given in (["--user", str(uuid4())], ["--email", "-"]):
        with pytest.raises(ExportError, match="Nothing is held"):
            run(str(event), *given, typed="nobody@example.org")
    for given in ([], ["--everywhere", str(event)]):
        with pytest.raises(ExportError, match="one event"):
            run(*given, "--user", str(ADA))
    with pytest.raises(ExportError, match="who it is"):
        run(str(event))
    assert [each.name for each in tmp_path.iterdir()] == ["album"]
