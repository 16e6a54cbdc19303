"""No switch, no detection: every way in is tried, and one that is on no list fails here."""

import ast
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import dagster as dg
import pytest
import sqlalchemy as sa
import typer
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError

import memoria_pipeline
from memoria_pipeline.cli import commands
from memoria_pipeline.definitions import defs
from memoria_pipeline.defs import inbox
from memoria_pipeline.defs.partitions import events as partitions
from memoria_pipeline.defs.resources import PhotoStorage, Store
from memoria_pipeline.errors import ConsentError
from memoria_pipeline.review.models import Models
from memoria_pipeline.store import beside, consents, db, events, jobs, media
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline_tests.defs import ways_in
from memoria_pipeline_tests.review.calls import Stage, stage
from memoria_pipeline_tests.review.seeded import Seeded
from memoria_pipeline_tests.review.seeded import seeded as made
from memoria_pipeline_tests.store import factories

PACKAGE = Path(memoria_pipeline.__file__).parent
LOOKED: list[str] = []
"""What a detector of this test was asked to look at."""


@dataclass(frozen=True, slots=True)
class Watched(Detector):
    """Writes down what it should look at; looks at nothing."""

    def analyse(
        self, model: str, keys: Iterable[str], *_args: Any, **_more: Any
    ) -> Iterator[Outcome]:
        LOOKED.extend(keys)
        yield from ()

    def other(self, setting: str) -> "Watched":
        return replace(self, setting=setting)

    @property
    def pack(self) -> str:
        return "another" if self.setting == "another" else factories.PACK

    def thresholds(self, model: str) -> Any:
        return Detector("dlib").thresholds("dlib")


@dataclass
class Blind(Models):
    """As the review's, and looks at nothing."""

    def get(self, pack: str) -> Any:
        LOOKED.append(pack)
        raise AssertionError

    def analyse(self, pack: str, data: bytes) -> Outcome:
        LOOKED.append(pack)
        raise AssertionError


@pytest.fixture(autouse=True)
def nothing_seen() -> Iterator[None]:
    LOOKED.clear()
    yield
    assert LOOKED == []


