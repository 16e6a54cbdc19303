"""What people type, run as they run it: real processes, an empty home, a real server."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db, events, media
from memoria_pipeline_tests.defs.test_process_event import PARTY, SIX

MEMORIA = str(Path(sys.executable).with_name("memoria"))


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path: that is too long for a socket, and pytest's folders are 0700.
    with tempfile.TemporaryDirectory(prefix="memoria ", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def album(home: Path) -> Path:
    folder = home / "an album [bold]"
    folder.mkdir()
    shutil.copyfile(PARTY, folder / "party.jpg")
    shutil.copyfile(PARTY, folder / "copy.jpg")
    (folder / "cut [red].jpg").write_bytes(PARTY.read_bytes()[:5000])
    return folder


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "200", **more}


def run(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MEMORIA, *arguments],
        env=environment(home, **more),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


def running_under(home: Path) -> list[str]:
    """Command lines of the processes that were started with this home, theirs included."""
    lines = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if f"HOME={home}\0".encode() in (each / "environ").read_bytes():
                lines.append((each / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it is gone by now
            continue
    return lines


def test_the_demo_shows_who_is_in_a_folder_and_does_only_what_is_new(
    home: Path, album: Path
) -> None:
    first = run(home, "demo", "--photos", str(album))
    assert first.returncode == 0, first.stdout + first.stderr
    assert f"{SIX} people in 3 photos" in first.stdout
    assert re.search(r"exact duplicates +1\n", first.stdout)
    assert "cut [red].jpg" in first.stdout
    (album / "copy.jpg").unlink()
    (album / "cut [red].jpg").unlink()
    again = run(home, "demo", "--photos", str(album))
    assert f"{SIX} people in 3 photos" in again.stdout
    assert re.search(r"gone from the folder +2\n", again.stdout)
    assert not running_under(home)


@pytest.mark.parametrize("whom", ["the command", "the command and its run"])
def test_a_run_killed_in_the_middle_leaves_nothing_running_and_is_gone_on_with(
    home: Path, album: Path, whom: str
) -> None:
    for number in range(6):
        shutil.copyfile(PARTY, album / f"{number}.jpg")
        with (album / f"{number}.jpg").open("ab") as file:
            file.write(bytes([number]))  # the same picture, other bytes
    demo = subprocess.Popen(
        [MEMORIA, "demo", "--photos", str(album)], env=environment(home), stdout=subprocess.DEVNULL
    )
    with db.running(home / ".memoria") as found:
        engine = sa.create_engine(found.memoria, poolclass=sa.NullPool)
        done = wait_for_photos(engine, 2)
        kill(demo.pid, children=whom != "the command")
        demo.wait()
        wait_until_only_the_server_runs(home)
        with db.connect(engine) as conn:
            [event] = events.list_(conn)
            left = media.summary(conn, event.id)
        assert done <= left.analysed < 7
    again = run(home, "demo", "--photos", str(album))
    assert again.returncode == 0, again.stdout
    assert f"{SIX} people in 9 photos" in again.stdout
    assert "still to do" not in again.stdout


def wait_for_photos(engine: sa.Engine, count: int) -> int:
    for _ in range(600):
        time.sleep(0.1)
        try:
            with db.connect(engine) as conn:
                known = events.list_(conn)
                done = media.summary(conn, known[0].id).analysed if known else 0
        except DatabaseError:  # not migrated yet
            continue
        if done >= count:
            return done
    raise AssertionError("The run did not get going.")


def kill(pid: int, *, children: bool) -> None:
    """The command, and the run that it started; workers must always notice by themselves."""
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for each in (pid, *(map(int, started) if children else ())):
        os.kill(each, signal.SIGKILL)


def wait_until_only_the_server_runs(home: Path) -> None:
    for _ in range(300):
        left = [line for line in running_under(home) if "postgres" not in line]
        if not left:
            return
        time.sleep(0.1)
    raise AssertionError(left)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_up_serves_the_ui_until_it_is_stopped_with_all_it_started(
    home: Path, how: signal.Signals
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    up = subprocess.Popen(
        [MEMORIA, "up", "--port", str(port)],
        env=environment(home),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert up.stdout is not None
    shown = ""
    while "Ctrl-C" not in shown:
        line = up.stdout.readline()
        assert line, shown
        shown += line
    assert f"http://127.0.0.1:{port}" in shown
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=20) as answer:
        assert answer.status == 200
    assert run(home, "up", "--port", str(port)).returncode == 1
    os.killpg(up.pid, how)
    status = up.wait(60)
    up.stdout.close()
    if how is signal.SIGKILL:
        wait_until_only_the_server_runs(home)
        return
    assert status == 0
    assert not running_under(home)


def test_a_mistake_is_one_clear_line_and_no_traceback(home: Path) -> None:
    for arguments, variables, said in [
        (["demo", "--photos", str(home / "nowhere")], {}, "is not a folder"),
        (["model", "check", "insightface:/nowhere"], {}, "insightface:"),
        (["demo"], {"MEMORIA_FACE_MODEL": "insightface:buffalo_l"}, "has no thresholds yet"),
        (["model", "list"], {"MEMORIA_DET_SIZE": "big"}, "MEMORIA_DET_SIZE"),
        (["migrate"], {"MEMORIA_DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "No connection"),
        (["lab", "cluster", "nowhere.parquet", "-o", "x"], {}, "nowhere.parquet"),
    ]:
        done = run(home, *arguments, **variables)
        assert done.returncode == 1, arguments
        assert said in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def test_the_packs_are_listed_with_licence_and_the_one_that_auto_takes(home: Path) -> None:
    shown = run(home, "model", "list", COLUMNS="60").stdout
    for expected in ("dlib", "insightface:buffalo_l", "non-commercial research only", "CC0"):
        assert expected in shown
    assert "set MEMORIA_FACE_MODEL=insightface:buffalo_l" in shown
    assert "dlib: no InsightFace pack is on this machine" in shown


def test_a_pack_can_be_checked(home: Path) -> None:
    shown = run(home, "model", "check", "dlib").stdout
    for expected in ("per photo", "per face", "ms", "cpu", "providers"):
        assert expected in shown


def test_the_laboratory_goes_from_a_folder_to_a_score(home: Path, album: Path) -> None:
    faces, errors = home / "faces.parquet", home / "errors.csv"
    found = run(home, "lab", "faces", str(album), "-o", str(faces), "--errors", str(errors))
    assert found.returncode == 0, found.stderr
    assert "cut [red].jpg: " in found.stderr
    assert errors.read_text().splitlines()[1].startswith("cut [red].jpg,broken,")
    table = pq.read_table(faces)
    assert table.num_rows == 2 * SIX
    assert table.column_names == [
        *("photo", "face_index", "box_x", "box_y", "box_w", "box_h"),
        *("det_score", "quality", "quality_class", "landmarks", "embedding"),
    ]
    truth = home / "truth.csv"
    keys = zip(table["photo"].to_pylist(), table["face_index"].to_pylist(), strict=True)
    rows = [f"{photo},{index},person-{index}" for photo, index in keys]
    truth.write_text("\n".join(["photo,face_index,identity", *rows]))
    people, other = home / "people.parquet", home / "other.parquet"
    assert run(home, "lab", "cluster", str(faces), "-o", str(people)).returncode == 0
    hdbscan = ["lab", "cluster", str(faces), "-o", str(other), "--method", "hdbscan"]
    assert run(home, *hdbscan, MIN_CLUSTER_SIZE="2", MIN_SAMPLES="1").returncode == 0
    assert pq.read_table(people).column_names == ["photo", "face_index", "person", "probability"]
    scored = run(home, "lab", "score", str(people), str(other), str(truth))
    assert scored.returncode == 0, scored.stderr
    assert re.search(r"constrained +hdbscan", scored.stdout)
    assert re.search(r"b3_f +1\.0000 ", scored.stdout)
    assert not (home / ".memoria").exists()
