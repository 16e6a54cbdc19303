"""The review of a large event: 5,000 people, 20,000 photos, 60,000 faces; 50 reviewers at once.

The real application in a process of its own, served by uvicorn, logged in as memoria_api;
`python -m memoria_pipeline_tests.bench.review_load` prints the figures within five minutes.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn

from memoria_pipeline.review.app import create_app
from memoria_pipeline.review.limits import RATES, Limiter
from memoria_pipeline.review.mail import Outbox
from memoria_pipeline.review.parts import AT_ONCE, Parts
from memoria_pipeline.review.signed import Signer
from memoria_pipeline.review.tokens import Tokens
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import callers, checks, db, questions
from memoria_pipeline_tests.bench.crowd import Crowd, crowd
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.stack import free_port, until
from memoria_pipeline_tests.people.synthetic import THRESHOLDS

EACH = 6
"""Decisions of each reviewer."""

AGAIN = 9
"""Times that an action is taken; its median counts."""

_SECRET = "t" * 48


def serve(home: str, url: str, port: str) -> None:
    """The application, until it is ended; no rate holds a benchmark up."""
    engine = db.pooled(url, AT_ONCE)
    callers.refuse_strong_login(engine)
    parts = Parts(
        engine,
        Settings(home=Path(home), review_url=f"http://127.0.0.1:{port}"),
        Signer(b"s" * 48),
        Tokens(_SECRET),
        Outbox(Path(home) / "outbox", "memoria@example.org"),
        Limiter(dict.fromkeys(RATES, "1000000/minute")),
    )
    uvicorn.run(create_app(parts), port=int(port), access_log=False, log_level="warning")


@dataclass(frozen=True)
class Served:
    """The crowd's review."""

    crowd: Crowd
    url: str

    def client(self, number: int = 0) -> httpx.Client:
        """One of the organisers."""
        token = Tokens(_SECRET).make(self.crowd.organisers[number], 3_600)
        headers = {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120)


