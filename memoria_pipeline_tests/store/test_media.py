import dataclasses
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import ConsentError, DatabaseError
from memoria_pipeline.store import checks, events, faces, media, observed
from memoria_pipeline.store.photos import UNREADABLE, FoundPhoto
from memoria_pipeline.vision.model import Face
from memoria_pipeline_tests.store.factories import (
    LEFT,
    PACK,
    RIGHT,
    a_face,
    an_album,
    an_event,
    analysed,
    faces_of,
    found,
    one,
    photos,
    touch,
)


def _status(conn: sa.Connection, photo: UUID) -> str:
    return str(one(conn, "select status from memoria.media where id = :id", id=photo))


def test_the_same_folder_is_the_same_event_until_that_is_deleted(conn: sa.Connection) -> None:
    about = {"photo_root": "/album", "face_model": "a", "consent": False}
    first = events.ensure(conn, name="A", **about)  # type: ignore[arg-type]
    assert events.ensure(conn, name="B", photo_root="/album", face_model="b", consent=True) == first
    kept = events.get(conn, first)
    assert (kept.name, kept.face_model, kept.face_recognition_enabled) == ("A", "a", True)
    conn.execute(sa.text("update memoria.events set status = 'deleted'"))
    assert events.ensure(conn, name="A", **about) != first  # type: ignore[arg-type]
    assert first not in [event.id for event in events.list_(conn)]


def test_consent_that_was_given_is_not_taken_back_by_its_absence(conn: sa.Connection) -> None:
    for given in (True, False):
        event = events.ensure(conn, name="A", photo_root="/a", face_model="m", consent=given)
    assert events.require_consent(conn, event).id == event


def test_without_the_switch_or_after_its_archiving_an_event_is_refused(
    conn: sa.Connection,
) -> None:
    event = an_event(conn, consent=False)
    with pytest.raises(ConsentError, match="switched off"):
        events.require_consent(conn, event)
    conn.execute(sa.text("update memoria.events set status = 'archived'"))
    with pytest.raises(ConsentError, match="is archived"):
        events.require_consent(conn, event)
    with pytest.raises(DatabaseError, match="no event"):
        events.get(conn, uuid4())


def test_registering_tells_new_changed_known_and_missing_photos_apart(conn: sa.Connection) -> None:
    event = an_event(conn)
    assert media.register(conn, event, found("a", "b", "c")) == media.Registered(3, 0, 0, 0)
    assert media.register(conn, event, found("a", "b", "c")) == media.Registered(0, 0, 3, 0)
    listing = [*found("a"), *found("b", etag="2"), *found("d")]
    assert media.register(conn, event, listing) == media.Registered(1, 1, 1, 1)
    assert media.register(conn, event, found("a", "c")) == media.Registered(0, 1, 1, 2)
    with pytest.raises(DatabaseError, match="2 are known"):
        media.register(conn, event, [])
    assert media.register(conn, event, [], allow_empty=True) == media.Registered(0, 0, 0, 2)
    assert media.register(conn, event, []) == media.Registered(0, 0, 0, 0)


def test_ten_thousand_photos_are_registered_by_a_handful_of_statements(conn: sa.Connection) -> None:
    event = an_event(conn)
    statements: list[str] = []
    sa.event.listen(conn, "before_cursor_execute", lambda *about: statements.append(about[2]))
    listing = found(*(f"{i}.jpg" for i in range(10_000)))
    assert media.register(conn, event, listing).new == 10_000
    assert len(statements) == 6


