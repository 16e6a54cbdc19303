"""The sensors of the inbox, ticked by hand on a real database and a real instance of Dagster."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.tags import RUN_KEY_TAG

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs import inbox
from memoria_pipeline.defs.erasing import carry_out
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import db, jobs, media
from memoria_pipeline.store import inbox as rows
from memoria_pipeline.webhooks import Receiver
from memoria_pipeline.work.jobs import Type
from memoria_pipeline_tests.defs.erased import Office
from memoria_pipeline_tests.store import factories
from memoria_pipeline_tests.test_webhooks import SECRET, Inbox
from memoria_pipeline_tests.test_webhooks import receiver as receiver

TOLD = Settings(callback_url="https://app.example/hook", callback_secret=SECRET)


@dataclass(frozen=True)
class Desk:
    """A database with its sensors, and somebody who says how their runs end."""

    store: Store
    instance: dg.DagsterInstance
    engine: sa.Engine

    def tick(self) -> list[dg.RunRequest]:
        found = inbox.ml_jobs_sensor(
            dg.build_sensor_context(instance=self.instance), store=self.store
        )
        if isinstance(found, dg.SkipReason):
            return []
        assert isinstance(found, dg.SensorResult)
        for each in found.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(
                each.partitions_def_name, list(each.partition_keys)
            )
        return list(found.run_requests or [])

    def ends(self, asked: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
        tags = {**asked.tags, RUN_KEY_TAG: str(asked.run_key)}
        self.instance.create_run_for_job(
            defs().resolve_job_def("process_event"),
            status=status,
            tags=tags,
            run_config=asked.run_config,
        )

    def album(self, photos: int = 2, *, consent: bool = True) -> UUID:
        with db.connect(self.engine) as conn:
            event = factories.an_event(conn, consent=consent)
            factories.photos(conn, event, *(f"{i}.jpg" for i in range(photos)))
            return event

    def ask(self, event: UUID, job_type: Type = "detect", *photos: UUID) -> UUID:
        with db.connect(self.engine) as conn:
            return jobs.enqueue(conn, event, job_type, photos)

    def job(self, job: UUID) -> rows.JobRow:
        with db.connect(self.engine) as conn:
            return rows.get(conn, job)

    def erase(self, home: Path) -> UUID:
        """Carry out the one erasure that is open; its id."""
        office = Office(self.engine, home, self.instance)
        [row] = self.do("select id from memoria.erasures where completed_at is null")
        carry_out(office.work, [row.id])
        return UUID(str(row.id))

    def do(self, statement: str) -> list[sa.Row[Any]]:
        with db.connect(self.engine) as conn:
            done = conn.execute(sa.text(statement))
            return list(done) if done.returns_rows else []

    def analyse(self, event: UUID) -> None:
        with db.connect(self.engine) as conn:
            todo = media.pending(conn, event, factories.PACK)
            found = [factories.analysed(photo.id, factories.a_face()) for photo in todo]
            media.save_analysis(conn, found, factories.PACK)


@pytest.fixture
def desk(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(inbox, "settings", lambda: TOLD)
    url = database.url.render_as_string(hide_password=False)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Desk(Store(url), instance, database)


DONE, BROKE, STOPPED, GOING = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
    dg.DagsterRunStatus.STARTED,
)


def test_jobs_of_one_event_become_one_run_and_two_events_have_two(desk: Desk) -> None:
    one, other = desk.album(), desk.album()
    made = [desk.ask(one), desk.ask(one), desk.ask(other)]
    asked = desk.tick()
    assert {request.partition_key for request in asked} == {str(one), str(other)}
    for request in asked:
        claim = request.tags[inbox.CLAIM_TAG]
        assert request.run_key == f"claim/{claim}"
        assert desk.instance.has_dynamic_partition("events", str(request.partition_key))
    tokens = {str(desk.job(each).claim_token) for each in made}
    assert tokens == {request.tags[inbox.CLAIM_TAG] for request in asked}
    assert desk.tick() == []


def test_the_run_of_an_urgent_job_goes_first_and_a_cluster_job_forces_the_grouping(
    desk: Desk,
) -> None:
    event = desk.album()
    with db.connect(desk.engine) as conn:
        jobs.enqueue(conn, event, "cluster", priority="high")
    [asked] = desk.tick()
    assert asked.tags["dagster/priority"] == "1"
    assert asked.run_config == {"ops": {"clusters": {"config": {"start": "always"}}}}


def test_a_job_whose_run_went_well_is_completed_with_what_it_did(desk: Desk) -> None:
    event = desk.album(3)
    [photo, *_] = [row.id for row in desk.do("select id from memoria.media order by storage_key")]
    all_, one, cluster = (
        desk.ask(event),
        desk.ask(event, "detect", photo),
        desk.ask(event, "cluster"),
    )
    [asked] = desk.tick()
    desk.analyse(event)
    desk.ends(asked, DONE)
    assert desk.tick() == []
    assert desk.job(all_).result == {"photos": 3, "analysed": 3, "failed": 0, "faces": 3}
    assert desk.job(one).result == {"photos": 1, "analysed": 1, "failed": 0, "faces": 1}
    grouped = desk.job(cluster).result or {}
    assert (grouped["total_faces"], grouped["noise_faces"], grouped["status"]) == (3, 3, "none")
    assert len(desk.do("select from memoria.callbacks")) == 3


def test_a_photo_that_came_too_late_for_the_run_gives_its_job_another_try(desk: Desk) -> None:
    job = desk.ask(desk.album())
    [asked] = desk.tick()
    desk.ends(asked, DONE)  # and the photos are pending still
    desk.tick()
    row = desk.job(job)
    assert (row.status, row.attempts) == ("pending", 1)
    assert "while its run was under way" in (row.error or "")


def test_while_its_run_is_under_way_a_job_is_kept_whatever_its_lease_says(desk: Desk) -> None:
    event = desk.album()
    job = desk.ask(event)
    [asked] = desk.tick()
    desk.ends(asked, GOING)
    desk.do("update memoria.ml_jobs set lease_until = now() - interval '1 minute'")
    desk.ask(event)
    assert desk.tick() == []  # the second waits for the first one's run
    assert desk.job(job).status == "processing"
    assert desk.do("select from memoria.ml_jobs where lease_until > now()")


def test_a_claim_whose_run_never_started_is_pending_again_when_its_lease_is_over(
    desk: Desk,
) -> None:
    job = desk.ask(desk.album())
    [first] = desk.tick()
    assert desk.tick() == []
    desk.do("update memoria.ml_jobs set lease_until = now() - interval '1 second'")
    assert desk.tick() == []
    [again] = desk.tick()
    assert again.run_key != first.run_key
    assert desk.job(job).attempts == 2


def test_a_run_that_failed_is_tried_again_later_and_at_last_is_a_dead_letter(desk: Desk) -> None:
    job = desk.ask(desk.album())
    for tries in range(1, TOLD.job_attempts + 1):
        [asked] = desk.tick()
        desk.ends(asked, BROKE)
        assert desk.tick() == []
        assert desk.job(job).attempts == tries
        desk.do("update memoria.ml_jobs set next_attempt_at = now()")
    assert desk.job(job).status == "failed"
    assert desk.tick() == []
    assert (
        len(desk.do("select from memoria.callbacks where payload ->> 'type' like '%failed'")) == 1
    )


def test_a_run_that_a_human_cancelled_is_not_started_again(desk: Desk) -> None:
    job = desk.ask(desk.album())
    [asked] = desk.tick()
    desk.ends(asked, STOPPED)
    desk.tick()
    assert desk.job(job).status == "failed"
    assert "cancelled by hand" in (desk.job(job).error or "")


def test_a_job_that_can_never_run_fails_at_once_and_spares_the_others(desk: Desk) -> None:
    event = desk.album()
    [other] = [row.id for row in desk.do("select gen_random_uuid() as id")]
    refused, fine = desk.ask(event, "detect", other), desk.ask(event)
    closed = desk.ask(desk.album(consent=False))
    assert [request.partition_key for request in desk.tick()] == [str(event)]
    assert "1 of the 1 photos" in (desk.job(refused).error or "")
    assert "switched off" in (desk.job(closed).error or "")
    assert {desk.job(each).status for each in (refused, closed)} == {"failed"}
    assert desk.job(fine).status == "processing"


def test_a_run_that_failed_for_want_of_consent_is_not_tried_again(desk: Desk) -> None:
    job = desk.ask(desk.album())
    [asked] = desk.tick()
    desk.do("update memoria.events set face_recognition_enabled = false")
    desk.ends(asked, BROKE)
    desk.tick()
    assert (desk.job(job).status, "switched off" in (desk.job(job).error or "")) == ("failed", True)


def test_an_erasure_takes_the_rows_at_once_and_ends_the_other_jobs_of_its_event(
    desk: Desk, tmp_path: Path
) -> None:
    event = desk.album()
    desk.analyse(event)
    erase, detect = desk.ask(event, "erase"), desk.ask(event)
    assert desk.tick() == []
    assert desk.job(erase).status == "processing"
    assert desk.do("select from memoria.faces") == []
    desk.tick()
    told = desk.job(detect)
    assert (told.status, "deleted" in (told.error or "")) == ("failed", True)
    done = desk.erase(tmp_path)
    desk.tick()
    ended = desk.job(erase)
    assert (ended.status, (ended.result or {})["erasure"]) == ("completed", str(done))
    assert ((ended.result or {})["faces"], (ended.result or {})["embeddings"]) == (2, 2)


def test_erasing_named_photos_leaves_the_event_alive(desk: Desk, tmp_path: Path) -> None:
    event = desk.album()
    desk.analyse(event)
    [photo, _] = [row.id for row in desk.do("select id from memoria.media order by storage_key")]
    erase = desk.ask(event, "erase", photo)
    desk.tick()
    assert len(desk.do("select from memoria.faces")) == 1
    desk.erase(tmp_path)
    desk.tick()
    result = desk.job(erase).result or {}
    assert {name: result[name] for name in ("photos", "faces", "embeddings")} == {
        "photos": 1,
        "faces": 1,
        "embeddings": 1,
    }


def test_an_erasure_waits_for_no_run_of_its_event(desk: Desk) -> None:
    event = desk.album()
    desk.analyse(event)
    desk.ask(event)
    [asked] = desk.tick()
    desk.ends(asked, GOING)
    erase = desk.ask(event, "erase")
    desk.tick()
    assert desk.job(erase).status == "processing"
    assert desk.do("select from memoria.faces") == []


def test_an_erasure_waits_seconds_for_whoever_holds_its_event_and_is_tried_again(
    desk: Desk,
) -> None:
    event = desk.album()
    erase = desk.ask(event, "erase")
    with desk.engine.connect() as holding:
        holding.execute(sa.text("set local idle_in_transaction_session_timeout = '20s'"))
        holding.execute(sa.text("select from memoria.events for update"))
        desk.tick()
        holding.rollback()
    told = desk.job(erase)
    assert (told.status, told.attempts) == ("pending", 1)


def test_a_detect_job_gives_the_photos_it_names_all_their_tries_again(desk: Desk) -> None:
    event = desk.album()
    desk.do(
        "update memoria.media set status = 'failed', error_code = 'unreadable', attempts = 3"
        " where storage_key = '0.jpg'"
    )
    desk.do(
        "update memoria.media set status = 'failed', error_code = 'broken', attempts = 3"
        " where storage_key = '1.jpg'"
    )
    desk.ask(event, "detect", *(row.id for row in desk.do("select id from memoria.media")))
    desk.tick()
    tries = {row.error_code: row.attempts for row in desk.do("select * from memoria.media")}
    assert tries == {"unreadable": 0, "broken": 3}


def test_without_a_receiver_nothing_is_written_for_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "settings", lambda: Settings())
    desk.ask(desk.album(consent=False))
    desk.tick()
    assert desk.do("select from memoria.callbacks") == []
    skipped = inbox.outbox_sensor(dg.build_sensor_context())
    assert isinstance(skipped, dg.SkipReason)
    assert "no CALLBACK_URL" in (skipped.skip_message or "")


def test_a_callback_is_sent_until_it_is_taken_and_keeps_its_id(desk: Desk, receiver: Inbox) -> None:
    desk.ask(desk.album(consent=False))
    desk.tick()
    there = Receiver(f"http://127.0.0.1:{receiver.port}/", SECRET, allow_private=True)
    receiver.status = 503
    assert inbox.deliver(desk.store, there) == (1, 0)
    assert inbox.deliver(desk.store, there) == (0, 0)
    desk.do("update memoria.callbacks set next_attempt_at = now()")
    receiver.status = 200
    assert inbox.deliver(desk.store, there) == (1, 1)
    assert inbox.deliver(desk.store, there) == (0, 0)
    assert len({given["webhook-id"] for given, _ in receiver.seen}) == 1
    assert len({body for _, body in receiver.seen}) == 1


def test_the_sensor_of_the_outbox_delivers_through_its_store(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.ask(desk.album(consent=False))
    desk.tick()
    # app.example has no address: the call is refused, recorded, and due again later
    monkeypatch.setattr(inbox, "opened", lambda: nullcontext(desk.store))
    told = inbox.outbox_sensor(dg.build_sensor_context())
    assert isinstance(told, dg.SkipReason)
    assert told.skip_message == "0 of 1 callbacks taken"
    [row] = desk.do("select last_error, attempts, dead_at from memoria.callbacks")
    assert "name was not found" in str(row.last_error)
    assert (row.attempts, row.dead_at) == (1, None)
