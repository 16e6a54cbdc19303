"""Erasing by job: what is gone, what survives, and that nothing in flight brings it back."""

from collections.abc import Sequence
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.errors import ConsentError, MemoriaError
from memoria_pipeline.store import beside, erasure, jobs, media, outcomes
from memoria_pipeline.store import events as event_store
from memoria_pipeline.store.recount import recount
from memoria_pipeline_tests.store.factories import (
    PACK,
    Album,
    a_face,
    an_album,
    an_event,
    analysed,
    found,
    group,
    one,
    touch,
)


@pytest.fixture
def album(conn: sa.Connection) -> Album:
    made = an_album(conn)
    group(conn, made.event, list(zip(*made.faces, strict=True)))
    return made


def faces(conn: sa.Connection, event: UUID) -> int:
    return int(one(conn, "select count(*) from memoria.faces where event_id = :e", e=event))


def erase(conn: sa.Connection, event: UUID, photos: Sequence[UUID] = ()) -> dict[str, int]:
    """The rows of the photos' faces, or of the whole event, go; counts."""
    scope: erasure.Scope = "photos" if photos else "event"
    return erasure.erase_rows(conn, erasure.request(conn, scope, event, photos=photos))


def counted(told: dict[str, int], *names: str) -> list[int]:
    return [told[name] for name in names]


def test_an_erased_event_is_a_husk_and_the_others_have_all_they_had(
    conn: sa.Connection, album: Album
) -> None:
    other = an_album(conn)
    group(conn, other.event, list(zip(*other.faces, strict=True)))
    touch(conn, other.event, other.faces[0][0])
    touch(conn, album.event, album.faces[0][0])
    told = erase(conn, album.event)
    assert counted(told, "photos", "faces", "embeddings", "persons") == [3, 6, 6, 2]
    assert (faces(conn, album.event), faces(conn, other.event)) == (0, 6)
    assert one(
        conn, "select to_regclass('memoria.' || memoria.partition_name(:e)) is null", e=album.event
    )
    for table in ("media", "face_persons", "decisions", "cluster_runs"):
        count = f"select count(*) filter (where event_id = :e), count(*) from memoria.{table}"  # noqa: S608
        left, all_of_them = conn.execute(sa.text(count), {"e": album.event}).one()
        assert (left, all_of_them > 0) == (0, True)
    husk = "select name, code, photo_root, status from memoria.events where id = :e"
    row = conn.execute(sa.text(husk), {"e": album.event}).one()
    assert tuple(row) == ("Erased event", None, None, "deleted")
    with pytest.raises(ConsentError, match="deleted"):
        event_store.require_consent(conn, album.event)


def test_erasing_an_event_twice_says_the_same(conn: sa.Connection, album: Album) -> None:
    told = erase(conn, album.event)
    assert erase(conn, album.event) == told
    assert one(conn, "select count(*) from memoria.erasures") == 1


def test_nothing_in_flight_brings_anything_of_an_erased_event_back(
    conn: sa.Connection, album: Album
) -> None:
    erase(conn, album.event)
    media.save_analysis(conn, [analysed(album.photos[0], a_face())], PACK)
    for attempt in (
        lambda: media.register(conn, album.event, found("late.jpg")),
        lambda: touch(conn, album.event, album.faces[0][0]),
        lambda: jobs.enqueue(conn, album.event, "detect"),
        lambda: conn.execute(sa.text("update memoria.events set status = 'active'")),
    ):
        with pytest.raises((DBAPIError, MemoriaError)), conn.begin_nested():
            attempt()
    assert faces(conn, album.event) == 0
    assert one(conn, "select count(*) from memoria.media") == 0


def test_erased_photos_lose_their_faces_the_decided_ones_too_and_the_others_keep_theirs(
    conn: sa.Connection, album: Album
) -> None:
    touch(conn, album.event, album.faces[0][0])
    receipt = erase(conn, album.event, album.photos[:1])
    assert counted(receipt, "photos", "faces", "embeddings") == [1, 2, 2]
    left = set(conn.scalars(sa.text("select id from memoria.faces")))
    assert left == {face for both in album.faces[1:] for face in both}
    counts = set(
        conn.scalars(sa.text("select (metadata ->> 'face_count')::int from memoria.face_persons"))
    )
    assert counts == {2}
    named = "select count(*) from memoria.faces where evidence && cast(:gone as uuid[])"
    assert one(conn, named, gone=album.faces[0]) == 0
    assert one(conn, "select count(*) from memoria.opened where what = 'event'") == 0
    assert erase(conn, album.event, album.photos[:1])["faces"] == 2


def test_machine_made_persons_without_a_face_left_go(conn: sa.Connection, album: Album) -> None:
    erase(conn, album.event, album.photos)
    assert one(conn, "select count(*) from memoria.face_persons") == 0


def test_an_erased_photo_is_not_looked_at_again_whatever_asks_for_it(
    conn: sa.Connection, album: Album
) -> None:
    photo = album.photos[0]
    erase(conn, album.event, [photo])
    keys = [f"{i:03}.jpg" for i in range(3)]
    media.register(conn, album.event, found(*keys, etag="2"))  # every file changed
    assert photo not in {p.id for p in media.pending(conn, album.event, PACK)}
    assert photo not in {p.id for p in media.pending(conn, album.event, "another pack")}
    assert photo not in {p.id for p in beside.pending(conn, album.event, "another pack")}
    media.save_analysis(conn, [analysed(photo, a_face())], PACK)  # was under way
    assert one(conn, "select count(*) from memoria.faces where media_id = :p", p=photo) == 0
    assert media.summary(conn, album.event).pending == 2


