"""The kills of the benchmark hit what they name, and nothing of another home."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline_tests.bench.stack import Stack, until
from memoria_pipeline_tests.bench.uploaded import Outcome

SLEEP = "import time; time.sleep(60)"


def program(home: Path, *words: str) -> subprocess.Popen[bytes]:
    """A process that belongs to a home, and whose command line holds these words."""
    environment = {"MEMORIA_HOME": str(home)}
    return subprocess.Popen([sys.executable, "-c", SLEEP, *words], env=environment)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    made = {
        "daemon": program(tmp_path, "dagster-daemon", "run"),
        "webserver": program(tmp_path, "dagster-webserver"),
        "guard": program(tmp_path, "memoria_pipeline.guard", "dagster-daemon"),
        "another's": program(tmp_path / "other", "dagster-daemon"),
    }
    yield made
    for each in made.values():
        each.kill()
        each.wait()


def test_a_kill_ends_the_program_it_names_and_no_other(
    tmp_path: Path, programs: dict[str, subprocess.Popen[bytes]]
) -> None:
    assert Stack(tmp_path).kill("daemon") == 1
    assert programs["daemon"].poll() is not None
    assert all(programs[name].poll() is None for name in ("webserver", "guard", "another's"))


def test_a_power_cut_ends_all_of_a_home_and_nothing_else(
    tmp_path: Path, programs: dict[str, subprocess.Popen[bytes]]
) -> None:
    assert Stack(tmp_path).kill("everything") == 3
    assert all(programs[name].poll() is not None for name in ("daemon", "webserver", "guard"))
    assert programs["another's"].poll() is None


def test_a_home_without_a_server_has_none_to_kill(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "postmaster.pid").write_text("1\n")
    assert Stack(tmp_path).kill("PostgreSQL") == 0


def test_the_processor_time_of_parts_counts_what_they_used(
    tmp_path: Path, programs: dict[str, subprocess.Popen[bytes]]
) -> None:
    stack = Stack(tmp_path)
    until(lambda: stack.cpu("everything") > stack.cpu("webserver") > 0, 10, "No time was used")


def test_outcomes_say_in_what_they_differ() -> None:
    face = ("a.jpg", 0.1, 0.1, 0.2, 0.2)
    one = Outcome(frozenset({("analysed", 1)}), frozenset({face}), frozenset(), frozenset())
    other = Outcome(one.photos, one.faces, frozenset({frozenset({face})}), frozenset())
    assert one.differs(one) == []
    assert one.differs(other) == ["people"]


def test_waiting_for_what_never_comes_says_what_did_not() -> None:
    with pytest.raises(MemoriaError, match="No run began within 0 s"):
        until(lambda: False, 0, "No run began", every=0.01)
