"""What Prometheus is served: over real HTTP, from a real database."""

from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from memoria_pipeline import metrics
from memoria_pipeline.errors import DatabaseError, MemoriaError
from memoria_pipeline.metrics import Figures, FromDatabase, Model
from memoria_pipeline.store import db
from memoria_pipeline.store.figures import Gauge
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline_tests.store.factories import an_album, group

MODEL = Model("insightface:buffalo_l", "cpu")
HERE = "127.0.0.1"


def _samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def address(database: sa.Engine) -> Iterator[str]:
    """Where the metrics of a database with one event are served."""
    with database.begin() as conn:
        album = an_album(conn, 2)
        group(conn, album.event, [album.faces[0][:1], album.faces[1][:1]])
        conn.execute(
            sa.text(
                "insert into memoria.ml_jobs (job_type, event_id, status, created_at, completed_at)"
                " values ('detect', :event, 'completed', now() - interval '3 s', now())"
            ),
            {"event": album.event},
        )
    url = database.url.render_as_string(hide_password=False)
    port, stop = metrics.serve(url, MODEL, HERE, 0)
    yield f"http://{HERE}:{port}/metrics"
    stop()
    db.engine(url).dispose()


def test_prometheus_is_served_every_figure_with_its_help(address: str) -> None:
    answer = httpx.get(address)
    assert answer.headers["content-type"].startswith("text/plain")
    found = _samples(answer.text)
    assert found["memoria_up",] == 1
    assert found["memoria_model", "cpu", "insightface:buffalo_l"] == 1
    assert found["memoria_people_awaiting_review",] == 2
    assert found["memoria_photos", "analysed"] == 2
    assert found["memoria_job_latency_seconds_bucket", "detect", "2.0"] == 0
    assert found["memoria_job_latency_seconds_bucket", "detect", "5.0"] == 1
    assert found["memoria_job_latency_seconds_bucket", "detect", "+Inf"] == 1
    assert found["memoria_job_latency_seconds_sum", "detect"] == 3
    for name in {key[0] for key in found if key[0] in metrics.HELP}:
        assert f"# HELP {name} " in answer.text


def test_nothing_personal_and_no_event_is_in_what_is_served(address: str) -> None:
    text = httpx.get(address).text
    assert "Fête" not in text
    assert "/album" not in text
    assert not [line for line in text.splitlines() if "event=" in line or "event_id" in line]


def test_a_database_that_is_down_is_told_and_one_that_is_back_is_read() -> None:
    answers: list[Figures | None] = [None, Figures([Gauge("memoria_photos_per_second", {}, 2)], [])]

    def read() -> Figures:
        found = answers.pop(0)
        if found is None:
            raise DatabaseError("No connection.")
        return found

    collector = FromDatabase(read, MODEL)
    assert {each.name: len(each.samples) for each in collector.collect()} == {
        "memoria_up": 1,
        "memoria_model": 1,
    }
    assert len(answers) == 1  # several scrapers within a few seconds cost one reading
    assert [each.samples[0].value for each in collector.collect()][0] == 0
    collector._until = float("-inf")
    values = {each.name: each.samples[0].value for each in collector.collect() if each.samples}
    assert (values["memoria_up"], values["memoria_photos_per_second"]) == (1, 2)


def test_figures_that_took_long_are_good_for_long() -> None:
    clock = [0.0]
    read: list[float] = []

    def slowly() -> Figures:
        read.append(clock[0])
        clock[0] += 2
        return Figures([], [])

    collector = FromDatabase(slowly, MODEL, lambda: clock[0])
    for at in (0, 10, 41, 43):
        clock[0] = max(clock[0], at)
        list(collector.collect())
    assert read == [0, 43]  # 2 s of work, 40 s of rest


def test_a_table_that_somebody_has_locked_is_not_waited_for_for_ever(
    database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 1)
    url = database.url.render_as_string(hide_password=False)
    with database.begin() as other:
        other.execute(sa.text("lock table memoria.media in access exclusive mode"))
        with pytest.raises(DatabaseError, match="57014"):
            metrics.read(url)
    db.engine(url).dispose()


def test_a_port_that_is_taken_is_an_error_that_names_the_mend(address: str) -> None:
    port = httpx.URL(address).port or 0
    with pytest.raises(MemoriaError, match="--port"):
        metrics.serve("postgresql://nowhere", MODEL, HERE, port)


def test_the_pack_is_shown_by_its_name_and_the_device_by_what_it_would_get() -> None:
    assert Detector("dlib").shown == ("dlib", "cpu")
    assert Detector("insightface:/some/where/mine", "cpu").shown == ("insightface:mine", "cpu")
    assert Detector("/home/ada/pack").shown == ("none", "none")
