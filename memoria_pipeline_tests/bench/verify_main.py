"""`make verify-main`: the figures of the main job, asked and reached; 25 minutes on two cores.

The demo's and the set-up's figures come from the commands that a newcomer types.
"""

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memoria_pipeline.album import sample
from memoria_pipeline.store import db, events, faces, persons
from memoria_pipeline_tests.bench import detection, grouping
from memoria_pipeline_tests.bench.figures import Row, show

ROOT = Path(__file__).resolve().parents[2]


def rows() -> Iterator[Row]:
    """Every figure of the main job."""
    yield from demo()
    yield from detection.rows()
    yield from grouping.rows()
    yield from fresh_clones()


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """A folder with a short path (sockets), which the server's user may pass through."""
    with tempfile.TemporaryDirectory(prefix=name, ignore_cleanup_errors=True) as made:
        yield Path(made)


def demo() -> Iterator[Row]:
    """`memoria demo` on the sample album with the default pack, twice."""
    with folder("memoria-") as home:
        command = [str(ROOT / ".venv" / "bin" / "memoria"), "demo"]
        environment = bare_environment(home)
        sample.make_album(home / ".memoria" / "sample-album")  # set-up is apart
        first = seconds(command, environment)
        yield "sample album: whole run", "< 120 s", f"{first:.1f} s", first < 120
        again = seconds(command, environment)
        yield "sample album: second run", "< 15 s", f"{again:.1f} s", again < 15
        yield from quality(home / ".memoria")


def quality(home: Path) -> Iterator[Row]:
    """What the demo left in its database, against the album's truth."""
    with db.running(home) as found, db.connect(db.engine(found.memoria)) as conn:
        [event] = events.list_(conn)
        located = [(f.storage_key, f.box, f.person) for f in faces.located(conn, event.id)]
        score = sample.score(home / "sample-album", located)
        run = persons.last_run(conn, event.id)
    share = score.clear_found / score.clear
    reached = f"{share:.1%} ({score.clear_found} of {score.clear})"
    yield "sample album: clear faces found", "≥ 95 %", reached, share >= 0.95
    yield "sample album: B³ F", "≥ 0.98", f"{score.b3_f:.4f}", score.b3_f >= 0.98
    impure = run.measures["impure"] if run else -1
    yield "sample album: impure clusters", "0", str(impure), impure == 0


def fresh_clones() -> Iterator[Row]:
    """`make demo` in a fresh clone, in a path with a space, as each kind of user; `make test`."""
    users = [None, "nobody"] if os.geteuid() == 0 else [None]
    for user in users:
        who = user or pwd.getpwuid(os.geteuid()).pw_name
        with folder("memoria clone ") as place:
            yield fresh_demo(place, who, user)
            if user is None:
                yield tests(place / "a clone")


def fresh_demo(place: Path, who: str, user: str | None) -> Row:
    """One clone, an empty home, one command."""
    clone, home = place / "a clone", place / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    if user:
        place.chmod(0o755)
        for path in (place, *place.rglob("*")):
            shutil.chown(path, user)
    environment = bare_environment(home) | index_settings()
    started = time.perf_counter()
    done = subprocess.run(
        ["make", "demo"],
        cwd=clone,
        env=environment,
        user=user,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - started
    shown = re.search(r"\d+ people in \d+ photos", done.stdout)
    good = done.returncode == 0 and shown is not None
    reached = f"{shown.group()}, {took:.0f} s" if good and shown else done.stderr[-200:]
    return f"make demo, path with a space, as {who}", "works", reached, good


def tests(clone: Path) -> Row:
    """`make test` in that clone, set-up apart."""
    data = {"MEMORIA_TEST_DATA": str(detection.DATA)}
    environment = bare_environment(clone.parent / "home") | index_settings() | data
    started = time.perf_counter()
    done = subprocess.run(
        ["make", "test"], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - started
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-200:]
    return "make test", "passes in < 480 s", last, done.returncode == 0 and took < 480


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """How long a command takes; its failure is an error."""
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def bare_environment(home: Path) -> dict[str, str]:
    """What a fresh machine has: a home and a path."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


def index_settings() -> dict[str, str]:
    """How this machine reaches its package index, which an empty home does not say."""
    return {k: v for k, v in os.environ.items() if k.startswith("PIP_")}


if __name__ == "__main__":
    sys.exit(show("The main job", rows()))