@pytest.fixture(scope="module")
def staged(module_database: sa.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An event that had the switch on, with photos, faces, people and everybody around it."""
    with made(module_database, tmp_path_factory.mktemp("off")) as seeded:
        found = stage(seeded)
        with db.connect(module_database) as conn:
            conn.execute(_MORE, {"event": seeded.event})
            events.switch(conn, seeded.event, on=False)
        seeded.app.state.parts = replace(seeded.parts, models=Blind(Detector("dlib")))
        yield found


@pytest.fixture
def off(staged: Stage) -> Seeded:
    return staged.seeded


_MORE = sa.text(  # one to analyse, and one that failed
    "insert into memoria.media (event_id, storage_key, status, error_code) values"
    " (:event, 'new.jpg', 'pending', null), (:event, 'odd.jpg', 'failed', 'unreadable')"
)


def faces(of: Seeded) -> set[UUID]:
    with db.connect(of.engine) as conn:
        query = "select id from memoria.faces union all select id from memoria.faces_beside"
        return set(conn.scalars(sa.text(query)))


def test_nothing_else_in_the_package_names_what_detects() -> None:
    found = {
        str(path.relative_to(PACKAGE).with_suffix(""))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if _named(node) in ("analyse", "analyse_photo", "detect")
    }
    assert found == set(ways_in.CALL_SITES)


def _named(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_every_asset_job_sensor_schedule_and_command_is_on_a_list() -> None:
    found = defs()
    repository = found.get_repository_def()
    graph = found.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == set(ways_in.ASSETS)
    named = [each for each in repository.get_all_jobs() if not each.name.startswith("__")]
    assert {each.name for each in named} == ways_in.JOBS
    assert {each.name for each in repository.sensor_defs} == ways_in.SENSORS
    assert {each.name for each in repository.schedule_defs} == ways_in.SCHEDULES
    assert set(_commands(typer.main.get_command(commands))) <= set(ways_in.COMMANDS)


def _commands(of: Any, so_far: str = "") -> Iterator[str]:
    inner = getattr(of, "commands", None)
    if inner is None:
        yield so_far.strip()
        return
    for name, each in inner.items():
        yield from _commands(each, f"{so_far} {name}")


def test_every_job_is_made_of_assets_that_are_tried_and_whatever_asks_asks_for_a_job() -> None:
    repository = defs().get_repository_def()
    for job in repository.get_all_jobs():
        keys = job.asset_layer.executable_asset_keys
        assert {key.to_user_string() for key in keys} <= set(ways_in.ASSETS), job.name
        assert keys, job.name
    for sensor in repository.sensor_defs:
        assert {each.job_name for each in sensor.targets} <= ways_in.JOBS, sensor.name
    assert {each.job_name for each in repository.schedule_defs} <= ways_in.JOBS


@pytest.mark.parametrize(
    "asset", [name for name, how in ways_in.ASSETS.items() if how == ways_in.TRIED]
)
def test_an_asset_that_is_launched_alone_finds_no_face(off: Seeded, asset: str) -> None:
    before = faces(off)
    selection = dg.AssetSelection.assets(asset).without_checks()
    if asset in ("faces", "embeddings"):
        selection = dg.AssetSelection.assets("faces", "embeddings").without_checks()
    job = dg.define_asset_job("alone", selection=selection)
    config = {"faces_beside": {"config": {"face_model": "another"}}}
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(partitions.name or "", [str(off.event)])
        result = (
            dg.Definitions.merge(defs(), dg.Definitions(jobs=[job]))
            .resolve_job_def("alone")
            .execute_in_process(
                partition_key=str(off.event),
                instance=instance,
                resources={
                    "store": Store(off.engine.url.render_as_string(hide_password=False)),
                    "photos": PhotoStorage(10**8),
                    "detector": Watched(setting=factories.PACK),
                },
                run_config={"ops": config} if asset == "faces_beside" else {},
                raise_on_error=False,
            )
        )
    assert faces(off) == before
    if asset in ("faces", "embeddings", "clusters", "faces_beside", "clusters_beside"):
        failed = [each for each in result.all_events if each.is_step_failure]
        assert "ConsentError" in str(failed[0].step_failure_data.error)


def test_no_route_looks_at_a_photo_or_stores_a_face(off: Seeded, staged: Stage) -> None:
    before = faces(off)
    clients = {role: off.client_of(role) for role in ("organiser", "service")}
    tried = 0
    for method, path in _routes(off):
        for role, client in clients.items():
            call = staged.call(method, path, role)
            client.request(method, call.path, **call.sent)
            tried += 1
    assert tried > 100
    assert faces(off) <= before
    with db.connect(off.engine) as conn:
        assert not events.get(conn, off.event).face_recognition_enabled


def _routes(of: Seeded) -> list[tuple[str, str]]:
    """All of them, but for what turns the switch or ends the event."""
    found = [
        (method, str(each.path))
        for each in iter_route_contexts(of.app.routes)
        for method in sorted(getattr(each, "methods", None) or ())
        if method not in ("HEAD", "OPTIONS")
    ]
    return sorted(set(found))


def test_a_selfie_with_every_consent_is_not_looked_at(off: Seeded) -> None:
    photo = (off.root / "000.jpg").read_bytes()
    files, data = {"file": ("me.jpg", photo, "image/jpeg")}, {"text_version": "2026-1"}
    answer = off.client_of("member").post(f"/event/{off.event}/selfie", files=files, data=data)
    assert answer.status_code == 409
    assert "switched off" in answer.json()["detail"]


def test_another_server_gets_no_faces_of_the_event(off: Seeded) -> None:
    ids = {name: str(uuid4()) for name in ("job_id", "media_id")}
    sent = {**ids, "event_id": str(off.event), "media_url": "https://example.org/photo.jpg"}
    answer = off.client_of("service").post("/process", json=sent)
    assert answer.status_code == 409


def test_a_job_in_the_inbox_is_refused_and_starts_nothing(off: Seeded) -> None:
    with db.connect(off.engine) as conn:
        asked = [jobs.enqueue(conn, off.event, kind) for kind in ("detect", "cluster")]
    store = Store(off.engine.url.render_as_string(hide_password=False))
    with dg.DagsterInstance.ephemeral() as instance:
        told = inbox.ml_jobs_sensor(dg.build_sensor_context(instance=instance), store=store)
    assert isinstance(told, dg.SkipReason)
    with db.connect(off.engine) as conn:
        states = "select distinct status from memoria.ml_jobs where id = any (:ids)"
        assert conn.execute(sa.text(states), {"ids": asked}).scalars().all() == ["failed"]


def test_no_backfill_begins(off: Seeded) -> None:
    with db.connect(off.engine) as conn, suppress(ConsentError):
        beside.start(conn, off.event, "another")
        raise AssertionError


_VECTOR = "'[1" + ",0" * 511 + "]'"
_BOX = """'{"x": 0.1, "y": 0.1, "w": 0.2, "h": 0.2}'"""
_FACE = (
    f"event_id, media_id, bbox, embedding, model) select event_id, id, {_BOX}, {_VECTOR}, 'pack'"
)
BY_SQL = {
    "a new face": f"insert into memoria.faces ({_FACE} from memoria.media limit 1",
    "a face beside": f"insert into memoria.faces_beside ({_FACE} from memoria.media limit 1",
    "another vector": f"update memoria.faces set embedding = {_VECTOR}",  # noqa: S608
}


@pytest.mark.parametrize("way", BY_SQL)
@pytest.mark.parametrize("role", ["memoria_service", "owner"])
def test_the_database_takes_no_vector_from_whoever_writes_it(
    off: Seeded, way: str, role: str
) -> None:
    with off.engine.connect() as conn:
        conn.execute(sa.text("select memoria.create_beside_partition(:e)"), {"e": off.event})
        conn.execute(sa.text(f"set local role {role}"))
        with pytest.raises(DBAPIError, match="face recognition is switched off"):
            conn.execute(sa.text(BY_SQL[way]))


def test_no_selfie_and_no_result_of_work_in_flight_is_stored(off: Seeded) -> None:
    with off.engine.connect() as conn:
        with pytest.raises(DBAPIError, match="switched off"), conn.begin_nested():
            consents.keep_selfie(
                conn, off.event, off.users["member"], factories.a_face(), factories.PACK
            )
        late = factories.analysed(off.photos[0], factories.a_face())
        with pytest.raises(DBAPIError, match="switched off"), conn.begin_nested():
            media.save_analysis(conn, [late], factories.PACK)
