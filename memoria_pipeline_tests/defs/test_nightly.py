"""What the night tries again."""

import json
from datetime import UTC, datetime
from uuid import UUID

import dagster as dg
import pytest
import sqlalchemy as sa

from memoria_pipeline.defs.clusters import GroupingConfig
from memoria_pipeline.defs.holding import Gate
from memoria_pipeline.defs.nightly import nightly
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.store import db, erasure, events, held, media, moves, runs, stale
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.work.uploads import CANCELLED, FAILED, NO_CONSENT
from memoria_pipeline_tests.store.factories import a_face, analysed, group, one, photos

NIGHT = datetime(2030, 6, 1, 2, 30, tzinfo=UTC)
DETECTOR = Detector(setting="dlib")


def a_night(database: sa.Engine, instance: dg.DagsterInstance) -> dict[str, dg.RunRequest]:
    url = database.url.render_as_string(hide_password=False)
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=NIGHT,
        resources={"store": Store(url), "detector": DETECTOR},
    )
    asked = nightly(context)
    assert isinstance(asked, list)
    return {request.partition_key or "": request for request in asked}


def an_event(conn: sa.Connection, name: str, *, failed: str | None = None) -> UUID:
    event = events.ensure(conn, name=name, photo_root=name, face_model="dlib", consent=True)
    [photo] = photos(conn, event, "a.jpg")
    if failed:
        for _ in range(3):
            media.save_failure(conn, photo, failed, "why")
    else:
        media.save_analysis(conn, [analysed(photo, a_face(dimensions=128))], "dlib")
    return event


def test_photos_whose_failure_may_pass_get_fresh_tries_and_a_run(database: sa.Engine) -> None:
    with db.connect(database) as conn:
        flaky = an_event(conn, "flaky", failed="unreadable")
        an_event(conn, "fine")
        an_event(conn, "broken", failed="broken")
    with dg.DagsterInstance.local_temp() as instance:
        asked = a_night(database, instance)
        again = a_night(database, instance)
        assert instance.get_dynamic_partitions("events") == [str(flaky)]
    assert list(asked) == [str(flaky)]
    assert asked[str(flaky)].run_key == f"{flaky}/night/2030-06-01"
    assert int(asked[str(flaky)].tags["dagster/priority"]) < 0  # an upload at night goes first
    assert again[str(flaky)].run_key == asked[str(flaky)].run_key
    with db.connect(database) as conn:
        assert [photo.attempts for photo in media.pending(conn, flaky, "dlib")] == [0]


def test_events_grouped_with_other_parameters_are_grouped_anew_once(database: sa.Engine) -> None:
    wanted = GroupingConfig().how(DETECTOR, "dlib", Gate()).as_table()
    with db.connect(database) as conn:
        old, now = an_event(conn, "old"), an_event(conn, "now")
        for event in (old, now):
            group(conn, event, [list(conn.scalars(_FACES, {"event": event}))], model="dlib")
        values = {"event": now, "wanted": json.dumps(wanted)}
        conn.execute(_GROUPED, values)
        assert stale.grouped_otherwise(conn, "dlib", wanted, 9) == [old]
    with dg.DagsterInstance.local_temp() as instance:
        asked = a_night(database, instance)
    assert list(asked) == [str(old)]
    assert asked[str(old)].run_config["ops"]["clusters"]["config"]["start"] == "always"
    with db.connect(database) as conn:
        conn.execute(_OFFERED, values | {"event": old})
        assert stale.grouped_otherwise(conn, "dlib", wanted, 9) == []


_FACES = sa.text("select id from memoria.faces where event_id = :event")
_GROUPED = sa.text(
    "update memoria.cluster_runs set parameters = cast(:wanted as jsonb) where event_id = :event"
)
_OFFERED = sa.text(
    "insert into memoria.cluster_runs (event_id, kind, method, model, parameters, measures,"
    " fingerprint, status)"
    " values (:event, 'full', 'm', 'dlib', cast(:wanted as jsonb), '{}', '', 'proposed')"
)