def test_only_what_is_new_or_may_still_succeed_is_pending(conn: sa.Connection) -> None:
    event = an_event(conn)
    done, broken, passing, new = photos(conn, event, "1", "2", "3", "4")
    media.save_analysis(conn, [analysed(done)], PACK)
    media.save_failure(conn, broken, "broken", "2: not a whole JPEG; export it again.")
    media.save_failure(conn, passing, "unreadable", "3: cannot be read\0")
    assert [(p.id, p.attempts) for p in media.pending(conn, event, PACK)] == [
        (passing, 1),
        (new, 0),
    ]
    for _ in range(2):
        media.save_failure(conn, passing, "unreadable", "3: cannot be read")
    assert [p.id for p in media.pending(conn, event, PACK)] == [new]
    assert [p.id for p in media.pending(conn, event, "another")] == [done, new]


def test_the_summary_accounts_for_every_photo(conn: sa.Connection) -> None:
    event = an_event(conn)
    ids = photos(conn, event, "1", "2", "3", "4", "5", "6")
    media.save_analysis(conn, [analysed(ids[0], a_face()), analysed(ids[1])], PACK)
    media.save_duplicate(conn, ids[2], ids[0].hex * 2, ids[0])
    media.save_failure(conn, ids[3], "broken", "4: not whole")
    media.register(conn, event, found("1", "2", "3", "4", "5"))
    assert media.summary(conn, event) == media.MediaSummary(
        total=6,
        analysed=2,
        without_faces=1,
        failed=[("4", "broken", "4: not whole")],
        duplicates=1,
        missing=1,
        pending=1,
    )


def test_known_bytes_are_those_the_pack_has_seen(conn: sa.Connection) -> None:
    event = an_event(conn)
    first, second, other = photos(conn, event, "1", "2", "3")
    media.save_analysis(conn, [analysed(p, sha256="ab" * 32) for p in (first, second)], PACK)
    media.save_analysis(conn, [analysed(other, sha256="cd" * 32)], "another")
    assert media.known_hashes(conn, event, PACK) == {"ab" * 32: first}


@pytest.mark.parametrize("then", [[], found("1", etag="2")])
def test_when_a_photo_changes_or_goes_its_copies_are_looked_at(
    conn: sa.Connection, then: list[FoundPhoto]
) -> None:
    event = an_event(conn)
    first, copy = photos(conn, event, "1", "2")
    media.save_analysis(conn, [analysed(first)], PACK)
    media.save_duplicate(conn, copy, first.hex * 2, first)
    media.register(conn, event, [*then, *found("2")])
    assert _status(conn, copy) == "pending"


def test_a_photo_that_was_gone_when_it_was_read_is_pending_once_it_is_listed_again(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 3)
    keys = ("000.jpg", "001.jpg", "002.jpg")
    media.register(conn, album.event, found(*keys, etag="2"))
    for photo, reason in zip(album.photos, ("missing", "broken", "unreadable"), strict=True):
        for _ in range(3):
            media.save_failure(conn, photo, reason, "why")
    assert media.pending(conn, album.event, PACK) == []
    assert media.register(conn, album.event, found(*keys, etag="2")).changed == 0
    first = media.PendingPhoto(album.photos[0], "000.jpg", 0, "2", 0)
    assert media.pending(conn, album.event, PACK) == [first]
    media.register(conn, album.event, found(*keys, etag="3"))
    assert len(media.pending(conn, album.event, PACK)) == 3


def test_a_link_to_nowhere_is_tried_once(conn: sa.Connection) -> None:
    event = an_event(conn)
    for _ in range(2):
        media.register(conn, event, found("1", etag=UNREADABLE))
        for photo in media.pending(conn, event, PACK):
            media.save_failure(conn, photo.id, "missing", "why")
    assert one(conn, "select attempts from memoria.media") == 1


@pytest.mark.parametrize("reason", ["missing", "unreadable", "crashed"])
def test_a_failure_that_may_pass_takes_no_face(conn: sa.Connection, reason: str) -> None:
    album = an_album(conn, 1)
    media.save_failure(conn, album.photos[0], reason, "why")
    assert faces_of(conn, album.photos[0]) == album.faces[0]
    assert observed.of_photos(conn, album.event)["faces_miscounted"] == 0


