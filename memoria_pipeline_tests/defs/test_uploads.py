"""The sensor that starts the work, tick by tick, on real folders and a real database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.tags import RUN_KEY_TAG

from memoria_pipeline.defs import uploads as module
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.defs.uploads import new_uploads_sensor
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import db, events, media, moves, photos
from memoria_pipeline_tests.fakes import WHITE, picture
from memoria_pipeline_tests.store.factories import PACK, a_face, analysed, found, one

PHOTO = picture(WHITE)


@dataclass
class Bench:
    """A database, an instance of Dagster, a folder for photos, and the sensor between them."""

    engine: sa.Engine
    instance: dg.DagsterInstance
    folder: Path
    cursor: str | None = None
    asked: list[dg.RunRequest] = field(default_factory=list)

    def tick(self) -> list[dg.RunRequest]:
        """One tick, as the daemon would take it: partitions are added, the cursor is kept."""
        url = self.engine.url.render_as_string(hide_password=False)
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"store": Store(url)}
        )
        result = new_uploads_sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        for request in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions("events", list(request.partition_keys))
        self.asked += result.run_requests or []
        return list(result.run_requests or [])

    def soon(self) -> list[dg.RunRequest]:
        """A tick after the events' next moment has come."""
        self.do("update memoria.uploads set due_at = now() where due_at < 'infinity'")
        self.do("update memoria.moves set due_at = now() where due_at < 'infinity'")
        self.do("update memoria.watched set next_look_at = now()")
        return self.tick()

    def run(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
        """The run that was asked for has come so far."""
        run = dg.DagsterRun(
            job_name="process_event", status=status, tags={RUN_KEY_TAG: request.run_key or ""}
        )
        self.instance.add_run(run)

    def analyse(self, event: UUID, folder: Path) -> None:
        """As a run does."""
        with db.connect(self.engine) as conn:
            media.register(conn, event, list(photos.Photos(str(folder)).list([".png"])))
            todo = media.pending(conn, event, PACK)
            media.save_analysis(conn, [analysed(each.id, a_face()) for each in todo], PACK)

    def an_event(self, name: str, *, consent: bool = True) -> tuple[UUID, Path]:
        folder = self.folder / name
        folder.mkdir(parents=True)
        with db.connect(self.engine) as conn:
            root = str(folder)
            return (
                events.ensure(conn, name=name, photo_root=root, face_model=PACK, consent=consent),
                folder,
            )

    def do(self, statement: str, **values: object) -> None:
        with db.connect(self.engine) as conn:
            conn.execute(sa.text(statement), values)

    def ask(self, query: str) -> object:
        with db.connect(self.engine) as conn:
            return one(conn, query)


@pytest.fixture
def bench(database: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    _set(monkeypatch, MEMORIA_QUIET_SECONDS="0", MEMORIA_BURST_PHOTOS="5")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Bench(database, instance, tmp_path / "albums")


def _set(monkeypatch: pytest.MonkeyPatch, **given: str) -> None:
    chosen = Settings.of(given)
    monkeypatch.setattr(module, "settings", lambda: chosen)


def test_photos_in_a_folder_start_their_event_and_a_tick_adds_its_partition(bench: Bench) -> None:
    event, folder = bench.an_event("party")
    assert bench.tick() == []
    (folder / "a.png").write_bytes(PHOTO)
    [request] = bench.soon()
    assert request.partition_key == str(event)
    assert request.job_name == "process_event"
    assert bench.instance.get_dynamic_partitions("events") == [str(event)]


def test_an_event_waits_until_it_is_quiet_unless_a_burst_came(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, MEMORIA_QUIET_SECONDS="3600", MEMORIA_BURST_PHOTOS="5")
    event, folder = bench.an_event("party")
    for i in range(4):
        (folder / f"{i}.png").write_bytes(PHOTO)
    assert bench.soon() == []
    assert bench.ask("select photos from memoria.uploads") == 4
    (folder / "4.png").write_bytes(PHOTO)
    [request] = bench.soon()
    assert request.partition_key == str(event)


def test_rows_of_another_application_start_their_event(bench: Bench) -> None:
    bench.tick()
    with db.connect(bench.engine) as conn:
        event = UUID(
            str(
                one(
                    conn,
                    "insert into memoria.events (name, face_recognition_enabled)"
                    " values ('theirs', true) returning id",
                )
            )
        )
        conn.execute(_INSERT, {"event": event})
    [request] = bench.tick()
    assert request.partition_key == str(event)


_INSERT = sa.text("insert into memoria.media (event_id, storage_key) values (:event, 'a.jpg')")


def test_a_photo_whose_transaction_commits_late_is_not_lost(bench: Bench) -> None:
    late, _ = bench.an_event("late")
    early, _ = bench.an_event("early")
    with bench.engine.connect() as slow:
        slow.execute(_INSERT, {"event": late})  # the older transaction, which commits last
        with db.connect(bench.engine) as conn:
            conn.execute(_INSERT, {"event": early})
        assert [one.partition_key for one in bench.tick()] == [str(early)]
        slow.commit()
    assert [one.partition_key for one in bench.tick()] == [str(late)]


def test_a_tick_that_was_killed_before_it_answered_asks_again_under_the_same_key(
    bench: Bench,
) -> None:
    _, folder = bench.an_event("party")
    (folder / "a.png").write_bytes(PHOTO)
    cursor = bench.cursor
    [lost] = bench.soon()
    bench.cursor = cursor  # Dagster never heard the answer
    [again] = bench.soon()
    assert again.run_key == lost.run_key


def test_nothing_is_asked_for_while_the_run_is_underway_nor_after_it_did_everything(
    bench: Bench,
) -> None:
    event, folder = bench.an_event("party")
    (folder / "a.png").write_bytes(PHOTO)
    [request] = bench.soon()
    bench.run(request, dg.DagsterRunStatus.SUCCESS)
    bench.analyse(event, folder)
    assert bench.soon() == []
    assert bench.ask("select count(*) from memoria.uploads") == 0
    (folder / "b.png").write_bytes(PHOTO)
    [second] = bench.soon()
    assert second.run_key != request.run_key
    bench.run(second, dg.DagsterRunStatus.STARTED)
    (folder / "c.png").write_bytes(PHOTO)
    assert bench.soon() == []


def test_photos_that_come_during_a_run_get_another_one(bench: Bench) -> None:
    event, folder = bench.an_event("party")
    (folder / "a.png").write_bytes(PHOTO)
    [request] = bench.soon()
    bench.analyse(event, folder)
    (folder / "b.png").write_bytes(PHOTO)
    bench.run(request, dg.DagsterRunStatus.SUCCESS)
    [second] = bench.soon()
    assert second.run_key != request.run_key


def test_failed_runs_are_repeated_a_few_times_and_then_wait_for_new_photos(bench: Bench) -> None:
    _, folder = bench.an_event("party")
    (folder / "a.png").write_bytes(PHOTO)
    [request] = bench.soon()
    for _ in range(2):
        bench.run(request, dg.DagsterRunStatus.FAILURE)
        assert bench.soon() == []  # a pause
        [request] = bench.soon()
    bench.run(request, dg.DagsterRunStatus.FAILURE)
    assert (bench.soon(), bench.soon()) == ([], [])
    assert "3 runs failed" in str(bench.ask("select reason from memoria.uploads"))
    assert len({one.run_key for one in bench.asked}) == 3
    (folder / "b.png").write_bytes(PHOTO)
    assert len(bench.soon()) == 1


def test_a_cancelled_run_is_not_asked_for_again(bench: Bench) -> None:
    _, folder = bench.an_event("party")
    (folder / "a.png").write_bytes(PHOTO)
    [request] = bench.soon()
    bench.run(request, dg.DagsterRunStatus.CANCELED)
    assert (bench.soon(), bench.soon()) == ([], [])
    (folder / "b.png").write_bytes(PHOTO)
    assert len(bench.soon()) == 1


def test_an_event_without_consent_waits_until_the_switch_is_turned_on(bench: Bench) -> None:
    event, folder = bench.an_event("party", consent=False)
    (folder / "a.png").write_bytes(PHOTO)
    assert (bench.soon(), bench.soon()) == ([], [])
    bench.do("update memoria.events set face_recognition_enabled = true")
    [request] = bench.tick()
    assert request.partition_key == str(event)


def test_a_photo_that_goes_takes_its_faces_at_once_and_people_follow(bench: Bench) -> None:
    event, folder = bench.an_event("party")
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(PHOTO)
    bench.analyse(event, folder)
    bench.soon()
    bench.do("delete from memoria.uploads")
    (folder / "b.png").unlink()
    [request] = bench.soon()
    assert bench.ask("select count(*) from memoria.faces") == 1
    assert request.run_config["ops"]["clusters"]["config"]["start"] == "always"


def test_people_follow_a_photo_that_went_though_its_first_run_was_lost_or_failed(
    bench: Bench,
) -> None:
    event, folder = bench.an_event("party")
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(PHOTO)
    bench.analyse(event, folder)
    bench.soon()
    bench.do("delete from memoria.uploads")
    (folder / "b.png").unlink()
    first = bench.soon()  # Dagster never heard of it
    lost = bench.soon()
    bench.run(lost[0], dg.DagsterRunStatus.FAILURE)
    assert bench.soon() == []
    for [request] in (first, lost, bench.soon()):
        assert request.run_config["ops"]["clusters"]["config"]["start"] == "always"


def test_a_transaction_that_stays_open_elsewhere_does_not_repeat_what_was_done(
    bench: Bench,
) -> None:
    event, folder = bench.an_event("party")
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(PHOTO)
    bench.analyse(event, folder)
    with bench.engine.connect() as idle:
        idle.execute(sa.text("select pg_current_xact_id()"))
        bench.soon()
        (folder / "b.png").unlink()
        [request] = bench.soon()
        bench.run(request, dg.DagsterRunStatus.SUCCESS)
        assert bench.soon() == []
        assert (bench.soon(), bench.soon()) == ([], [])
    assert bench.ask("select count(*) from memoria.uploads") == 0


def test_a_clock_that_was_set_back_by_an_hour_holds_nothing_up_for_an_hour(bench: Bench) -> None:
    event, folder = bench.an_event("party")
    bench.tick()
    (folder / "a.png").write_bytes(PHOTO)
    bench.do("update memoria.lookouts set looked_at = now() + interval '1 hour'")
    bench.do("update memoria.watched set quick = false, next_look_at = now() + interval '1 hour'")
    bench.do("update memoria.watched set changed_at = now() + interval '1 hour'")
    [request] = bench.tick()
    assert request.partition_key == str(event)
    bench.do(
        "insert into memoria.ml_jobs (job_type, event_id, next_attempt_at)"
        " select 'detect', id, now() + interval '1 hour' from memoria.events"
    )
    bench.do("update memoria.uploads set due_at = 'infinity'")
    bench.tick()
    assert bench.ask("select next_attempt_at > now() from memoria.ml_jobs") is True
    bench.do("update memoria.lookouts set looked_at = now() + interval '1 hour'")
    bench.tick()
    assert bench.ask("select next_attempt_at > now() from memoria.ml_jobs") is False
    assert bench.ask("select due_at = 'infinity' from memoria.uploads") is True


def test_a_place_that_cannot_be_read_changes_nothing_and_the_others_go_on(bench: Bench) -> None:
    event, folder = bench.an_event("away")
    (folder / "a.png").write_bytes(PHOTO)
    bench.analyse(event, folder)
    bench.soon()
    bench.do("delete from memoria.uploads")
    (folder / "a.png").unlink()
    folder.rmdir()
    other, there = bench.an_event("there")
    (there / "a.png").write_bytes(PHOTO)
    assert [one.partition_key for one in bench.soon()] == [str(other)]
    assert bench.ask("select count(*) from memoria.media where status = 'missing'") == 0
    problem = bench.ask("select problem from memoria.watched where problem is not null")
    assert "no such folder" in str(problem)
    assert "away" not in str(problem)
    folder.mkdir()
    (folder / "a.png").write_bytes(PHOTO)
    bench.soon()
    assert bench.ask("select count(*) from memoria.watched where problem is not null") == 0


def test_a_new_folder_of_the_watched_one_makes_an_event_whose_switch_is_off(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, MEMORIA_WATCH=str(bench.folder), MEMORIA_QUIET_SECONDS="0")
    (bench.folder / "wedding").mkdir(parents=True)
    (bench.folder / "wedding" / "a.png").write_bytes(PHOTO)
    (bench.folder / ".hidden").mkdir()
    assert bench.tick() == []
    assert bench.ask("select array_agg(name) from memoria.events") == ["wedding"]
    assert bench.ask("select bool_or(face_recognition_enabled) from memoria.events") is False
    bench.do("update memoria.events set face_recognition_enabled = true, face_model = 'pack'")
    bench.do("update memoria.watched set next_look_at = 'infinity'")
    bench.do("update memoria.lookouts set next_look_at = now()")
    assert len(bench.tick()) == 1
    assert bench.ask("select count(*) from memoria.media") == 1


def test_a_deleted_events_folder_makes_no_new_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, MEMORIA_WATCH=str(bench.folder))
    bench.an_event("wedding")
    bench.do("update memoria.events set status = 'deleted'")
    bench.tick()
    assert bench.ask("select count(*) from memoria.events") == 1


def test_a_watched_folder_that_is_away_is_said_and_nothing_else_stops(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, MEMORIA_WATCH=str(bench.folder / "gone"), MEMORIA_QUIET_SECONDS="0")
    _, folder = bench.an_event("party")
    (folder / "a.png").write_bytes(PHOTO)
    assert len(bench.soon()) == 1
    assert "MEMORIA_WATCH cannot be read" in str(
        bench.ask("select problem from memoria.lookouts where name = 'watch'")
    )


def test_the_cost_of_a_tick_does_not_grow_with_the_events(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memoria_pipeline.store.watch._MOST", 20)
    bench.do(
        "insert into memoria.events (name, photo_root, face_recognition_enabled)"
        " select 'e', '/nowhere/' || i, false from generate_series(1, 25) i"
    )
    with _statements() as seen:
        bench.tick()
    assert len(seen) < 20
    looked = "select count(*) from memoria.watched where looked_at is not null"
    assert bench.ask(looked) == 20


@contextmanager
def _statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_events_move_to_another_pack_a_few_at_a_time_until_all_have_it(bench: Bench) -> None:
    made = [bench.an_event(f"e{i}")[0] for i in range(6)]
    with db.connect(bench.engine) as conn:
        moves.want(conn, "dlib")
    first = bench.soon()
    assert len(first) == 4
    assert {one.job_name for one in first} == {"change_model"}
    assert bench.soon() == [] or {one.run_key for one in bench.asked} == {
        one.run_key for one in first
    }
    for request in first:
        bench.run(request, dg.DagsterRunStatus.SUCCESS)
        bench.do(
            "update memoria.events set face_model = 'dlib' where id = :id", id=request.partition_key
        )
    rest = bench.soon()
    assert {one.partition_key for one in (*first, *rest)} == {str(event) for event in made}


def test_a_move_that_waits_or_was_turned_down_is_not_asked_for_again(bench: Bench) -> None:
    event, _ = bench.an_event("party")
    with db.connect(bench.engine) as conn:
        moves.want(conn, "dlib")
    [request] = bench.soon()
    bench.run(request, dg.DagsterRunStatus.SUCCESS)
    bench.do(
        "insert into memoria.cluster_runs (event_id, kind, method, model, parameters, measures,"
        " fingerprint, status) values (:event, 'model', 'm', 'dlib', '{}', '{}', '', 'proposed')",
        event=event,
    )
    assert (bench.soon(), bench.soon()) == ([], [])
    bench.do("update memoria.cluster_runs set status = 'held', turned_down = true")
    assert (bench.soon(), bench.soon()) == ([], [])
    assert "turned" in str(bench.ask("select reason from memoria.moves"))
    with db.connect(bench.engine) as conn:
        assert moves.want(conn, "dlib") == 1
    assert len(bench.soon()) == 1


def test_events_without_consent_are_not_in_the_way_of_those_that_move_and_follow_later(
    bench: Bench,
) -> None:
    for i in range(6):
        bench.an_event(f"off{i}", consent=False)
    event, _ = bench.an_event("on")
    with db.connect(bench.engine) as conn:
        assert moves.want(conn, "dlib") == 1
    assert [one.partition_key for one in bench.tick()] == [str(event)]
    bench.do("update memoria.events set face_recognition_enabled = true")
    assert len(bench.tick()) == 3  # four at once


def test_an_event_that_has_not_started_takes_the_wanted_pack_at_once(bench: Bench) -> None:
    bench.do("insert into memoria.events (name) values ('new')")
    with db.connect(bench.engine) as conn:
        assert moves.want(conn, "dlib") == 0
    assert bench.ask("select face_model from memoria.events") == "dlib"


def test_photos_known_before_are_not_heard_of_again_by_a_new_instance(bench: Bench) -> None:
    event, folder = bench.an_event("party")
    (folder / "a.png").write_bytes(PHOTO)
    bench.analyse(event, folder)
    with db.connect(bench.engine) as conn:
        media.register(conn, event, found("b.png"), allow_empty=True)
    bench.cursor = None
    assert [one.partition_key for one in bench.tick()] == [str(event)]
