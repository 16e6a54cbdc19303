"""Lines of JSON, and errors that repeat no stranger's words."""

import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from memoria_pipeline.errors import SettingsError
from memoria_pipeline.logs import JsonFormatter, WithheldError, discreet, withheld

ADA = "/photos/Ada Lovelace <ada@example.org>.jpg"
NO_FILE = FileNotFoundError(2, "No such file or directory", ADA)


def line(
    message: str = "Three photos",
    error: BaseException | None = None,
    name: str = "memoria",
    **extra: Any,
) -> Any:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord(name, logging.WARNING, __file__, 1, message, (), info)
    record.__dict__.update(extra)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except type(error):
        return error


def everything_said(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_a_line_says_when_how_bad_who_and_what() -> None:
    said = line()
    assert said.pop("time").endswith("+00:00")
    assert said == {"level": "warning", "logger": "memoria", "message": "Three photos"}


def test_a_line_of_a_run_names_its_event_its_run_and_its_step() -> None:
    said = line(
        "memoria - 42 - Three photos",
        dagster_meta={
            "orig_message": "Three photos",
            "job_tags": {"dagster/partition": "an-event"},
            "run_id": "a-run",
            "job_name": "process_event",
            "step_key": "media",
            "dagster_event": None,
        },
    )
    assert (said["event_id"], said["run_id"], said["step"]) == ("an-event", "a-run", "media")
    assert said["message"] == "Three photos"


def test_a_step_that_failed_says_why_and_what_was_behind_it() -> None:
    behind = SimpleNamespace(message="ConsentError: nobody agreed\n", cause=None)
    data = SimpleNamespace(error=SimpleNamespace(message="Error in step\n", cause=behind))
    event = SimpleNamespace(event_type_value="STEP_FAILURE", event_specific_data=data)
    said = line(dagster_meta={"dagster_event": event})
    assert said["happened"] == "STEP_FAILURE"
    assert said["error"] == "Error in step < ConsentError: nobody agreed"


def test_an_error_of_ours_is_shown_with_its_words_and_its_place() -> None:
    said = line(error=raised(SettingsError("Mount the folder again.")))
    assert said["error"] == "SettingsError: Mount the folder again."
    assert said["where"][-1].startswith("test_logs.py:")


def test_a_strangers_error_is_shown_without_its_words() -> None:
    said = str(line(error=raised(FileNotFoundError(2, "No such file or directory", ADA))))
    assert "FileNotFoundError (No such file or directory)" in said
    assert "Lovelace" not in said


@pytest.mark.parametrize("name", ["asyncio", "PIL.Image", "root", "s3fs"])
def test_a_librarys_line_keeps_its_place_and_not_its_words(name: str) -> None:
    said = line(f"Task exception was never retrieved: {NO_FILE}", name=name)
    assert said["logger"] == name
    assert said["message"].endswith(": test_logs.py:1")
    assert "Lovelace" not in str(said)


@pytest.mark.parametrize("name", ["memoria_pipeline.store", "dagster.daemon", "dagster-webserver"])
def test_our_own_lines_and_dagsters_are_shown(name: str) -> None:
    assert line(name=name)["message"] == "Three photos"


@pytest.mark.parametrize(
    "error", [ValueError(ADA), KeyError(ADA), NO_FILE, UnicodeDecodeError("utf8", b"Ada", 0, 1, "")]
)
def test_what_is_withheld_is_the_words_and_not_the_kind(error: Exception) -> None:
    kept = withheld(raised(error))
    assert isinstance(kept, WithheldError)
    assert type(error).__name__ in str(kept)
    assert "Ada" not in everything_said(kept)


def test_an_error_of_ours_loses_only_the_words_of_what_caused_it() -> None:
    ours = SettingsError("Mount the folder again.")
    kept = withheld(raised(ours, raised(ValueError(ADA), raised(OSError(5, "I/O", ADA)))))
    assert kept is ours
    said = everything_said(kept)
    assert "ValueError" in said
    assert "OSError (I/O)" in said
    assert "Lovelace" not in said


def handling_another() -> None:
    try:
        raise ValueError(ADA)
    except ValueError:
        complain()


def complain() -> None:
    raise SettingsError("Mount the folder again.")


def test_what_was_raised_while_another_was_handled_hides_that_one_too() -> None:
    with pytest.raises(SettingsError) as caught:
        handling_another()
    assert "Lovelace" not in everything_said(withheld(caught.value))


def plain(fails: bool) -> list[int]:
    """What it does."""
    if fails:
        raise ValueError(ADA)
    return [1]


def generating(fails: bool) -> Iterator[int]:
    """What it does."""
    yield from plain(fails)


@pytest.mark.parametrize("body", [plain, generating])
def test_a_discreet_body_does_what_it_did_and_fails_without_a_name(
    body: Callable[[bool], Any],
) -> None:
    discreetly = discreet(body)
    assert discreetly.__doc__ == "What it does."
    assert list(discreetly(False)) == [1]
    with pytest.raises(WithheldError) as caught:
        list(discreetly(True))
    assert "Lovelace" not in everything_said(caught.value)


SCRIPT = """
import logging, sys
early = logging.getLogger("dagster.early")
early.addHandler(logging.StreamHandler(sys.stdout))
from memoria_pipeline import logs
logs.install(sys.stdout)
logs.install(sys.stdout)
early.warning("one")
late = logging.getLogger("dagster.late")
late.addHandler(logging.StreamHandler(sys.stdout))
late.warning("two")
early.addHandler(logging.StreamHandler(sys.stdout))
early.warning("three")
logging.getLogger("memoria.nobody's").warning("four")
"""


def test_after_installing_every_screen_gets_json_whoever_set_it_up() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True
    )
    said = [json.loads(each)["message"] for each in done.stdout.splitlines()]
    assert said == ["one", "two", "three", "three", "four"]
