"""The dashboard: every query of it runs, as the analyst, and every series of it is served."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import memoria_pipeline
from memoria_pipeline import metrics
from memoria_pipeline.store import views
from memoria_pipeline_tests.analyst.seeded import PERSONAL, seed
from memoria_pipeline_tests.store.factories import an_event

BOARD = Path(memoria_pipeline.__file__).parent / "deploy" / "grafana.json"
HISTOGRAM = "memoria_job_latency_seconds_bucket"


def panels(kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(BOARD.read_text())["panels"]
    return [each for each in found if each.get("datasource", {}).get("uid") == f"${{{kind}}}"]


def texts(kind: str, field: str) -> list[str]:
    return [target[field] for each in panels(kind) for target in each["targets"]]


def test_every_query_runs_as_the_analyst_and_names_nobody(conn: sa.Connection) -> None:
    seed(conn)
    conn.execute(sa.text(f"set local role {views.ROLE}"))
    for query in texts("postgres", "rawSql"):
        plain = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 > now() - interval '6 hours'", query)
        assert "$" not in plain
        rows = conn.execute(sa.text(plain)).all()
        assert not [one for one in PERSONAL if one in str(rows)]


_A_YEAR = sa.text("""
    insert into memoria.media (event_id, storage_key, byte_size, status, analysed_at, faces_found,
        face_model, sha256)
    select :event, g || '.jpg', 9, 'analysed', now() - g * interval '4 hours', 0, 'dlib',
        encode(sha256(g::text::bytea), 'hex')
    from generate_series(1, 2000) as g
""")


def test_the_last_hours_of_throughput_are_read_by_an_index(conn: sa.Connection) -> None:
    conn.execute(_A_YEAR, {"event": an_event(conn)})
    conn.execute(sa.text("analyze memoria.media"))
    conn.execute(sa.text(f"set local role {views.ROLE}"))
    lately = "select * from analytics.throughput where minute > now() - interval '6 hours'"
    plan = "\n".join(conn.scalars(sa.text(f"explain {lately}")))
    assert "Index Cond" in plan
    assert "media_analysed_minute" in plan


def test_every_series_is_one_that_is_served() -> None:
    used = set(re.findall(r"memoria_\w+", " ".join(texts("prometheus", "expr"))))
    assert used <= {*metrics.HELP, "memoria_up", "memoria_model", HISTOGRAM}
    assert {"memoria_jobs", "memoria_photos_per_second", "memoria_model", HISTOGRAM} <= used


def test_every_panel_says_what_it_shows_and_stands_in_its_own_place() -> None:
    shown = panels("prometheus") + panels("postgres")
    assert all(each["title"] and each["description"] for each in shown)
    squares = [
        (each["gridPos"]["x"] + x, each["gridPos"]["y"] + y)
        for each in shown
        for x in range(each["gridPos"]["w"])
        for y in range(each["gridPos"]["h"])
    ]
    assert len(squares) == len(set(squares))
    assert max(x for x, _ in squares) < 24


@pytest.mark.parametrize("series", sorted(metrics.HELP))
def test_every_series_has_its_help(series: str) -> None:
    assert metrics.HELP[series].endswith(".")