@contextmanager
def served(of: Crowd) -> Iterator[Served]:
    """The review in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", __spec__.name, "serve", str(of.home), of.api_url, str(port)]
    process = subprocess.Popen(command)
    made = Served(of, f"http://127.0.0.1:{port}")
    try:
        until(lambda: _answers(made.url), 60, "The review did not come up")
        yield made
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.HTTPError:
        return False


def rows() -> Iterator[Row]:
    """Reviewers at once first: what they decide is the log that the actions are timed with."""
    with crowd() as made, served(made) as review:
        yield from together(review)
        yield computed(made)
        with review.client() as client:
            yield first_page(review, client)
            yield from actions(review, client)


def computed(of: Crowd) -> Row:
    """What the pipeline asks; people go on deciding meanwhile."""
    started = time.monotonic()
    with db.connect(db.engine(of.url)) as conn:
        db.steady(conn)
        batch = questions.ask(conn, of.event, THRESHOLDS)
    with db.connect(db.engine(of.url)) as conn:
        questions.save(conn, of.event, batch)
    took = time.monotonic() - started
    reached = f"{took:.0f} s, {len(batch.made)} of them"
    return "the pipeline computes the questions of 60,000 faces", "< 60 s", reached, took < 60


def first_page(review: Served, client: httpx.Client) -> Row:
    """People of the event, 50 of them, with counts and best faces."""
    path = f"/event/{review.crowd.event}/people"
    times = [_timed(lambda: client.get(path)) for _ in range(30)][5:]
    asked = "first page of people, 5,000 of them: median, warm"
    return asked, "< 150 ms", _ms(median(times)), median(times) < 0.15


def _timed(call: Callable[[], httpx.Response]) -> float:
    started = time.perf_counter()
    answer = call()
    took = time.perf_counter() - started
    if answer.is_error:
        raise RuntimeError(f"{answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    return took


def _ms(seconds: float) -> str:
    return f"{seconds * 1_000:.0f} ms"


def actions(review: Served, client: httpx.Client) -> Iterator[Row]:
    """Everything that a human can do or look at, one by one."""
    tried = Actions(review, client)
    found = {name: sorted(call() for _ in range(AGAIN)) for name, call in tried.all().items()}
    for name, times in sorted(found.items(), key=lambda each: -median(each[1])):
        reached = f"{_ms(median(times))}, at most {_ms(times[-1])}"
        yield f"  {name}: median of {AGAIN}", "< 200 ms", reached, median(times) < 0.2
    worst = max(found, key=lambda name: median(found[name]))
    took = median(found[worst])
    yield "slowest action of an organiser, median", "< 200 ms", f"{_ms(took)} ({worst})", took < 0.2


@dataclass
class Actions:
    """Actions, each on people of its own: those who were seen a few times, as most are."""

    review: Served
    client: httpx.Client
    _people: list[tuple[str, list[str]]] = field(default_factory=list)
    _last: str = ""

    def __post_init__(self) -> None:
        found = self.review.crowd.rows(_FREE)
        self._people = [(str(row.id), [str(face) for face in row.faces]) for row in found]
        self._big = [(str(row.id), [str(f) for f in row.faces]) for row in found if row.n > 30]

    def all(self) -> dict[str, Callable[[], float]]:
        """Each by its name."""
        event = self.review.crowd.event
        reads = {
            "see the event": f"/event/{event}",
            "see its progress": f"/event/{event}/progress",
            "see its questions": f"/event/{event}/questions",
            "see its photos": f"/event/{event}/media",
            "see its members": f"/event/{event}/members",
            "see its decisions": f"/event/{event}/decisions",
            "see pending people, page 20": f"/event/{event}/people?status=pending&page=20",
        }
        looks = {name: self._look(path) for name, path in reads.items()}
        return {
            **looks,
            "see a person": lambda: self._on_person("get", ""),
            "see a person's faces": lambda: self._on_person("get", "/faces"),
            "see a person's history": lambda: self._on_person("get", "/history"),
            "assign": lambda: self._on_person("post", "/link-user", user_id=str(uuid4())),
            "assign one of 30 faces and more": self._assign_big,
            "undo": self._undo,
            "confirm": lambda: self._on_person("post", "/confirm"),
            "ignore": lambda: self._on_person("post", "/ignore"),
            "invite": lambda: self._on_person(
                "post", "/invite", email=f"{uuid4().hex[:12]}@example.org"
            ),
            "merge": self._merge,
            "split": lambda: self._with_face("/split"),
            "reject": lambda: self._with_face("/reject"),
            "move": self._move,
            "not a face": lambda: self._of_event("not-a-face"),
            "ignore a face": lambda: self._of_event("ignore-faces"),
            "ignore everyone else in a photo": self._ignore_others,
        }

    def _look(self, path: str) -> Callable[[], float]:
        return lambda: _timed(lambda: self.client.get(path))

    def _send(self, method: str, path: str, **body: Any) -> float:
        def call() -> httpx.Response:
            answer = self.client.request(method, path, json=body or None)
            if not answer.is_error and method == "post":
                self._last = next(iter(answer.json()["decision_ids"]), self._last)
            return answer

        return _timed(call)

    def _on_person(self, method: str, path: str, **body: Any) -> float:
        person, _ = self._people.pop()
        return self._send(method, f"/person/{person}{path}", **body)

    def _assign_big(self) -> float:
        person, _ = self._big.pop()
        self._people = [each for each in self._people if each[0] != person]
        return self._send("post", f"/person/{person}/link-user", user_id=str(uuid4()))

    def _undo(self) -> float:
        self._on_person("post", "/link-user", user_id=str(uuid4()))
        return self._send("post", f"/decision/{self._last}/undo")

    def _merge(self) -> float:
        (one, _), (other, _) = self._people.pop(), self._people.pop()
        return self._send("post", f"/person/{one}/merge", other_person_id=other)

    def _with_face(self, path: str) -> float:
        person, faces = self._people.pop()
        return self._send("post", f"/person/{person}{path}", face_ids=faces[:1])

    def _of_event(self, path: str) -> float:
        _, faces = self._people.pop()
        event = self.review.crowd.event
        return self._send("post", f"/event/{event}/{path}", face_ids=faces[:1])

    def _move(self) -> float:
        (one, faces), (other, _) = self._people.pop(), self._people.pop()
        body = {"face_ids": faces[:1], "to_person_id": other, "from_person_id": one}
        return self._send("post", f"/event/{self.review.crowd.event}/move", **body)

    def _ignore_others(self) -> float:
        _, faces = self._people.pop()
        query = "select media_id from memoria.faces where event_id = :event and id = :face"
        [row] = self.review.crowd.rows(query, face=UUID(faces[0]))
        return self._send("post", f"/media/{row.media_id}/ignore-others", keep_face_ids=faces[:1])


# Who was seen often comes last, so that `pop` takes those who were seen a few times.
_FREE = """
    select p.id, count(*) as n, array_agg(f.id order by f.id) as faces
    from memoria.face_persons p
    join memoria.faces f on f.event_id = p.event_id and f.face_person_id = p.id
    where p.event_id = :event and p.status = 'pending' and not p.human_touched
    group by p.id having count(*) > 2 order by count(*) desc, p.id