def test_no_exact_copy_of_an_erased_photo_brings_its_faces_back(
    conn: sa.Connection, album: Album
) -> None:
    keys = [f"{i:03}.jpg" for i in range(3)]
    erased, sha256 = album.photos[0], album.photos[0].hex * 2
    media.register(conn, album.event, found(*keys, "copy.jpg"))
    [copy] = media.pending(conn, album.event, PACK)
    media.save_duplicate(conn, copy.id, sha256, erased)
    erase(conn, album.event, [erased])
    media.register(conn, album.event, found(*keys[1:], "copy.jpg", "again.jpg", "other.jpg"))
    again, other = media.pending(conn, album.event, PACK)  # not the copy: it was erased, too
    assert sha256 not in media.known_hashes(conn, album.event, PACK)
    read = [analysed(again.id, a_face(), sha256=sha256), analysed(other.id, a_face())]
    media.save_analysis(conn, read, PACK)
    assert faces(conn, album.event) == 5  # four of the others, and the one of the new photo
    assert media.summary(conn, album.event).pending == 0
    named = {photo.id for photo in media.pending(conn, album.event, "another pack")}
    assert named == {*album.photos[1:], other.id}


def test_erasing_a_copy_erases_the_photo_that_shows_its_people(
    conn: sa.Connection, album: Album
) -> None:
    media.register(conn, album.event, found("000.jpg", "001.jpg", "002.jpg", "copy.jpg"))
    [copy] = media.pending(conn, album.event, PACK)
    media.save_duplicate(conn, copy.id, album.photos[0].hex * 2, album.photos[0])
    receipt = erase(conn, album.event, [copy.id])
    assert counted(receipt, "photos", "faces", "embeddings") == [2, 2, 2]
    assert faces(conn, album.event) == 4


def test_a_photo_that_is_erased_before_it_was_looked_at_waits_for_nothing(
    conn: sa.Connection, album: Album
) -> None:
    media.register(conn, album.event, found("000.jpg", "001.jpg", "002.jpg", "new.jpg"))
    [new] = media.pending(conn, album.event, PACK)
    erase(conn, album.event, [new.id])
    assert media.summary(conn, album.event).pending == 0


def test_a_file_that_goes_is_missing_though_its_faces_were_erased(
    conn: sa.Connection, album: Album
) -> None:
    erase(conn, album.event, album.photos[:1])
    media.register(conn, album.event, found("001.jpg", "002.jpg"))
    assert media.summary(conn, album.event).missing == 1
    media.register(conn, album.event, found("000.jpg", "001.jpg", "002.jpg"))
    summary = media.summary(conn, album.event)
    assert (summary.missing, summary.pending, summary.analysed) == (0, 0, 3)


def test_photos_of_another_event_are_not_touched(conn: sa.Connection, album: Album) -> None:
    receipt = erase(conn, an_event(conn), album.photos)
    assert counted(receipt, "photos", "faces", "embeddings") == [0, 0, 0]
    assert faces(conn, album.event) == 6


def test_the_service_role_may_erase_and_a_guest_may_not(conn: sa.Connection, album: Album) -> None:
    conn.execute(sa.text("set local role authenticated"))
    with pytest.raises(DBAPIError, match="permission denied"), conn.begin_nested():
        erase(conn, album.event, album.photos[:1])
    conn.execute(sa.text("set local role memoria_service"))
    assert erase(conn, album.event, album.photos[:1])["faces"] == 2
    assert erase(conn, album.event)["faces"] == 4


def test_it_waits_seconds_at_most_for_whoever_holds_the_event(
    conn: sa.Connection, album: Album
) -> None:
    erase(conn, album.event, album.photos[:1])
    assert one(conn, "show lock_timeout") == "3s"


def test_the_result_of_a_grouping_counts_what_is_shown(conn: sa.Connection, album: Album) -> None:
    told = outcomes.of_grouping(conn, album.event)
    run = str(one(conn, "select id from memoria.cluster_runs"))
    assert told == {
        "total_faces": 6,
        "clusters_created": 2,
        "noise_faces": 0,
        "cluster_run": run,
        "status": "published",
    }


def test_the_results_of_a_claim_are_counted_by_job_whether_it_names_photos_or_means_all(
    conn: sa.Connection, album: Album
) -> None:
    named = [album.photos[0], album.photos[1], album.photos[1]]
    some, everything, too = (jobs.enqueue(conn, album.event, "detect", p) for p in (named, (), ()))
    media.register(conn, album.event, found("000.jpg", "001.jpg", "new.jpg"))
    [new] = media.pending(conn, album.event, PACK)
    fresh = jobs.enqueue(conn, album.event, "detect", [new.id])
    [token] = {job.token for job in jobs.claim(conn, 9)}
    names = ("photos", "analysed", "failed", "faces", "pending")
    counted = outcomes.of_detection(conn, token)
    every = dict(zip(names, (4, 2, 1, 4, 1), strict=True))
    assert counted[everything] == counted[too] == every
    assert counted[some] == dict(zip(names, (2, 2, 0, 4, 0), strict=True))
    assert counted[fresh] == dict(zip(names, (1, 0, 0, 0, 1), strict=True))


def test_a_recount_finds_nothing_of_an_erased_event_nor_of_erased_photos(
    conn: sa.Connection, album: Album
) -> None:
    touch(conn, album.event, *album.faces[0])
    photos = erasure.request(conn, "photos", album.event, photos=album.photos[:1])
    erasure.erase_rows(conn, photos)
    whole = erasure.request(conn, "event", album.event)
    for asked in (photos, whole):
        erasure.erase_rows(conn, asked)
        subject = erasure.subject(conn, asked)
        assert subject is not None
        counts = recount(conn, subject, album.event)
        assert {name: n for name, n in counts.items() if n} == {}
        assert len(counts) > 15
