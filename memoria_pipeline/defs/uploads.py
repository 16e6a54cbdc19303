"""The sensor `new_uploads_sensor`: photos that arrive get their event's run, nobody else does."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs import asking
from memoria_pipeline.defs.jobs import change_model, process_event
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.logs import discreet
from memoria_pipeline.settings import settings
from memoria_pipeline.store import clock, discover, moves, queue, uploads, watch, watched
from memoria_pipeline.vision.packs import stored_name
from memoria_pipeline.work.uploads import AskedStatus, Limits, Move, Upload, decide, decide_move


@dg.sensor(
    jobs=[process_event, change_model],
    minimum_interval_seconds=settings().sensor_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
@discreet
def new_uploads_sensor(
    context: dg.SensorEvaluationContext, store: dg.ResourceParam[Store]
) -> dg.SensorResult:
    """Notices photos that came, changed or went; asks for the run of each event that is quiet."""
    problems = look_around(store)
    with store.transaction() as conn:
        cursor = uploads.notice(conn, context.cursor)
        keys = uploads.followed(conn)
    # In no transaction: Dagster may have its storage elsewhere, and be slow to answer.
    became = {key: asking.last(context.instance, key).status for key in keys}
    with store.transaction() as conn:
        asked = [*_uploads(conn, became), *_moves(conn, became)]
        watched.save_lookout(conn, "sensor")
    partitions = [request.partition_key or "" for request in asked]
    return dg.SensorResult(
        run_requests=asked,
        dynamic_partitions_requests=[events.build_add_request(partitions)] if asked else [],
        skip_reason=None if asked else _reason(problems),
        cursor=cursor,
    )


def look_around(store: Store) -> list[str]:
    """Look at the queue, the folder of all events and the places that are due; what is wrong."""
    with store.transaction() as conn:
        clock.mend(conn)
    s = settings()
    told, problems = s.s3_queue_url is not None, []
    if s.s3_queue_url:
        problems.append(queue.hear(store.transaction, s.s3_queue_url, s.watch))
    if s.watch:
        bucket = told and "://" in s.watch
        problems.append(discover.discover(store.transaction, s.watch, told=bucket))
    looks = watch.look(store.transaction, told=told)
    if looks.problems:
        problems.append(f"{looks.problems} events' places cannot be read; memoria.watched says why")
    return [problem for problem in problems if problem]


def _reason(problems: list[str]) -> str:
    return " ".join(problems) or "nothing new"


Became = Mapping[str, AskedStatus]
"""What became of the runs that were asked for, by their key."""


def _uploads(conn: sa.Connection, became: Became) -> Iterator[dg.RunRequest]:
    s = settings()
    limits = Limits(timedelta(seconds=s.quiet_seconds), s.burst_photos)
    found = uploads.due(conn, burst=s.burst_photos)
    rows = [row for row in found if row.asked_key is None or row.asked_key in became]
    decided = {row.event_id: decide(_upload(row, became), row.now, limits) for row in rows}
    gone = {row.event_id for row in rows if row.gone}
    for event, key in uploads.save(conn, rows, decided).items():
        # Who is on no photo any more must go, however few faces are left.
        yield asking.request(event, key, grouping="always" if event in gone else "when enough")


def _upload(row: uploads.Row, became: Became) -> Upload:
    return Upload(
        photos=row.photos,
        gone=row.gone,
        last_at=row.last_at,
        quiet_since=row.quiet_since,
        asked=became[row.asked_key] if row.asked_key else "never",
        asked_at=row.asked_at,
        tried=row.tried,
        allowed=row.allowed,
    )


def _moves(conn: sa.Connection, became: Became) -> Iterator[dg.RunRequest]:
    found = moves.due(conn)
    rows = [row for row in found if row.asked_key is None or row.asked_key in became]
    decided = {row.event_id: decide_move(_move(row, became), row.now) for row in rows}
    models = {row.event_id: row.face_model for row in rows}
    for event, key in moves.save(conn, decided).items():
        pack = {"face_model": _as_set(models[event])}
        config = {"ops": {"faces_beside": {"config": pack}}}
        yield asking.request(event, key, job="change_model", config=config)


def _move(row: moves.Row, became: Became) -> Move:
    asked = became[row.asked_key] if row.asked_key else "never"
    return Move(row.proposal, asked, row.asked_at, row.tried)


def _as_set(model: str) -> str:
    """A pack as MEMORIA_FACE_MODEL names it: of a folder, the stored name alone finds nothing."""
    setting = settings().face_model
    return setting if stored_name(setting) == model else model