"""


@dataclass
class Told:
    """What the reviewers heard: decisions that they were told of, and answers of each status."""

    decisions: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, answer: httpx.Response) -> None:
        """One answer."""
        with self.lock:
            status = answer.status_code
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if not answer.is_error:
                self.decisions += answer.json()["decision_ids"]


def together(review: Served) -> Iterator[Row]:
    """Fifty at once, each on people of their own and on some that all decide on."""
    people = [str(row.id) for row in review.crowd.rows(_FREE)]
    shared, own = people[-10:], people[:-10]
    told, started = Told(), time.monotonic()
    with ThreadPoolExecutor(len(review.crowd.organisers)) as pool:
        jobs = [
            pool.submit(
                _review, review, number, own[number :: len(review.crowd.organisers)], shared, told
            )
            for number in range(len(review.crowd.organisers))
        ]
        for job in jobs:
            job.result()
    seconds = time.monotonic() - started
    yield from _kept(review, told, seconds)


def _review(
    review: Served, number: int, own: Sequence[str], shared: Sequence[str], told: Told
) -> None:
    """One reviewer: names, ignores and confirms; every third of a person that all have in hand."""
    with review.client(number) as client:
        for turn in range(EACH):
            if turn % 3 == 2:
                person = shared[(number + turn) % len(shared)]
                body: dict[str, Any] = {}
                path = f"/person/{person}/confirm"
            else:
                path, body = f"/person/{own[turn]}/link-user", {"user_id": str(uuid4())}
            key = {"idempotency-key": uuid4().hex}
            told.hear(client.post(path, json=body or None, headers=key))
            if turn == 0:  # whoever lost the first answer asks again: it is no second decision
                again = client.post(path, json=body or None, headers=key)
                told.statuses[again.status_code] = told.statuses.get(again.status_code, 0)


def _kept(review: Served, told: Told, seconds: float) -> Iterator[Row]:
    what = f"{len(review.crowd.organisers)} reviewers at once"
    log = {str(row.id) for row in review.crowd.rows(_LOG)}
    heard = set(told.decisions)
    reached = f"{len(heard - log)} of {len(heard)}, in {seconds:.0f} s"
    yield f"{what}: decisions lost", "0", reached, bool(heard) and not heard - log
    extra = f"{len(log - heard)} more"
    same = len(heard) == len(told.decisions) and not log - heard
    yield (
        f"{what}: the log is what they were told",
        "the same",
        extra if not same else "the same",
        same,
    )
    errors = {status: n for status, n in told.statuses.items() if status >= 400}
    yield f"{what}: answers that are errors", "0", str(errors or 0), not errors
    with db.connect(db.engine(review.crowd.url)) as conn:
        wrong = checks.faces_not_as_decided(conn, review.crowd.event)
    yield f"{what}: faces that are not as decided", "0", str(wrong), wrong == 0


_LOG = "select id from memoria.decisions where event_id = :event"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", home, url, port]:
            serve(home, url, port)
        case _:
            sys.exit(show("Review of a large event", rows()))