def test_a_photo_that_became_unreadable_for_good_shows_nobody(conn: sa.Connection) -> None:
    album = an_album(conn, 1)
    left, _ = album.faces[0]
    touch(conn, album.event, left)
    media.register(conn, album.event, found("000.jpg", etag="2"))
    media.save_failure(conn, album.photos[0], "broken", "why")
    assert faces_of(conn, album.photos[0]) == [left]
    assert one(conn, "select lost from memoria.faces") is True
    assert observed.of_photos(conn, album.event)["faces_miscounted"] == 0
    conn.execute(sa.text("update memoria.faces set lost = false"))
    assert observed.of_photos(conn, album.event)["faces_miscounted"] == 1


@pytest.mark.parametrize("gone", [False, True])
def test_what_was_read_before_the_file_changed_or_went_is_not_saved(
    conn: sa.Connection, gone: bool
) -> None:
    event = an_event(conn)
    first, second = photos(conn, event, "1", "2")
    media.save_analysis(conn, [analysed(second)], PACK)
    media.register(conn, event, found("2") if gone else [*found("1", etag="2"), *found("2")])
    before = _status(conn, first)
    stale = dataclasses.replace(analysed(first, a_face()), etag="1")
    media.save_analysis(conn, [stale], PACK)
    media.save_failure(conn, first, "broken", "why", etag="1")
    media.save_duplicate(conn, first, second.hex * 2, second, etag="1")
    assert (_status(conn, first), faces_of(conn, first)) == (before, [])
    if not gone:
        media.save_analysis(conn, [dataclasses.replace(stale, etag="2")], PACK)
        assert _status(conn, first) == "analysed"


def test_a_copy_of_what_another_run_found_changed_stays_pending(conn: sa.Connection) -> None:
    event = an_event(conn)
    first, copy = photos(conn, event, "1", "2")
    media.save_analysis(conn, [analysed(first)], PACK)
    media.register(conn, event, [*found("1", etag="2"), *found("2")])
    media.save_duplicate(conn, copy, first.hex * 2, first)
    assert _status(conn, copy) == "pending"
    media.save_analysis(conn, [analysed(first, sha256="ab" * 32)], PACK)
    media.save_duplicate(conn, copy, first.hex * 2, first)
    assert _status(conn, copy) == "pending"


def test_a_copy_of_a_photo_that_failed_is_unaccounted_for_and_freed_by_the_next_listing(
    conn: sa.Connection,
) -> None:
    event = an_event(conn)
    first, copy = photos(conn, event, "1", "2")
    media.save_analysis(conn, [analysed(first)], PACK)
    media.save_duplicate(conn, copy, first.hex * 2, first)
    assert checks.photos_unaccounted_for(conn, event) == 0
    media.save_failure(conn, first, "crashed", "why")
    assert checks.photos_unaccounted_for(conn, event) == 1
    media.register(conn, event, found("1", "2"))
    assert _status(conn, copy) == "pending"


def test_when_a_photo_is_deleted_its_copies_are_looked_at(conn: sa.Connection) -> None:
    album = an_album(conn, 2)
    media.save_duplicate(conn, album.photos[1], album.photos[0].hex * 2, album.photos[0])
    conn.execute(sa.text("delete from memoria.media where id = :id"), {"id": album.photos[0]})
    conn.execute(sa.text("set constraints all immediate"))
    assert _status(conn, album.photos[1]) == "pending"
    assert faces.load(conn, album.event, PACK).ids == []


def test_a_changed_photo_keeps_its_faces_until_it_is_analysed_again(conn: sa.Connection) -> None:
    album = an_album(conn, 1)
    media.register(conn, album.event, found("000.jpg", etag="2"))
    assert faces_of(conn, album.photos[0]) == album.faces[0]
    media.save_analysis(conn, [analysed(album.photos[0])], PACK)
    assert faces_of(conn, album.photos[0]) == []


