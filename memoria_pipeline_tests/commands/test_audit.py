"""`memoria audit`: who did what in an event, on a screen."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from memoria_pipeline.cli import commands
from memoria_pipeline.commands import audit as module
from memoria_pipeline.store import audit
from memoria_pipeline_tests.store.factories import an_event


def test_the_latest_deeds_come_first_by_their_ids(
    conn: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def database() -> Iterator[sa.Connection]:
        yield conn

    event, photo = an_event(conn), uuid4()
    audit.by_way_of(conn, "cli")
    audit.exported(conn, event, "tags", 12)
    audit.looked(conn, "page", event, "photo", photo)
    monkeypatch.setattr(module, "database", database)
    result = CliRunner().invoke(commands, ["audit", str(event)], env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert any("exported" in line and "12" in line and "cli" in line for line in lines)
    assert any("looked" in line and str(photo) in line and "page" in line for line in lines)
    few = CliRunner().invoke(commands, ["audit", str(event), "--last", "1"], env={"COLUMNS": "300"})
    assert "1 of " in few.output
