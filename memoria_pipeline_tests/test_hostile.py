"""Hostile input, as bench/hostile.py has it, in a size that every test run can bear."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memoria_pipeline_tests.bench import addresses, bombs, forged, mutants, traversals


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.ERROR)  # each refusal is a line
    yield
    logging.disable(logging.NOTSET)


def test_five_hundred_damaged_photos_crash_nothing_and_hang_nowhere(tmp_path: Path) -> None:
    mutants.originals(tmp_path)
    seen = mutants.read(tmp_path, 1_000_000, 500)  # not those of the benchmark
    assert mutants.bad(seen) == 0, seen
    assert seen.total() == 500
    assert seen["read"] > 50  # else nothing would come as far as a decoder
    assert seen["broken"] > 50


def test_a_worker_that_dies_or_hangs_is_seen_and_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "worker"
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, signal, sys\n"
        "first = int(sys.argv[4])\n"
        "for number in range(first, first + int(sys.argv[5])):\n"
        "    print(number, flush=True)\n"
        "    ending = {2: signal.SIGSEGV, 3: signal.SIGALRM}.get(number)\n"
        "    if ending: os.kill(os.getpid(), ending)\n"
        "    print(number, 'read', flush=True)\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    seen = mutants.read(tmp_path, 0, 6)
    assert seen == {"read": 4, "crash -11 at 2": 1, "hang": 1}
    assert mutants.bad(seen) == 2


CHEAP = (
    *("sixteen bits and alpha.png", "overlapping tags.tif", "packed.bmp"),
    "38 bytes of it.webp",
)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_bombs_that_are_made_quickly_take_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = bombs.all_of_them()
    monkeypatch.setattr(bombs, "all_of_them", lambda: {name: known[name] for name in CHEAP})
    monkeypatch.setattr(bombs, "SIDES", (2048,))
    for took in bombs.measured(tmp_path):
        assert took.outcome in ("too_many_pixels", "broken", "read 2 wide"), took
        assert took.megabytes < 100, took


def test_hostile_addresses_are_refused_and_nobody_is_visited() -> None:
    count, wrong = addresses.tried()
    assert (count >= 40, wrong) == (True, [])


def test_no_path_leads_out(tmp_path: Path) -> None:
    (tmp_path / "review").mkdir()
    with forged.review(tmp_path / "review") as (_, client):
        count, wrong = traversals.tried(tmp_path / "paths", client)
    assert (count >= 50, wrong) == (True, [])


def test_no_forged_or_replayed_callback_or_address_is_accepted(tmp_path: Path) -> None:
    count, wrong = forged.tried(tmp_path)
    assert (count >= 100, wrong) == (True, [])
