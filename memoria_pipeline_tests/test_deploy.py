"""The files for deploying: no Docker here, so what they name is held against what there is."""

import importlib
import re
import subprocess
from configparser import ConfigParser
from dataclasses import fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from memoria_pipeline.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "memoria_pipeline" / "deploy"
OURS = {"migrate", "code", "daemon", "webserver", "metrics", "review"}
SETTINGS = {f"MEMORIA_{each.name.upper()}" for each in fields(Settings)}


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text()


def test_every_part_is_there_and_comes_back_after_a_crash(compose: Any) -> None:
    services = compose["services"]
    assert set(services) == OURS | {"postgres"}
    for name in set(services) - {"migrate"}:
        assert services[name]["restart"] == "always"
        assert services[name]["healthcheck"]["test"]


def test_every_command_is_one_that_the_package_installs(compose: Any) -> None:
    known = {each.name for each in entry_points(group="console_scripts")}
    for name in OURS:
        assert compose["services"][name]["command"][0] in known


def test_a_part_starts_only_after_what_it_needs(compose: Any) -> None:
    needs = {name: set(each.get("depends_on", {})) for name, each in compose["services"].items()}
    assert needs["migrate"] == {"postgres"}
    assert needs["code"] == needs["metrics"] == needs["review"] == {"migrate"}
    assert needs["daemon"] == needs["webserver"] == {"code"}


def test_no_secret_stands_in_the_file_and_every_one_comes_from_a_file(compose: Any) -> None:
    for name in OURS:
        given = compose["services"][name]["environment"]
        assert not [key for key in given if re.search("SECRET|PASSWORD|DATABASE|KEY", key)]
        assert set(compose["services"][name]["secrets"]) <= set(compose["secrets"])
    assert all(set(each) == {"file"} for each in compose["secrets"].values())


def test_every_setting_that_is_named_is_one(compose: Any, dockerfile: str) -> None:
    texts = [dockerfile, *(p.read_text() for p in DEPLOY.iterdir() if p.is_file())]
    named = set(re.findall(r"\bMEMORIA_[A-Z_]*[A-Z]\b", " ".join(texts)))
    assert named <= SETTINGS


def test_only_this_machine_reaches_the_pages(compose: Any) -> None:
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_review_never_gets_the_pipelines_own_login(compose: Any) -> None:
    assert "MEMORIA_DATABASE_URL" not in compose["services"]["review"]["secrets"]
    for name in OURS - {"review"}:
        assert "MEMORIA_API_DATABASE_URL" not in compose["services"][name]["secrets"]


def test_photos_are_mounted_to_be_read_only(compose: Any) -> None:
    for name in OURS:
        assert [v for v in compose["services"][name]["volumes"] if v.endswith("/photos:ro")]


def test_the_workspace_names_the_container_of_the_code(compose: Any) -> None:
    [place] = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    command = compose["services"][place["grpc_server"]["host"]]["command"]
    assert str(place["grpc_server"]["port"]) in command
    importlib.import_module(command[command.index("-m") + 1])
    [here] = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    # Dagster knows sensors, and who switched them off, by this name.
    assert place["grpc_server"]["location_name"] == here["python_module"]["location_name"]


def test_the_image_is_what_make_setup_makes(dockerfile: str) -> None:
    assert "-r requirements.lock" in dockerfile
    assert "--require-hashes" in dockerfile
    assert "USER memoria" in dockerfile
    for line in re.findall(r"^COPY (.+)$", dockerfile, re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists()
    assert not re.search(r"index-url|https?://", dockerfile)


def test_nothing_else_gets_into_the_image(dockerfile: str) -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    wanted = {line[1:] for line in lines if line.startswith("!")}
    copied = " ".join(re.findall(r"^COPY (.+) \S+$", dockerfile, re.M)).split()
    assert "*" in lines
    assert wanted == set(copied)


def run(folder: Path, *command: str, **variables: str) -> str:
    given = {"PATH": "/usr/bin:/bin", "SECRETS": str(folder), **variables}
    done = subprocess.run(
        ["sh", str(DEPLOY / "entrypoint.sh"), *command],
        env=given,
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_files_of_secrets_become_settings_and_the_environment_goes_first(tmp_path: Path) -> None:
    (tmp_path / "MEMORIA_DATABASE_URL").write_text("postgresql://u:p$a'b\"@h/d\n")
    (tmp_path / "MEMORIA_CALLBACK_SECRET").write_text("from the file")
    (tmp_path / "postgres_password").write_text("not ours")
    said = run(tmp_path, "env", MEMORIA_CALLBACK_SECRET="given").splitlines()
    assert "MEMORIA_DATABASE_URL=postgresql://u:p$a'b\"@h/d" in said
    assert "MEMORIA_CALLBACK_SECRET=given" in said
    assert not [line for line in said if "not ours" in line]


def test_a_secret_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "MEMORIA_DATABASE_URL").mkdir()  # nobody can `cat` it, root neither
    with pytest.raises(subprocess.CalledProcessError):  # not on to an empty database of its own
        run(tmp_path, "true")


def test_without_secrets_the_command_runs_all_the_same(tmp_path: Path) -> None:
    assert run(tmp_path / ".", "echo", "here") == "here\n"


def test_dagsters_settings_are_those_of_this_version_at_every_start(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("new")
    home = tmp_path / "dagster home"
    home.mkdir()
    (home / "dagster.yaml").write_text("old")
    run(tmp_path, "true", DAGSTER_HOME=str(home))
    assert [(p.name, p.read_text()) for p in home.iterdir()] == [("dagster.yaml", "new")]


def test_the_service_starts_memoria_up_and_always_again() -> None:
    unit = ConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((DEPLOY / "memoria.service").read_text())
    program, *arguments = unit["Service"]["ExecStart"].split()
    assert Path(program).name == "memoria"
    assert arguments[0] == "up"
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["KillSignal"] == "SIGINT"  # what `up` stops in order for
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_the_heads_say_what_cannot_be_tried_here() -> None:
    for name in ("compose.yaml", "Dockerfile"):
        head = "\n".join((DEPLOY / name).read_text().splitlines()[:6])
        assert "Not runnable where Memoria is developed" in head
