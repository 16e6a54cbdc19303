import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.analyse import Outcome, Work, analyse
from memoria_pipeline.vision.bounds import release
from memoria_pipeline_tests.fakes import (
    BLACK,
    GREEN,
    RED,
    WHITE,
    ColourModel,
    Shelf,
    no_model,
    picture,
)


def work(photos: dict[str, bytes], known: frozenset[str] = frozenset()) -> Work:
    return Work(Shelf(photos).read, ColourModel, known=known)


def whites(count: int) -> dict[str, bytes]:
    return {f"{i:02}.png": picture(WHITE, (64 + i, 48)) for i in range(count)}


def keys(outcomes: Iterable[Outcome]) -> list[str]:
    return [outcome.key for outcome in outcomes]


def test_outcomes_come_in_the_order_of_the_photos_with_the_originals_size() -> None:
    photos = whites(9)
    outcomes = list(analyse(photos, work(photos), workers=2))
    assert keys(outcomes) == list(photos)
    assert [outcome.width for outcome in outcomes] == [64 + i for i in range(9)]
    assert all(len(outcome.faces) == 1 and outcome.seconds > 0 for outcome in outcomes)


def test_a_photo_that_crashes_its_worker_is_recorded_and_the_others_go_on() -> None:
    photos = {**whites(3), "03-bad.png": picture(RED), "04.png": picture(GREEN)}
    outcomes = {o.key: o for o in analyse(photos, work(photos), workers=2)}
    assert list(outcomes) == list(photos)
    error = outcomes["03-bad.png"].error
    assert error is not None
    assert error[0] == "crashed"
    assert [o.key for o in outcomes.values() if o.error is None] == [*whites(3), "04.png"]


def test_an_error_of_a_library_is_the_photos_and_repeats_nothing_of_it() -> None:
    photos = {"black.png": picture(BLACK), **whites(1)}
    black, white = analyse(photos, work(photos), workers=1)
    assert black.error is not None
    assert black.error[0] == "crashed"
    assert "ValueError" in black.error[1]
    assert "Ada" not in black.error[1]
    assert white.error is None


def test_a_photo_that_hangs_ends_its_worker() -> None:
    # That a worker's end is recorded, and the rest goes on, is the test above.
    hang = (
        "from memoria_pipeline.vision import worker\n"
        "from memoria_pipeline_tests.fakes import BLUE, ColourModel, Shelf, picture\n"
        "worker.LONGEST = 1\n"
        "work = worker.Work(Shelf({'a': picture(BLUE)}).read, ColourModel)\n"
        "worker._start_worker(work, worker.SPAWN.Event())\n"
        "worker.analyse_one('a')\n"
    )
    ended = subprocess.run([sys.executable, "-c", hang], check=False, timeout=50)
    assert ended.returncode == -signal.SIGALRM


def test_a_photo_that_cannot_be_read_keeps_its_reason() -> None:
    photos = {"empty.jpg": b"", "text.jpg": b"hello", **whites(1)}
    outcomes = list(analyse([*photos, "gone.jpg"], work(photos), workers=1))
    reasons = [outcome.error and outcome.error[0] for outcome in outcomes]
    assert reasons == ["empty", "unsupported", None, "missing"]


def test_the_same_bytes_are_analysed_once_per_run_and_not_again_later() -> None:
    photos = whites(1) | {"copy.png": picture(WHITE), "other.png": picture(WHITE, (9, 9))}
    first = list(analyse(photos, work(photos), workers=1))
    assert [outcome.duplicate for outcome in first] == [False, True, False]
    known = frozenset(outcome.sha256 for outcome in first)
    again = list(analyse(photos, work(photos, known), workers=1))
    assert [outcome.duplicate for outcome in again] == [True, True, True]
    assert not any(outcome.faces for outcome in again)


def test_duplicates_are_analysed_where_a_file_is_a_file() -> None:
    photos = {"a.png": picture(WHITE), "b.png": picture(WHITE)}
    outcomes = list(analyse(photos, work(photos), workers=1, skip_duplicates=False))
    assert [len(outcome.faces) for outcome in outcomes] == [1, 1]


def test_a_model_that_cannot_be_had_is_the_runs_error_not_the_photos() -> None:
    photos = whites(2)
    with pytest.raises(ModelError, match="install it"):
        list(analyse(photos, Work(Shelf(photos).read, no_model), workers=1))


def test_closing_it_early_leaves_no_worker_behind() -> None:
    photos = whites(20)
    outcomes = analyse(photos, work(photos), workers=2)
    next(iter(outcomes))
    workers = multiprocessing.active_children()
    assert workers
    outcomes.close()  # type: ignore[attr-defined]
    assert not any(os.path.exists(f"/proc/{w.pid}") for w in workers)  # noqa: PTH110


def test_no_photos_start_no_worker() -> None:
    before = multiprocessing.active_children()
    assert list(analyse([], work({}))) == []
    assert multiprocessing.active_children() == before


def test_memory_that_was_freed_goes_back_to_the_system() -> None:
    held = [bytes(60_000) for _ in range(2000)]  # too small for the library to give back itself
    last, before = held[-1], _resident()
    held.clear()
    release()
    assert len(last) == 60_000
    assert before - _resident() > 60_000_000


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