@pytest.mark.parametrize(
    ("reason", "woken"), [(FAILED, True), (NO_CONSENT, True), (CANCELLED, False)]
)
def test_an_event_whose_runs_failed_starts_afresh_and_a_cancelled_one_does_not(
    conn: sa.Connection, reason: str, woken: bool
) -> None:
    event = an_event(conn, "event", failed="unreadable")
    conn.execute(
        sa.text(
            "insert into memoria.uploads (event_id, first_at, last_at, quiet_since, due_at, reason,"
            " tried) values (:event, now(), now(), now(), 'infinity', :reason, 3)"
        ),
        {"event": event, "reason": reason},
    )
    stale.refresh(conn)
    due = one(conn, "select due_at <= now() and tried = 0 from memoria.uploads")
    assert due is woken
    assert stale.with_photos_left(conn, 9) == []  # the sensor has it


def test_what_quality_held_back_is_tried_again_at_night_until_it_is_published(
    database: sa.Engine,
) -> None:
    with db.connect(database) as conn:
        event, other = an_event(conn, "held"), an_event(conn, "tried by hand")
        for each in (event, other):
            group(conn, each, [list(conn.scalars(_FACES, {"event": each}))], model="dlib")
        last = runs.last_run(conn, event)
        assert last
        conn.execute(_GROUPED, {"event": event, "wanted": json.dumps(_wanted())})
        conn.execute(_GROUPED, {"event": other, "wanted": json.dumps(_wanted())})
        row = {"event": event, "kind": "incremental", "model": "dlib", "measures": {}}
        row |= {"method": "constrained", "parameters": _wanted()}
        held.hold_back(conn, {**row, "fingerprint": "with new faces"}, [])
        same = runs.last_run(conn, other)
        assert same
        # Of what stands already, somebody forced another grouping: a run would not repeat it.
        held.hold_back(conn, {**row, "event": other, "fingerprint": same.fingerprint}, [])
    with dg.DagsterInstance.local_temp() as instance:
        assert list(a_night(database, instance)) == [str(event)]
        with db.connect(database) as conn:
            faces = list(conn.scalars(_FACES, {"event": event}))
            group(conn, event, [faces], model="dlib")
            conn.execute(_GROUPED, {"event": event, "wanted": json.dumps(_wanted())})
        assert list(a_night(database, instance)) == []


def _wanted() -> dict[str, object]:
    return GroupingConfig().how(DETECTOR, "dlib", Gate()).as_table()


def test_a_change_of_model_that_quality_held_back_is_asked_for_again_at_night(
    database: sa.Engine,
) -> None:
    with db.connect(database) as conn:
        well, ill = an_event(conn, "held"), an_event(conn, "its pack is not here")
        for event in (well, ill):
            moves.want(conn, "insightface:other", event)
        conn.execute(
            sa.text(
                "update memoria.moves set due_at = 'infinity', reason = :reason, tried = 3,"
                " asked_key = 'k'"
            ),
            {"reason": FAILED},
        )
        row = {"event": well, "kind": "model", "model": "insightface:other", "measures": {}}
        row |= {"method": "constrained", "parameters": {}, "fingerprint": "f"}
        held.hold_back(conn, row, [])
        stale.refresh(conn)
        assert [each.event_id for each in moves.due(conn)] == [well]


def test_an_erased_photo_of_another_pack_does_not_start_a_run_every_night(
    conn: sa.Connection,
) -> None:
    event = an_event(conn, "moved")
    conn.execute(sa.text("update memoria.media set face_model = 'old'"))
    assert stale.with_photos_left(conn, 9) == [event]
    photos = list(conn.scalars(sa.text("select id from memoria.media")))
    erasure.erase_rows(conn, erasure.request(conn, "photos", event, photos=photos))
    assert stale.with_photos_left(conn, 9) == []
