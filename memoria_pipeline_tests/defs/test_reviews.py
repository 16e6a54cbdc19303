"""The sensor that follows what people decide, and the runs it asks for, on a real database."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import dagster as dg
import pytest
import sqlalchemy as sa

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs import reviews
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.store import db, decisions, proposals, questions, runs
from memoria_pipeline.store import followed as following
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline_tests.defs.test_grouping import Album
from memoria_pipeline_tests.people.synthetic import THRESHOLDS
from memoria_pipeline_tests.store.factories import ORGANISER, one

_PEOPLE = (
    "select id from memoria.face_persons where event_id = :event and status = 'pending' order by id"
)


class Known(Detector):
    """Thresholds of the made-up pack."""

    def thresholds(self, pack: str | None = None) -> dict[str, Any]:
        return THRESHOLDS.as_table()


@dataclass
class Bench:
    """An event whose people stand, in a database of its own; the sensor and its runs."""

    engine: sa.Engine
    instance: dg.DagsterInstance
    event: UUID
    cursor: str | None = None

    @property
    def store(self) -> Store:
        return Store(self.engine.url.render_as_string(hide_password=False))

    def tick(self) -> list[dg.RunRequest]:
        """One tick, as the daemon would take it; its runs are queued."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"store": self.store}
        )
        result = reviews.decisions_sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        for request in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions("events", list(request.partition_keys))
        return list(result.run_requests or [])

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        job = defs().resolve_job_def(request.job_name or "")
        return job.execute_in_process(
            partition_key=request.partition_key,
            instance=self.instance,
            resources={"store": self.store, "detector": Known(setting="dlib", workers=1)},
        )

    def decide(self) -> None:
        with db.connect(self.engine) as conn:
            person = conn.scalars(sa.text(_PEOPLE), {"event": self.event}).first()
            assert person
            decisions.assign(conn, self.event, person, uuid4(), actor=ORGANISER)

    def pause(self) -> None:
        """All of it happened a while ago."""
        self.do("alter table memoria.decisions disable trigger user")
        self.do("update memoria.decisions set created_at = created_at - interval '1 minute'")
        self.do("alter table memoria.decisions enable trigger user")

    def do(self, statement: str, **values: object) -> None:
        with self.engine.begin() as conn:
            conn.execute(sa.text(statement), values)

    def ask(self, query: str, **values: object) -> object:
        with self.engine.begin() as conn:
            return one(conn, query, **values)


@pytest.fixture
def bench(module_database: sa.Engine) -> Iterator[Bench]:
    with db.connect(module_database) as conn:
        album = Album(conn)
        album.add((0, 1, 2), (0, 1, 2), (3,))
        album.group()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Bench(module_database, instance, album.event)
    with db.connect(module_database) as conn:
        conn.execute(sa.text("delete from memoria.events"))


@pytest.fixture
def followed(bench: Bench) -> Bench:
    """Its questions are asked already."""
    [first] = bench.tick()
    assert bench.run(first).success
    assert bench.tick() == []
    return bench


def test_people_without_questions_get_them(bench: Bench) -> None:
    [request] = bench.tick()
    assert (request.job_name, request.partition_key) == ("follow_decisions", str(bench.event))
    result = bench.run(request)
    assert result.success
    [made] = result.asset_materializations_for_node("questions")
    assert made.metadata["name"].value == 3
    with db.connect(bench.engine) as conn:
        assert len(questions.open_(conn, bench.event)) >= 3
    assert bench.tick() == []


def test_the_run_is_for_questions_and_tags_and_for_nothing_else(bench: Bench) -> None:
    nodes = {node.name for node in defs().resolve_job_def("follow_decisions").nodes}
    assert nodes == {"questions", "tags"}
    assert "questions" in {node.name for node in defs().resolve_job_def("process_event").nodes}


def test_a_burst_of_decisions_becomes_one_run_after_it(followed: Bench) -> None:
    followed.decide()
    assert followed.tick() == []  # the organiser goes on
    followed.decide()
    followed.pause()
    [request] = followed.tick()
    assert followed.run(request).success
    assert followed.tick() == []
    assert followed.ask("select max(decisions_seq) from memoria.forecasts") == followed.ask(
        "select max(seq) from memoria.decisions"
    )


def test_while_a_run_of_the_event_waits_no_other_is_asked_for(followed: Bench) -> None:
    followed.decide()
    followed.pause()
    [request] = followed.tick()
    waits = dg.DagsterRun(
        job_name="follow_decisions",
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/partition": str(followed.event)},
    )
    followed.instance.add_run(waits)
    followed.decide()
    followed.pause()
    assert followed.tick() == []
    followed.instance.report_run_canceled(waits)
    assert [each.run_key != request.run_key for each in followed.tick()] == [True]


def test_an_archived_event_is_left_alone(followed: Bench) -> None:
    followed.decide()
    followed.pause()
    followed.do("update memoria.events set status = 'archived'")
    assert followed.tick() == []


