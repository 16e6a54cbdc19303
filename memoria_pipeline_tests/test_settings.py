from dataclasses import fields
from pathlib import Path

import pytest

from memoria_pipeline.errors import SettingsError
from memoria_pipeline.settings import Settings, child_variables


def test_nothing_set_gives_the_defaults_of_the_interfaces() -> None:
    read = Settings.of({})
    assert (read.min_cluster_size, read.min_samples, read.cluster_epsilon) == (3, 2, 0.4)
    assert (read.detection_threshold, read.det_size, read.wanted_device) == (0.5, 640, "auto")
    assert read.home == Path("~/.memoria").expanduser()


def test_the_names_people_already_have_are_read() -> None:
    old = {
        "DETECTION_THRESHOLD": "0.6",
        "DET_SIZE": "320",
        "MIN_CLUSTER_SIZE": "4",
        "MIN_SAMPLES": "1",
        "CLUSTER_EPSILON": "0.5",
        "USE_GPU": "true",
        "CALLBACK_URL": "https://example.org/done",
        "CALLBACK_SECRET": "s" * 32,
        "SUPABASE_URL": "https://example.org",
        "SUPABASE_SERVICE_ROLE_KEY": "k",
    }
    read = Settings.of(old)
    assert (read.detection_threshold, read.det_size, read.wanted_device) == (0.6, 320, "cuda")
    assert (read.min_cluster_size, read.min_samples, read.cluster_epsilon) == (4, 1, 0.5)
    assert read.callback_url == "https://example.org/done"
    assert read.supabase_service_role_key == "k"


def test_our_own_name_wins_over_the_old_one() -> None:
    assert Settings.of({"DET_SIZE": "320", "MEMORIA_DET_SIZE": "960"}).det_size == 960


def test_an_empty_value_counts_as_unset() -> None:
    assert Settings.of({"MEMORIA_DET_SIZE": " "}).det_size == 640


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEMORIA_DET_SIZE", "big"),
        ("DETECTION_THRESHOLD", "1.5"),
        ("USE_GPU", "perhaps"),
        ("MEMORIA_DEVICE", "tpu"),
        ("MEMORIA_CLUSTER_METHOD", "kmeans"),
        ("MIN_SAMPLES", "0"),
        ("MIN_CLUSTER_SIZE", "1"),
        ("MEMORIA_WORKERS", "-1"),
        ("DET_SIZE", "1000000"),
    ],
)
def test_a_value_that_cannot_be_used_is_an_error_that_names_its_variable(
    name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.of({name: value})


def test_a_short_secret_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.of({"CALLBACK_SECRET": "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    secret = "postgresql://me:hunter2@example.org/db"
    shown = repr(Settings.of({"MEMORIA_DATABASE_URL": secret, "SUPABASE_SERVICE_ROLE_KEY": "hush"}))
    assert "hunter2" not in shown
    assert "hush" not in shown


def test_the_readme_lists_every_setting_as_it_is() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    for each in fields(Settings):
        default = str(each.default).lower() if isinstance(each.default, bool) else each.default
        cells = (
            f"`MEMORIA_{each.name.upper()}`",
            f"`{each.metadata['old']}`" if each.metadata["old"] else "",
            "" if default is None else f"`{default}`",
            each.metadata["help"],
        )
        assert "| " + " | ".join(cells) + " |" in readme


SECRETS = [each for each in fields(Settings) if not each.repr]


@pytest.mark.parametrize("name", [f"MEMORIA_{each.name.upper()}" for each in SECRETS])
def test_every_secret_may_be_in_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text("0123456789abcdef" * 3 + "\n")
    field = name.removeprefix("MEMORIA_").lower()
    assert getattr(Settings.of({f"{name}_FILE": str(file)}), field) == "0123456789abcdef" * 3
    both = {f"{name}_FILE": str(file), name: "the environment goes first, always"}
    assert getattr(Settings.of(both), field) == "the environment goes first, always"


def test_an_old_name_has_a_file_too_and_what_is_no_secret_has_none(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("0123456789abcdef" * 3)
    assert Settings.of({"CALLBACK_SECRET_FILE": str(file)}).callback_secret
    assert Settings.of({"MEMORIA_WATCH_FILE": str(file)}).watch is None


@pytest.mark.parametrize("content", [None, "", "two\nlines", "\udcff"])
def test_a_secrets_file_that_cannot_be_used_stops_the_start(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "hunter2"
    if content is not None:
        file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError, match="MEMORIA_JWT_SECRET_FILE") as refused:
        Settings.of({"MEMORIA_JWT_SECRET_FILE": str(file)})
    assert "hunter2" not in str(refused.value)


def test_a_program_that_may_not_have_a_secret_does_not_get_its_file_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MEMORIA_DATABASE_URL_FILE", "/run/secrets/x")
    assert "MEMORIA_DATABASE_URL_FILE" in child_variables()
    assert "MEMORIA_DATABASE_URL_FILE" not in child_variables(without=["MEMORIA_DATABASE_URL"])
