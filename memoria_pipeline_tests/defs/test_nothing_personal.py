"""Whatever fails, and however: nothing that Dagster keeps of it names anybody."""

import ast
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import PhotoStorage, Store
from memoria_pipeline.store import db
from memoria_pipeline.store import events as event_store
from memoria_pipeline.store.photos import FoundPhoto
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline_tests.defs.test_process_event import write

QUIET = {"telemetry": {"enabled": False}}
NAMES = ("Lovelace", "Hopper", "ada@example.org", "Wedding")
DEFS = Path(__file__).parents[2] / "memoria_pipeline" / "defs"
RUN_BY_DAGSTER = {"asset", "multi_asset", "asset_check", "multi_asset_check", "sensor", "schedule"}


class LosesPhotos(PhotoStorage):
    """A disk that fails in the words of the system, which name the file."""

    def found(self, root: str) -> list[FoundPhoto]:
        lost = f"{root}/Grace Hopper.jpg"
        raise FileNotFoundError(2, "No such file or directory", lost)  # a traceback shows this


class Quotes(Detector):
    """A library that quotes what it was given."""

    def analyse(self, *args: Any, **options: Any) -> Iterator[Any]:
        given = "Ada Lovelace <ada@example.org>.jpg"
        raise ValueError(given)


@dataclass(frozen=True)
class Kept:
    """An instance with files of its own, and what a run leaves behind there."""

    instance: dg.DagsterInstance
    home: Path
    said: Callable[[], str]

    def everything(self, run_id: str) -> str:
        """Event log, run, metadata, compute logs and what went to the screen."""
        records = self.instance.all_logs(run_id)
        run = self.instance.get_run_by_id(run_id)
        files = [p for p in self.home.rglob(f"{run_id}/**/*") if p.suffix in (".err", ".out")]
        written = [path.read_text(errors="replace") for path in files]
        return "\n".join([*map(repr, records), repr(run), *written, self.said()])


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """One for all tests: with files, as compute logs are files."""
    home = str(tmp_path_factory.mktemp("dagster"))
    with dg.DagsterInstance.local_temp(home, overrides=QUIET) as made:
        yield made


@pytest.fixture
def kept(instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]) -> Kept:
    return Kept(instance, Path(instance.root_directory), lambda: "".join(capfd.readouterr()))


@dataclass(frozen=True)
class Party:
    """An event whose folder and photos are named after people."""

    engine: sa.Engine
    event: str
    folder: Path

    def run(
        self, kept: Kept, photos: PhotoStorage | None = None, detector: Detector | None = None
    ) -> dg.ExecuteInProcessResult:
        return (
            defs()
            .resolve_job_def("process_event")
            .execute_in_process(
                partition_key=self.event,
                instance=kept.instance,
                raise_on_error=False,
                op_selection=["media", "faces_and_embeddings"],  # checks: test_process_event
                resources={
                    "store": Store(self.engine.url.render_as_string(hide_password=False)),
                    "photos": photos or PhotoStorage(10**8),
                    "detector": detector or Detector(setting="dlib", workers=1),
                },
            )
        )


@pytest.fixture
def party(module_database: sa.Engine, tmp_path: Path, kept: Kept) -> Party:
    folder = tmp_path / "Wedding of Ada Lovelace"
    folder.mkdir()
    (folder / "Grace Hopper ada@example.org.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    with db.connect(module_database) as conn:
        event = event_store.ensure(
            conn, name=folder.name, photo_root=str(folder), face_model="dlib", consent=True
        )
    kept.instance.add_dynamic_partitions(events.name or "", [str(event)])
    return Party(module_database, str(event), folder)


def names_in(text: str) -> list[str]:
    return [line for line in text.splitlines() if any(name in line for name in NAMES)]


def test_a_run_with_photos_that_cannot_be_read_names_none_of_them(party: Party, kept: Kept) -> None:
    write(party.folder, "Ada Lovelace.jpg")
    result = party.run(kept)
    assert result.success
    said = kept.everything(result.run_id)
    assert "photos unreadable" in said
    assert not names_in(said)


def test_a_step_that_fails_in_a_strangers_words_keeps_their_kind_only(
    party: Party, kept: Kept
) -> None:
    for broken in ({"photos": LosesPhotos(10**8)}, {"detector": Quotes(setting="dlib")}):
        result = party.run(kept, **broken)
        assert not result.success
        said = kept.everything(result.run_id)
        assert "withheld" in said
        assert not names_in(said)


def test_a_folder_that_is_gone_or_closed_is_said_without_its_name(party: Party, kept: Kept) -> None:
    shutil.rmtree(party.folder)
    result = party.run(kept)
    assert not result.success
    said = kept.everything(result.run_id)
    assert "no such folder" in said
    assert not names_in(said)


def test_an_error_of_the_database_keeps_the_values_to_itself(party: Party, kept: Kept) -> None:
    size = f"check (byte_size > 1000 or event_id <> '{party.event}')"
    with db.connect(party.engine) as conn:
        conn.execute(sa.text(f"alter table memoria.media add constraint c {size}"))
    result = party.run(kept)
    assert not result.success
    said = kept.everything(result.run_id)
    assert "PostgreSQL refused" in said
    assert not names_in(said)


def bodies() -> Iterator[tuple[str, set[str]]]:
    """What Dagster calls of ours: its name, and the names of its decorators."""
    for path in sorted(DEFS.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                used = {ast.unparse(each).partition("(")[0] for each in node.decorator_list}
                if {name.rpartition(".")[2] for name in used} & RUN_BY_DAGSTER:
                    yield f"{path.name}: {node.name}", used


def test_every_body_that_dagster_runs_is_discreet() -> None:
    assert len(list(bodies())) > 5
    assert not [name for name, used in bodies() if not used & {"discreet", "only_transient"}]