def test_while_nobody_decides_the_events_are_looked_at_once_a_minute(followed: Bench) -> None:
    number = str(followed.cursor).split(":")[0]
    assert int(number) == followed.ask("select last_value from memoria.decisions_seq_seq")
    long_ago = f"{number}:0:{time.time():.0f}"
    followed.do("delete from memoria.forecasts")  # a look would find that
    followed.cursor = long_ago
    assert followed.tick() == []
    followed.decide()
    followed.pause()
    assert len(followed.tick()) == 1  # another number
    followed.cursor = f"{str(followed.cursor).split(':')[0]}:0:{time.time() - 61:.0f}"
    assert len(followed.tick()) == 1


def propose(bench: Bench, impure: int = 0) -> UUID:
    """A grouping that waits: the people as they stand, bar the stranger."""
    with db.connect(bench.engine) as conn:
        faces = conn.execute(
            sa.text("select id, face_person_id from memoria.faces where event_id = :event"),
            {"event": bench.event},
        ).all()
        persons = list(dict.fromkeys(row.face_person_id for row in faces))
        return proposals.propose(
            conn,
            bench.event,
            model="pack",
            method="constrained",
            parameters={},
            measures={"faces": len(faces), "impure": impure, "violations": 0, "churned": 0},
            fingerprint=runs.fingerprint(conn, bench.event, "pack"),
            labels=[(row.id, persons.index(row.face_person_id), 0.9, 0.1) for row in faces],
            persons=persons,
            diff={},
        )


def answer(bench: Bench, run: UUID, what: str) -> None:
    bench.do(
        "insert into memoria.run_answers (run_id, event_id, answer, by_user)"
        " values (:run, :event, :what, :who)",
        run=run,
        event=bench.event,
        what=what,
        who=ORGANISER,
    )


def carried_out(bench: Bench) -> str | None:
    """Carry out what is asked for; the problem that was met."""
    requests = bench.tick()
    assert [each.job_name for each in requests] == ["answer_runs"]
    assert bench.run(requests[0]).success
    assert bench.ask("select count(done_at) = count(*) from memoria.run_answers")
    problem = bench.ask("select problem from memoria.run_answers order by created_at desc limit 1")
    assert problem is None or isinstance(problem, str)
    return problem


@pytest.mark.parametrize(("what", "status"), [("publish", "published"), ("turn_down", "held")])
def test_an_answer_about_a_run_is_carried_out(followed: Bench, what: str, status: str) -> None:
    run = propose(followed)
    answer(followed, run, what)
    assert carried_out(followed) is None
    found = "select status, turned_down from memoria.cluster_runs where id = :id"
    with followed.engine.begin() as conn:
        row = conn.execute(sa.text(found), {"id": run}).one()
    assert (row.status, row.turned_down) == (status, what == "turn_down")
    again = [each.job_name for each in followed.tick()]
    assert again == (["follow_decisions"] if what == "publish" else [])


def test_a_run_that_is_stale_is_not_published_and_the_organiser_reads_why(followed: Bench) -> None:
    run = propose(followed)
    followed.decide()
    answer(followed, run, "publish")
    assert "group again" in (carried_out(followed) or "")


def test_of_two_answers_the_first_counts(followed: Bench) -> None:
    run = propose(followed)
    answer(followed, run, "turn_down")
    assert carried_out(followed) is None
    answer(followed, run, "publish")
    assert "waits for nobody" in (carried_out(followed) or "")


def test_an_answer_that_two_runs_carry_out_is_carried_out_once(followed: Bench) -> None:
    answer(followed, propose(followed), "turn_down")
    with db.connect(followed.engine) as conn:
        [asked] = following.run_answers(conn)
    assert reviews.carry_out(followed.store, asked) is None
    assert reviews.carry_out(followed.store, asked) is None
    assert followed.ask("select count(*) from memoria.run_answers where problem is null") == 1


def test_an_answer_whose_run_failed_is_asked_for_again_the_next_hour(
    followed: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(followed, propose(followed), "publish")
    keys, now = set(), time.time()
    for later in (0, 1, 3_600):
        at = now - now % 3_600 + later
        monkeypatch.setattr(time, "time", lambda at=at: at)
        keys |= {each.run_key for each in followed.tick()}
    assert len(keys) == 2


def test_an_answer_that_the_database_refuses_for_good_is_told_and_not_kept_waiting(
    followed: Bench,
) -> None:
    answer(followed, propose(followed), "publish")
    followed.do("alter table memoria.cluster_proposals rename to elsewhere")
    try:
        assert carried_out(followed)
    finally:
        followed.do("alter table memoria.elsewhere rename to cluster_proposals")


def test_no_event_waits_for_good_behind_others_whose_runs_fail(bench: Bench) -> None:
    with db.connect(bench.engine) as conn:
        for _ in range(2):
            album = Album(conn)
            album.add((0, 1))
            album.group()
        looks = [each.event_id for _ in range(64) for each in following.behind(conn, 1)]
    assert len(looks) == 64
    assert len(set(looks)) == 3


def test_what_quality_holds_back_goes_on_waiting(followed: Bench) -> None:
    run = propose(followed, impure=1)
    answer(followed, run, "publish")
    assert "is not published" in (carried_out(followed) or "")
    query = "select status from memoria.cluster_runs where id = :id"
    assert followed.ask(query, id=run) == "proposed"
