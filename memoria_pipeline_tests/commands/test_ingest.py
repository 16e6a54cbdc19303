"""`memoria ingest`, `uploads`, `events` and `model move`, on a real database, without a daemon."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from typer.testing import CliRunner, Result

from memoria_pipeline.commands import events as events_command
from memoria_pipeline.commands import ingest, move
from memoria_pipeline.errors import ModelError
from memoria_pipeline.settings import settings
from memoria_pipeline.store import db, uploads, watched
from memoria_pipeline_tests.fakes import WHITE, picture
from memoria_pipeline_tests.store.factories import one

Run = Callable[..., Result]


@pytest.fixture
def run(database: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A command by its name and arguments; raises what it raises."""
    url = database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("MEMORIA_DATABASE_URL", url)
    monkeypatch.setenv("MEMORIA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    app.command("ingest")(ingest.ingest)
    app.command("uploads")(ingest.uploads)
    app.command("move")(move.model_move)
    app.add_typer(events_command.app, name="events")

    def invoke(*arguments: Any) -> Result:
        result = CliRunner().invoke(app, [str(each) for each in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    settings.cache_clear()
    yield invoke
    settings.cache_clear()
    db.engine(url).dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "album"
    made.mkdir()
    (made / "a.png").write_bytes(picture(WHITE))
    return made


def ask(database: sa.Engine, query: str) -> Any:
    with db.connect(database) as conn:
        return one(conn, query)


def test_a_folder_becomes_an_event_whose_switch_is_off_until_somebody_says_otherwise(
    run: Run, database: sa.Engine, folder: Path
) -> None:
    said = run("ingest", folder, "--event", "Party")
    assert "1 photos, 1 of them new" in said.output
    assert "Face analysis is off" in said.output
    assert "Party" not in said.output
    event = ask(database, "select id from memoria.events where not face_recognition_enabled")
    said = run("events", "consent", event)
    assert "the organiser agrees" in said.output
    assert ask(database, "select face_recognition_enabled from memoria.events") is True
    run("events", "consent", event, "--off")
    assert ask(database, "select face_recognition_enabled from memoria.events") is False
    assert str(event)[:8] in run("events").output


def test_ingest_says_who_runs_it(run: Run, database: sa.Engine, folder: Path) -> None:
    said = run("ingest", folder, "--event", "Party", "--consent")
    assert "Nobody runs it yet" in said.output
    with db.connect(database) as conn:
        watched.save_lookout(conn, "sensor")
    said = run("ingest", folder, "--event", "Party", "--consent")
    assert "0 of them new" in said.output
    assert "takes it from here" in said.output


def test_what_waits_is_listed_with_its_reason(run: Run, database: sa.Engine, folder: Path) -> None:
    assert run("uploads").output == "Nothing waits.\n"
    run("ingest", folder, "--event", "Party")
    with db.connect(database) as conn:
        uploads.notice(conn, None)
        watched.save_lookout(conn, "watch", problem="MEMORIA_WATCH cannot be read.")
    said = run("uploads").output
    assert "photos  its run is asked for" in said
    assert "all events  MEMORIA_WATCH cannot be read." in said


def test_a_pack_that_is_not_there_moves_nobody(run: Run, database: sa.Engine) -> None:
    with pytest.raises(ModelError):
        run("move", "insightface:/nowhere/at/all")
    assert "0 events move to dlib" in run("move", "dlib").output
