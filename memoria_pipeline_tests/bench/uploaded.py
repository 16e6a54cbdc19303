"""Events that a benchmark uploads, and what became of them.

The photos are the sample album's, smaller: nobody's faces, the same in every event, so that what
one undisturbed event comes to is what each must come to.
"""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from uuid import UUID

import cv2
import sqlalchemy as sa

from memoria_pipeline.album import sample
from memoria_pipeline.store import events, faces
from memoria_pipeline_tests.bench.stack import FINAL, Stack, until

SIDE = 900
"""Pixels of a photo's longer side: analysed quickly, and faces of the album are still large."""

UNREADABLE: Sequence[tuple[str, bytes]] = (
    ("cut.jpg", b""),  # the first bytes of a real photo; see `spoil`
    ("empty.jpg", b""),
    ("letter.jpg", b"Dear all, these are not pixels.\n" * 40),
    ("zeros.png", bytes(4_000)),
    ("page.webp", b"<html><body>404 Not Found</body></html>"),
)
"""Five files that are no photo, each in its own way."""

Place = tuple[str, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event.

    photos: how many of each status. faces: photo and box of each. people: the faces of each.
    jobs: how many of `ml_jobs` of each type and status.
    """

    photos: frozenset[tuple[str, int]]
    faces: frozenset[Place]
    people: frozenset[frozenset[Place]]
    jobs: frozenset[tuple[str, str, int]]

    def differs(self, other: "Outcome") -> list[str]:
        """The names of what is not the same."""
        names = ("photos", "faces", "people", "jobs")
        return [name for name in names if getattr(self, name) != getattr(other, name)]


@dataclass(eq=False)
class Photos:
    """The photos to upload, made once, in a folder of their own."""

    folder: Path

    @cached_property
    def paths(self) -> list[Path]:
        """Sixty or so, by name."""
        album, small = self.folder / "album", self.folder / "small"
        sample.make_album(album)
        small.mkdir()
        for path in sorted((album / "photos").iterdir()):
            pixels = cv2.imread(str(path))
            if pixels is not None:
                factor = min(1.0, SIDE / max(pixels.shape[:2]))
                less = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
                cv2.imwrite(str(small / f"{path.stem}.jpg"), less)
        return sorted(small.iterdir())


@contextmanager
def album() -> Iterator[Photos]:
    """The photos, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="memoria-photos-") as folder:
        yield Photos(Path(folder))


def upload(stack: Stack, name: str, photos: Iterable[Path]) -> UUID:
    """An event whose organiser agrees, and its photos in its folder, the last one last."""
    event = announce(stack, name)
    add(stack, name, photos)
    return event


def announce(stack: Stack, name: str) -> UUID:
    """The event and its empty folder."""
    root = stack.home / "albums" / name
    root.mkdir(parents=True)
    with stack.memoria.begin() as conn:
        return events.ensure(
            conn, name=name, photo_root=str(root), face_model=stack.model, consent=True
        )


def add(stack: Stack, name: str, photos: Iterable[Path]) -> None:
    """Copy photos into an event's folder."""
    for path in photos:
        shutil.copyfile(path, stack.home / "albums" / name / path.name)


def spoil(stack: Stack, name: str, real: Path) -> None:
    """Put the unreadable files into an event's folder."""
    for file, content in UNREADABLE:
        data = content if file != "cut.jpg" else real.read_bytes()[:3_000]
        (stack.home / "albums" / name / file).write_bytes(data)


def enqueue(stack: Stack, event: UUID, kind: str = "detect") -> None:
    """A job as another application writes it: with its own columns and no other."""
    with stack.memoria.begin() as conn:
        conn.execute(_ENQUEUE, {"event": event, "kind": kind})


_ENQUEUE = sa.text("insert into memoria.ml_jobs (job_type, event_id) values (:kind, :event)")


def outcome(stack: Stack, event: UUID) -> Outcome:
    """What there is of the event now."""
    with stack.memoria.begin() as conn:
        found = faces.located(conn, event)
        photos = conn.execute(_PHOTOS, {"event": event}).all()
        jobs = conn.execute(_JOBS, {"event": event}).all()
    people: dict[UUID, set[Place]] = {}
    for face in found:
        if face.person is not None:
            people.setdefault(face.person, set()).add(_place(face))
    return Outcome(
        photos=frozenset((row[0], row[1]) for row in photos),
        faces=frozenset(_place(face) for face in found),
        people=frozenset(frozenset(each) for each in people.values()),
        jobs=frozenset((row[0], row[1], row[2]) for row in jobs),
    )


def _place(face: faces.LocatedFace) -> Place:
    x, y, wide, high = (round(number, 4) for number in face.box)
    return face.storage_key, x, y, wide, high


_PHOTOS = sa.text(
    "select status, count(*) from memoria.media where event_id = :event group by status"
)
_JOBS = sa.text(
    "select job_type, status, count(*) from memoria.ml_jobs where event_id = :event"
    " group by job_type, status"
)


def published(stack: Stack, event: UUID, photos: int) -> bool:
    """Whether so many photos have their outcome, and people of all their faces are shown: some
    faces are too blurred to be anybody's."""
    row = stack.rows("memoria", _PUBLISHED, event=event)[0]
    done = row.settled >= photos and not row.pending
    return bool(done and row.grouped is not None and row.grouped >= row.faces)


_PUBLISHED = """
    select count(*) filter (where status <> 'pending') as settled,
        count(*) filter (where status = 'pending') as pending,
        (select (measures ->> 'faces')::float8 from memoria.cluster_runs where event_id = :event
            and status = 'published' order by published_at desc limit 1) as grouped,
        (select count(*) from memoria.faces where event_id = :event) as faces
    from memoria.media where event_id = :event
"""


def at_rest(stack: Stack, event: UUID, photos: int) -> bool:
    """Published, its jobs ended, and no run of it under way."""
    return (
        published(stack, event, photos)
        and not stack.rows("memoria", _OPEN_JOBS, event=event)[0][0]
        and not stack.rows("dagster", _OPEN_RUNS, event=str(event), final=list(FINAL))[0][0]
    )


_OPEN_JOBS = (
    "select count(*) from memoria.ml_jobs where event_id = :event"
    " and status in ('pending', 'processing')"
)
_OPEN_RUNS = (
    "select count(*) from runs r join run_tags t on t.run_id = r.run_id"
    " where t.key = 'dagster/partition' and t.value = :event and r.status <> all (:final)"
)


def wait_for_rest(stack: Stack, event: UUID, photos: int, timeout: float) -> float:
    """Seconds until it is at rest; the server may be away meanwhile. Raises MemoriaError."""

    def rests() -> bool:
        try:
            return at_rest(stack, event, photos)
        except sa.exc.DBAPIError:
            return False

    return until(rests, timeout, f"Event {event} did not come to rest")


def runs(stack: Stack) -> Counter[str]:
    """How many runs ended how."""
    found = stack.rows("dagster", "select status, count(*) as n from runs group by 1")
    return Counter({row.status: row.n for row in found})


def until_none(stack: Stack, query: str, timeout: float = 60.0) -> int:
    """The count that is left when it has had its time to become none."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            left = int(stack.rows("dagster", query)[0][0])
        except sa.exc.DBAPIError:
            left = -1
        if left == 0 or time.monotonic() > deadline:
            return abs(left)
        time.sleep(1)


UNFINISHED = "select count(*) from runs where status not in ('SUCCESS', 'FAILURE', 'CANCELED')"
SLOTS = "select count(*) from concurrency_slots where run_id is not null"
