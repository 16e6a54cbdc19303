"""The whole look, with the real database, the real model and the real Dagster."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from memoria_pipeline.commands.doctor import told
from memoria_pipeline.doctor.examine import examine
from memoria_pipeline.doctor.finding import Finding, fail, ok, warn
from memoria_pipeline.settings import Settings


def wrong(found: list[Finding]) -> list[str]:
    return [each.about for each in found if each.status != "ok"]


def test_where_nothing_runs_yet_only_the_daemon_is_missing(
    database: sa.Engine, tmp_path: Path
) -> None:
    url = database.url.render_as_string(hide_password=False)
    found = list(examine(Settings(home=tmp_path, database_url=url, face_model="dlib")))
    assert wrong(found) == ["daemon"]
    assert [each.about for each in found] == [
        *(
            "disk",
            "home",
            "database",
            "extension",
            "migrations",
            "events' packs",
            "photos",
            "review",
        ),
        *("daemon", "sensors", "schedules", "runs", "model", "device", "uploads", "callback"),
        *("secrets", "address", "production"),
    ]
    assert all(each.mend for each in found if each.status != "ok")


def test_a_pack_that_is_missing_is_said_beside_the_rest(tmp_path: Path) -> None:
    lost = "postgresql://u:hunter2@127.0.0.1:1/x"
    given = Settings(home=tmp_path, database_url=lost, face_model="insightface:lost")
    found = list(examine(given))
    assert wrong(found) == ["database", "model"]
    assert "callback" in {each.about for each in found}
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("found", "well"),
    [([ok("a", "b")], True), ([warn("a", "[b]", "c")], True), ([fail("a", "b", "c")], False)],
)
def test_what_is_shown_is_what_was_found_and_the_status_says_whether_it_fails(
    found: list[Finding], well: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(found, as_json=False) is well
    shown = capsys.readouterr().out
    assert found[0].what in shown
    assert found[0].mend in shown
    assert told(found, as_json=True) is well
    assert json.loads(capsys.readouterr().out)[0]["status"] == found[0].status