def test_a_face_whose_box_is_found_again_keeps_its_id(conn: sa.Connection) -> None:
    album = an_album(conn, 1)
    nearly = (LEFT[0] + 0.02, LEFT[1], LEFT[2], LEFT[3])
    elsewhere = (0.4, 0.7, 0.1, 0.1)
    again = analysed(album.photos[0], a_face(elsewhere, 128), a_face(nearly, 128))
    media.save_analysis(conn, [again], "another")
    assert faces_of(conn, album.photos[0])[0] == album.faces[0][0]
    assert album.faces[0][1] not in faces_of(conn, album.photos[0])
    assert len(faces.load(conn, album.event, "another", 128).ids) == 2


def test_a_face_that_a_human_touched_and_that_is_not_found_again_is_kept_and_flagged(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 1)
    left, right = album.faces[0]
    touch(conn, album.event, left)
    lost = "select lost from memoria.faces where id = :id"
    media.save_analysis(conn, [analysed(album.photos[0], a_face(RIGHT))], PACK)
    assert faces_of(conn, album.photos[0]) == [left, right]
    assert (one(conn, lost, id=left), one(conn, lost, id=right)) == (True, False)
    media.save_analysis(conn, [analysed(album.photos[0], a_face(LEFT))], PACK)
    assert faces_of(conn, album.photos[0]) == [left]
    assert one(conn, lost, id=left) is False


def test_a_file_with_other_people_in_the_same_places_inherits_nothing_that_was_decided(
    conn: sa.Connection,
) -> None:
    event = an_event(conn)
    [photo] = photos(conn, event, "1.jpg")
    old, other = a_face(LEFT, 128), a_face(LEFT, 128)

    def look(face: Face, file: str, model: str = PACK) -> list[UUID]:
        result = analysed(photo, face, sha256=file * 64)
        media.save_analysis(conn, [result], model, alike=0.5)
        return faces_of(conn, photo)

    [decided] = look(old, "a")
    touch(conn, event, decided)
    lost = "select array_agg(id) from memoria.faces where lost"
    assert look(other, "a") == look(old, "a") == [decided]  # the same bytes, the same people
    assert look(old, "b") == [decided]  # turned, or smaller
    assert decided in (both := look(other, "c"))
    assert len(both) == 2
    assert one(conn, lost) == [decided]
    assert decided in look(other, "c")  # a lost face is not found in what is there
    assert one(conn, lost) == [decided]
    assert look(old, "b") == [decided]  # the file is back
    assert one(conn, lost) is None
    assert len(look(old, "d", "another")) == 2  # two packs cannot be compared
    assert one(conn, lost) == [decided]


def test_a_photo_deleted_while_it_was_analysed_stays_deleted(conn: sa.Connection) -> None:
    event = an_event(conn)
    gone, there = photos(conn, event, "1", "2")
    conn.execute(sa.text("delete from memoria.media where id = :id"), {"id": gone})
    media.save_analysis(conn, [analysed(p, a_face()) for p in (gone, there)], PACK)
    assert faces.load(conn, event, PACK).media_ids == [there]


def test_a_kill_leaves_a_photo_with_its_faces_or_pending_without_any(database: sa.Engine) -> None:
    with database.begin() as conn:
        event = an_event(conn)
        (photo,) = photos(conn, event, "1")
    killed = database.connect()
    media.save_analysis(killed, [analysed(photo, a_face())], PACK)
    backend = killed.scalar(sa.text("select pg_backend_pid()"))
    with database.begin() as conn:
        conn.execute(sa.text("select pg_terminate_backend(:pid, 5000)"), {"pid": backend})
    killed.invalidate()
    killed.close()
    with database.begin() as conn:
        assert (_status(conn, photo), faces_of(conn, photo)) == ("pending", [])
        media.save_analysis(conn, [analysed(photo, a_face())], PACK)
    with database.begin() as conn:
        assert (_status(conn, photo), len(faces_of(conn, photo))) == ("analysed", 1)
