"""The sign that nothing but a few new faces came to an event: what moves it, and what must not."""

from collections.abc import Sequence
from uuid import UUID

import pytest
import sqlalchemy as sa

from memoria_pipeline.store import events, media, placing, runs
from memoria_pipeline.vision.model import Face
from memoria_pipeline_tests.store.factories import (
    LEFT,
    PACK,
    RIGHT,
    Album,
    a_face,
    an_album,
    analysed,
    faces_of,
    found,
    group,
    one,
    touch,
)

_BY_HAND = "update memoria.faces set {} where event_id = :event and id = :face"


def _more(
    conn: sa.Connection, album: Album, key: str = "9.jpg", shown: Sequence[Face] = (a_face(),)
) -> list[UUID]:
    """One more photo comes; the faces it shows."""
    media.register(conn, album.event, found("000.jpg", "001.jpg", "002.jpg", key))
    [photo] = [each.id for each in media.pending(conn, album.event, PACK)]
    media.save_analysis(conn, [analysed(photo, *shown)], PACK)
    return faces_of(conn, photo)


def _by_hand(conn: sa.Connection, album: Album) -> UUID:
    """A face is put in that no analysis found."""
    made: UUID = conn.execute(
        sa.text(
            "insert into memoria.faces (event_id, media_id, bbox, embedding, model)"
            " select event_id, media_id, bbox, embedding, model from memoria.faces"
            " where event_id = :event and id = :face returning id"
        ),
        {"event": album.event, "face": album.faces[0][0]},
    ).scalar_one()
    return made


def _missing(conn: sa.Connection, album: Album) -> None:
    media.register(conn, album.event, found("000.jpg", "001.jpg"))


def _again(conn: sa.Connection, album: Album) -> None:
    faces = (a_face(LEFT), a_face(RIGHT))
    media.save_analysis(conn, [analysed(album.photos[0], *faces)], PACK)


def _other_pack(conn: sa.Connection, album: Album) -> None:
    media.save_analysis(conn, [analysed(album.photos[0], a_face(LEFT))], "another")


def _made_anew(conn: sa.Connection, album: Album) -> None:
    """The partition goes as one, and another takes its place."""
    conn.execute(sa.text("set constraints all immediate"))
    events.lock(conn, album.event)
    conn.execute(sa.text("update memoria.events set status = 'archived'"))
    conn.execute(sa.text("select memoria.create_event_partition(:e)"), {"e": album.event})


MOVES = {
    "a face that came": _more,
    "a face that was put in by hand": _by_hand,
    "a photo that is missing": _missing,
    "a photo that was analysed again": _again,
    "another pack": _other_pack,
    "a partition that was made anew": _made_anew,
    "a face that went": "delete from memoria.faces where event_id = :event and id = :face",
    "a photo that was deleted": "delete from memoria.media where id = :photo",
    "a class": _BY_HAND.format("quality_class = 'C'"),
    "a quality": _BY_HAND.format("quality_score = 0.1"),
    "a vector": _BY_HAND.format("embedding = l2_normalize(embedding)"),
    "a pack": _BY_HAND.format("model = 'another'"),
    "a vector that was erased": _BY_HAND.format("embedding = null, erased_at = now()"),
    "a face on another photo": _BY_HAND.format("media_id = (select id from memoria.media"
        " where event_id = :event and id <> :photo limit 1)"),
}  # fmt: skip
STAYS = {
    "a grouping": lambda conn, album: group(conn, album.event, [album.faces[1]]),
    "a decision": lambda conn, album: touch(conn, album.event, album.faces[0][0]),
    "a photo without faces": lambda conn, album: _more(conn, album, "9.jpg", ()),
    "another event's faces": lambda conn, album: an_album(conn),
}


def _done(conn: sa.Connection, album: Album, what: object) -> None:
    if callable(what):
        what(conn, album)
        return
    about = {"event": album.event, "face": album.faces[0][0], "photo": album.photos[0]}
    conn.execute(sa.text(str(what)), about)


@pytest.mark.parametrize("what", MOVES)
def test_it_is_another_after_a_change_of_the_faces(conn: sa.Connection, what: str) -> None:
    album = an_album(conn)
    before = runs.seen(conn, album.event)
    assert runs.seen(conn, album.event) == before
    _done(conn, album, MOVES[what])
    assert runs.seen(conn, album.event) != before


@pytest.mark.parametrize("what", STAYS)
def test_it_is_the_same_after_all_else(conn: sa.Connection, what: str) -> None:
    album = an_album(conn)
    before = runs.seen(conn, album.event)
    _done(conn, album, STAYS[what])
    assert runs.seen(conn, album.event) == before


def test_a_photo_that_is_missing_and_back_is_noticed_although_its_faces_are_the_same(
    conn: sa.Connection,
) -> None:
    album = an_album(conn)
    signs = [runs.seen(conn, album.event)]
    for keys in (("000.jpg", "001.jpg"), ("000.jpg", "001.jpg", "002.jpg")):
        media.register(conn, album.event, found(*keys))
        signs.append(runs.seen(conn, album.event))
    assert len(set(signs)) == 3


def test_changes_of_a_transaction_that_is_rolled_back_are_none(conn: sa.Connection) -> None:
    album = an_album(conn)
    before = runs.seen(conn, album.event)
    with conn.begin_nested() as part:
        _again(conn, album)
        part.rollback()
    assert runs.seen(conn, album.event) == before


