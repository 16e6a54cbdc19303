"""Each thing that can be wrong, and the mend that the doctor names for it."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memoria_pipeline.doctor import database, model, operations, place
from memoria_pipeline.errors import ModelError
from memoria_pipeline.settings import Settings
from memoria_pipeline.store.health import Album, Server
from memoria_pipeline.vision.checking import Check
from memoria_pipeline.vision.detector import Detector

GOOD = Server(version=160004, vector="0.8.0", offered="0.8.0", service=True, readonly=False)
LOADED = Check("dlib", "free", "cpu", ("cpu",), 0.1, 6, 90.0, 20.0, True)
SECRET = "x" * 32


@pytest.mark.parametrize(
    ("found", "mend"),
    [
        (replace(GOOD, version=130000), "PostgreSQL 14"),
        (replace(GOOD, readonly=True), "primary"),
        (replace(GOOD, service=False), "grant memoria_service"),
    ],
)
def test_a_server_that_cannot_be_used_fails(found: Server, mend: str) -> None:
    said = database.server(found, embedded=False, port=5432)
    assert said.status == "fail"
    assert mend in said.mend


def test_a_transaction_pooler_is_warned_of() -> None:
    assert database.server(GOOD, embedded=False, port=6543).status == "warn"
    assert database.server(GOOD, embedded=False, port=None).status == "ok"


@pytest.mark.parametrize(
    ("vector", "offered", "mend"),
    [
        (None, "0.8.0", "create extension vector"),
        (None, None, "Install pgvector"),
        ("0.6.2", "0.8.0", "alter extension vector update"),
    ],
)
def test_a_missing_or_old_extension_fails(
    vector: str | None, offered: str | None, mend: str
) -> None:
    said = database.extension(replace(GOOD, vector=vector, offered=offered))
    assert said.status == "fail"
    assert mend in said.mend


def test_missing_migrations_are_counted_and_the_first_named() -> None:
    said = database.migrations(["0001_a", "0002_b", "0003_c", "0004_d"])
    assert said.what == "4 are missing: 0001_a, 0002_b, 0003_c, …"
    assert "memoria migrate" in said.mend
    assert database.migrations([]).status == "ok"


@pytest.mark.parametrize(("free", "status"), [(5e8, "fail"), (3e9, "warn"), (9e9, "ok")])
def test_a_disk_that_fills_is_said_before_it_is_full(free: float, status: str) -> None:
    assert place.disk(Path("/"), lambda _: int(free)).status == status


def test_a_home_that_does_not_exist_yet_can_be_made(tmp_path: Path) -> None:
    assert place.home(tmp_path / "not" / "yet").status == "ok"
    assert place.disk(tmp_path / "not" / "yet").status in ("ok", "warn")


def test_a_home_in_somebody_elses_place_fails() -> None:
    said = place.home(Path("/proc/1/nowhere"))
    assert said.status == "fail"
    assert "MEMORIA_HOME" in said.mend


def test_albums_that_are_gone_are_counted_and_none_is_named(tmp_path: Path) -> None:
    here, gone = tmp_path / "Ada Lovelace", tmp_path / "Grace Hopper"
    here.mkdir()
    some = place.photos([Album(str(here), 1), Album(str(gone), 1)])
    assert (some.status, some.what[:33]) == ("warn", "1 of 2 albums cannot be listed (1")
    assert "Hopper" not in str(some)
    shutil.rmtree(here)
    assert place.photos([Album(str(here), 1), Album(str(gone), 1)]).status == "fail"
    assert place.photos([]).status == "ok"


def test_an_address_that_nothing_speaks_is_a_reason_and_no_crash() -> None:
    [album] = [Album("nonsense://Ada Lovelace", 1)]
    said = place.photos([album])
    assert said.status == "fail"
    assert "Lovelace" not in str(said)


def test_what_is_watched_must_be_there(tmp_path: Path) -> None:
    assert place.uploads(Settings()).status == "ok"
    assert place.uploads(Settings(watch=str(tmp_path))).status == "ok"
    assert place.uploads(Settings(watch=str(tmp_path / "gone"))).status == "fail"
    assert place.uploads(Settings(watch=str(tmp_path), s3_queue_url="q")).status == "warn"
    assert place.uploads(Settings(s3_queue_url="q")).status == "warn"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, "ok"),
        ({"callback_url": "https://a.example/x"}, "fail"),
        ({"callback_url": "https://a.example/x", "callback_secret": SECRET}, "ok"),
        ({"callback_url": "http://a.example/x", "callback_secret": SECRET}, "fail"),
        (
            {
                "callback_url": "http://10.0.0.1/x",
                "callback_secret": SECRET,
                "callback_allow_private": True,
            },
            "ok",
        ),
        ({"callback_url": "a.example", "callback_secret": SECRET}, "fail"),
    ],
)
def test_a_callback_needs_a_secret_and_a_safe_address(given: dict[str, Any], status: str) -> None:
    said = place.callback(Settings(**given))
    assert said.status == status
    assert SECRET not in str(said)


def test_a_pack_is_loaded_and_shown_a_photo() -> None:
    found = model.pack(Settings(face_model="dlib"), lambda _, __: LOADED)
    assert [each.status for each in found] == ["ok", "ok"]
    assert "6 faces" in found[0].what


@pytest.mark.parametrize("wrong", [{"faces": 0}, {"calibrated": False}])
def test_a_pack_that_sees_nobody_or_has_no_thresholds_fails(wrong: dict[str, Any]) -> None:
    [said, _] = model.pack(Settings(face_model="dlib"), lambda _, __: replace(LOADED, **wrong))
    assert said.status == "fail"


def refuse(_: str, __: str) -> Check:
    raise ModelError("CUDA was asked for and did not load: install it.")


def test_a_device_that_did_not_load_is_told_in_its_own_words() -> None:
    [said] = model.pack(Settings(face_model="dlib", device="cuda"), refuse)
    assert (said.status, said.what) == ("fail", "CUDA was asked for and did not load: install it.")


def test_a_pack_that_is_not_here_fails_and_is_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    [said] = model.pack(Settings(face_model="insightface:buffalo_l"), refuse)
    assert "not on this machine" in said.what
    assert not list(tmp_path.iterdir())


def test_packs_of_events_must_be_there_for_their_next_photo() -> None:
    detector = Detector(setting="dlib")
    assert model.of_events({"dlib": 3}, detector).status == "ok"
    said = model.of_events({"dlib": 3, "insightface:lost": 2}, detector)
    assert said.status == "fail"
    assert "2 events have insightface:lost" in said.what
    assert "memoria model move" in said.mend


def dagster(**more: Any) -> dict[str, Any]:
    told = {
        "automation": [
            {"name": "a_sensor", "kind": "sensor", "on": True, "failing": False},
            {"name": "nightly", "kind": "schedule", "on": True, "failing": False},
        ],
        "daemons": [
            {"name": "sensor", "healthy": True, "seconds": 3},
            {"name": "backfill", "healthy": True, "seconds": 12},
        ],
        "run_monitoring": True,
        "run_retries": True,
    }
    return {**told, **more}


def bad(said: dict[str, Any] | None) -> list[tuple[str, str]]:
    return [(f.about, f.status) for f in operations.findings(said) if f.status != "ok"]


def test_dagster_as_it_should_be_is_well() -> None:
    assert bad(dagster()) == []
    assert "12 s" in operations.findings(dagster())[0].what


def test_what_is_switched_off_or_fails_is_named() -> None:
    off = {"name": "a_sensor", "kind": "sensor", "on": False, "failing": False}
    failing = {"name": "nightly", "kind": "schedule", "on": True, "failing": True}
    said = dagster(automation=[off, failing])
    assert bad(said) == [("sensors", "fail"), ("schedules", "warn")]
    assert "a_sensor" in str(operations.findings(said))


def test_a_daemon_that_is_silent_fails_wholly_or_in_part() -> None:
    alive = {"name": "sensor", "healthy": True, "seconds": 3}
    silent = {"name": "backfill", "healthy": False, "seconds": None}
    assert bad(dagster(daemons=[alive, silent])) == [("daemon", "fail")]
    [said, *_] = operations.findings(dagster(daemons=[silent]))
    assert "memoria up" in said.mend


def test_runs_that_nobody_ends_and_definitions_that_do_not_load_fail() -> None:
    assert bad(dagster(run_monitoring=False)) == [("runs", "fail")]
    assert bad(None) == [("dagster", "fail")]
