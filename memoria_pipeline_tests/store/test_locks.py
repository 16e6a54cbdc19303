"""Two connections at once: whoever has to wait holds nothing the other one will need."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
import sqlalchemy as sa

from memoria_pipeline.store import db, media, persons
from memoria_pipeline_tests.store.factories import (
    LEFT,
    PACK,
    Album,
    a_face,
    an_album,
    an_event,
    analysed,
    found,
    group,
    one,
)

_WAITING = "select coalesce(cardinality(pg_blocking_pids(:pid)), 0)"
_WRITES = (
    "select string_agg(distinct c.relname, ' ')"
    " from pg_locks l join pg_class c on c.oid = l.relation"
    " where l.pid = :pid and l.granted and c.relname !~ '^events'"
    " and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'AccessExclusiveLock')"
    " and c.relnamespace = 'memoria'::regnamespace"
)
_USER = UUID("5" * 32)


def _save(conn: sa.Connection, album: Album) -> None:
    """One of the two faces is not found again: it goes, and its person changes."""
    media.save_analysis(conn, [analysed(album.photos[0], a_face(LEFT))], PACK)


def _group(conn: sa.Connection, album: Album) -> None:
    group(conn, album.event, [[album.faces[0][0]], [album.faces[1][0]]])


def _purge(conn: sa.Connection, album: Album) -> None:
    one(conn, "select memoria.purge_face_data_for_user(:u, :e)", u=_USER, e=album.event)


def _register(conn: sa.Connection, album: Album) -> None:
    media.register(conn, album.event, found("001.jpg"))


def _album(conn: sa.Connection) -> Album:
    """Two photos; the left faces are the user's."""
    album = an_album(conn, 2)
    group(conn, album.event, [[f[0] for f in album.faces], [f[1] for f in album.faces]])
    person = persons.current(conn, album.event)[album.faces[0][0]]
    linked = "update memoria.face_persons set status = 'linked', linked_user_id = :u where id = :p"
    conn.execute(sa.text(linked), {"u": _USER, "p": person})
    return album


@pytest.mark.parametrize("other", [_group, _purge, _register])
@pytest.mark.parametrize("saves_first", [True, False])
def test_whoever_saves_and_whoever_needs_the_event_alone_wait_at_its_row(
    database: sa.Engine, other: Callable[[sa.Connection, Album], None], saves_first: bool
) -> None:
    first, second = (_save, other) if saves_first else (other, _save)
    with db.connect(database) as conn:
        album = _album(conn)
    with ThreadPoolExecutor(1) as pool, database.connect() as waiter:
        pid = one(waiter, "select pg_backend_pid()")
        with db.connect(database) as conn:
            first(conn, album)
            waiting = pool.submit(second, waiter, album)
            while not waiting.done() and not one(conn, _WAITING, pid=pid):
                one(conn, "select pg_sleep(0.01)")
            assert not waiting.done()
            assert one(conn, _WRITES, pid=pid) is None
            first(conn, album)  # it goes on, over everything, and nobody is in its way
        waiting.result(30)
        waiter.commit()


def test_savers_of_one_event_do_not_wait_for_one_another(database: sa.Engine) -> None:
    with db.connect(database) as conn:
        album = an_album(conn, 2)
    with db.connect(database) as conn, db.connect(database) as beside:
        for each, photo in ((conn, album.photos[0]), (beside, album.photos[1])):
            each.execute(sa.text("set local lock_timeout = '5s'"))
            media.save_analysis(each, [analysed(photo, a_face(LEFT))], PACK)


def test_an_event_is_made_while_another_one_is_being_saved(database: sa.Engine) -> None:
    with db.connect(database) as conn:
        album = _album(conn)
    with ThreadPoolExecutor(1) as pool, database.connect() as waiter:
        with db.connect(database) as conn:
            _save(conn, album)
            making = pool.submit(an_event, waiter)
            one(conn, "select pg_sleep(0.1)")
            _save(conn, album)
        made = making.result(30)
        assert one(waiter, "select count(*) from memoria.events where id = :e", e=made) == 1


def test_whoever_deletes_a_photo_is_not_in_the_way_of_whoever_deletes_the_event(
    database: sa.Engine,
) -> None:
    with db.connect(database) as conn:
        album = an_album(conn, 2)
    held = sa.text("select from memoria.media where id = :id for update")
    gone = sa.text("delete from memoria.media where id = :id")
    over = "delete from memoria.events where id = :event"
    with ThreadPoolExecutor(1) as pool, database.connect() as waiter:
        pid = one(waiter, "select pg_backend_pid()")
        with db.connect(database) as conn:
            conn.execute(held, {"id": album.photos[0]})
            waiting = pool.submit(waiter.execute, sa.text(over), {"event": album.event})
            while not waiting.done() and not one(conn, _WAITING, pid=pid):
                one(conn, "select pg_sleep(0.01)")
            conn.execute(gone, {"id": album.photos[0]})
        waiting.result(30)
        waiter.commit()
        assert one(waiter, "select count(*) from memoria.face_changes") == 0