def test_many_faces_changed_at_once_are_one_row(conn: sa.Connection) -> None:
    album = an_album(conn, 20)
    rows = "select count(*) from memoria.face_changes where event_id = :event"
    before = one(conn, rows, event=album.event)
    all_of_it = sa.text("update memoria.faces set quality_class = 'B' where event_id = :event")
    conn.execute(all_of_it, {"event": album.event})
    assert one(conn, rows, event=album.event) == before + 1


def test_rows_are_added_up_by_a_run_and_say_the_same(conn: sa.Connection) -> None:
    album = an_album(conn)
    for i in range(20):
        _more(conn, album, f"{i}.jpg")
    before = runs.seen(conn, album.event)
    group(conn, album.event, [album.faces[1]])
    assert runs.seen(conn, album.event) == before
    assert one(conn, "select count(*) from memoria.face_changes") == 1


def test_rows_are_added_up_by_a_run_that_is_held_back_as_well(conn: sa.Connection) -> None:
    album = an_album(conn)
    for i in range(20):
        _more(conn, album, f"{i}.jpg")
    run = {"event": album.event, "method": "constrained", "model": PACK, "fingerprint": ""}
    run |= {"parameters": {}, "measures": {}, "kind": "full", "diff": None}
    runs.insert(conn, run, status="held")
    assert one(conn, "select count(*) from memoria.face_changes") == 1


@pytest.mark.parametrize("status", ["archived", "deleted"])
def test_what_is_known_of_an_events_faces_goes_with_them(conn: sa.Connection, status: str) -> None:
    album, other = an_album(conn), an_album(conn)
    conn.execute(sa.text("set constraints all immediate"))
    over = sa.text("update memoria.events set status = :status where id = :event")
    conn.execute(over, {"status": status, "event": album.event})
    left = conn.scalars(sa.text("select event_id from memoria.face_changes"))
    assert set(left) == {other.event}


def test_a_face_that_moves_to_another_event_is_noticed_by_both_and_by_no_third(
    conn: sa.Connection,
) -> None:
    albums = [an_album(conn) for _ in range(3)]
    before = [runs.seen(conn, album.event) for album in albums]
    here, there, _ = albums
    conn.execute(
        sa.text("update memoria.faces set event_id = :there, media_id = :photo where id = :face"),
        {"there": there.event, "photo": there.photos[0], "face": here.faces[0][0]},
    )
    after = [runs.seen(conn, album.event) for album in albums]
    assert [a != b for a, b in zip(before, after, strict=True)] == [True, True, False]


def test_an_upsert_that_names_every_column_says_nothing_of_other_events(
    conn: sa.Connection,
) -> None:
    album, other = an_album(conn), an_album(conn)
    before = [runs.seen(conn, each.event) for each in (album, other)]
    columns = list(conn.scalars(_COLUMNS))
    names, sets = ", ".join(columns), ", ".join(f"{one} = excluded.{one}" for one in columns)
    conn.execute(
        sa.text(
            f"insert into memoria.faces ({names}) select {names} from memoria.faces"  # noqa: S608
            f" where id = :face on conflict (id, event_id) do update set {sets}"
        ),
        {"face": album.faces[0][0]},
    )
    after = [runs.seen(conn, each.event) for each in (album, other)]
    assert [a != b for a, b in zip(before, after, strict=True)] == [True, False]


_COLUMNS = sa.text(
    "select column_name from information_schema.columns"
    " where table_schema = 'memoria' and table_name = 'faces'"
)


@pytest.mark.parametrize("set_before", ["rubbish", str(UUID(int=1))])
def test_what_a_session_calls_changed_and_is_no_event_is_passed_over(
    conn: sa.Connection, set_before: str
) -> None:
    album = an_album(conn)
    before = runs.seen(conn, album.event)
    conn.execute(sa.text("select set_config('memoria.changed', :it, true)"), {"it": set_before})
    _done(conn, album, MOVES["a class"])
    assert runs.seen(conn, album.event) != before


def test_what_was_not_committed_yet_is_new_once_it_is_and_not_before(database: sa.Engine) -> None:
    with database.begin() as conn:
        album = an_album(conn)
    with database.connect() as slow, database.begin() as run:
        run.execute(sa.text("set local lock_timeout = '5s'"))
        late = _by_hand(slow, album)  # without the event's row, and older than what follows
        _by_hand(run, album)
        known = runs.seen(run, album.event)
        everybody = list(run.scalars(sa.text("select id from memoria.faces")))
        group(run, album.event, [everybody], seen=known)
        slow.commit()
        last = runs.last_run(run, album.event)
        assert last is not None
        new = placing.new(run, last, 12)
        assert new is not None
        assert (last.seen, new.ids) == (known, [late])
        assert placing.seen(last, new) == new.seen == runs.seen(run, album.event)


def test_a_run_that_noted_nothing_counts_the_faces(conn: sa.Connection) -> None:
    album = an_album(conn)
    now = runs.fingerprint(conn, album.event, PACK)
    group(conn, album.event, album.faces)
    conn.execute(sa.text("update memoria.cluster_runs set fingerprint = :now"), {"now": now})
    last = runs.last_run(conn, album.event)
    _more(conn, album)
    assert last is not None
    new = placing.new(conn, last, 12)
    assert last.seen is None
    assert new is not None
    assert placing.else_as_it_was(conn, last, new)
    _done(conn, album, MOVES["a face that went"])
    assert not placing.else_as_it_was(conn, last, new)
