"""Who sees what, and what is left after archiving and erasure."""

import json
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.store import decisions, media, observed, persons
from memoria_pipeline_tests.store.factories import (
    ORGANISER,
    PACK,
    Album,
    a_face,
    an_album,
    analysed,
    group,
    one,
)

_COUNT = {
    "faces": "select count(*) from memoria.faces",
    "embeddings": "select count(*) from memoria.faces where embedding is not null",
    "tags": "select count(*) from memoria.media_tags",
    "media": "select count(*) from memoria.media",
    "persons": "select count(*) from memoria.face_persons",
    "events": "select count(*) from memoria.events",
}


def _do(conn: sa.Connection, statement: str, **values: object) -> None:
    conn.execute(sa.text(statement), values)


def _counts(conn: sa.Connection, *names: str) -> list[int]:
    return [one(conn, _COUNT[name]) for name in names]


def _as(conn: sa.Connection, user: UUID, role: str = "authenticated") -> None:
    _do(conn, f"set local role {role}")
    claims = json.dumps({"sub": str(user)})
    _do(conn, "select set_config('request.jwt.claims', :claims, true)", claims=claims)


def _join(conn: sa.Connection, event: UUID, role: str) -> UUID:
    user = uuid4()
    member = "insert into memoria.event_members values (:event, :user, :role)"
    _do(conn, member, event=event, user=user, role=role)
    return user


def _tag(conn: sa.Connection, photo: UUID, user: UUID, face: UUID | None = None) -> None:
    _do(
        conn,
        "insert into memoria.media_tags"
        " (media_id, tagged_user_id, tagged_by_user_id, source, face_id)"
        " values (:photo, :user, gen_random_uuid(), 'face_clustering', :face)",
        photo=photo,
        user=user,
        face=face,
    )


@pytest.fixture
def album(conn: sa.Connection) -> Album:
    """Three photos; the left faces are one person, the right ones another; all are grouped."""
    made = an_album(conn, 3)
    group(conn, made.event, [[f[0] for f in made.faces], [f[1] for f in made.faces]])
    return made


@pytest.fixture
def user(conn: sa.Connection, album: Album) -> UUID:
    """A guest who is linked to the person on the left, and tagged."""
    guest = _join(conn, album.event, "guest")
    person = persons.current(conn, album.event)[album.faces[0][0]]
    linked = "update memoria.face_persons set status = 'linked', linked_user_id = :u where id = :p"
    _do(conn, linked, u=guest, p=person)
    for photo, (face, _) in zip(album.photos, album.faces, strict=True):
        _tag(conn, photo, guest, face)
    return guest


def test_acceptance_3_after_a_purge_nothing_of_the_user_is_left_and_all_others_are(
    conn: sa.Connection, album: Album, user: UUID
) -> None:
    other = uuid4()
    _tag(conn, album.photos[0], other, album.faces[0][1])
    mine, theirs = album.faces[0]
    evidence = (
        "update memoria.faces set evidence = array[:mine, :theirs]::uuid[] where id = :theirs"
    )
    _do(conn, evidence, mine=mine, theirs=theirs)
    _do(conn, "set local role memoria_service")
    receipt = one(conn, "select memoria.purge_face_data_for_user(:u, :e)", u=user, e=album.event)
    assert receipt.pop("erasure")
    assert receipt == {"persons": 1, "faces": 3, "embeddings": 3, "tags": 3}
    assert _counts(conn, "faces", "embeddings", "tags", "persons") == [3, 3, 1, 1]
    assert (
        one(conn, "select count(*) from memoria.face_persons where linked_user_id = :u", u=user)
        == 0
    )
    assert set(persons.current(conn, album.event)) == {both[1] for both in album.faces}
    assert one(conn, "select array_agg(distinct faces_found) from memoria.media") == [1]
    assert one(conn, "select metadata ->> 'face_count' from memoria.face_persons") == "3"
    assert one(conn, "select evidence from memoria.faces where id = :f", f=theirs) == [theirs]
    assert one(conn, "select tagged_user_id from memoria.media_tags") == other


def test_a_purge_takes_what_was_merged_into_the_user_and_twice_says_the_same(
    conn: sa.Connection, album: Album, user: UUID
) -> None:
    merge = (
        "update memoria.face_persons set status = 'merged', merged_into_id ="
        " (select id from memoria.face_persons where linked_user_id = :u)"
        " where linked_user_id is null"
    )
    _do(conn, merge, u=user)
    purge = "select memoria.purge_face_data_for_user(:u, :e)"
    first = one(conn, purge, u=user, e=album.event)
    assert first["faces"] == 6
    assert one(conn, purge, u=user, e=album.event) == first
    assert _counts(conn, "faces", "tags", "persons", "media") == [0, 0, 0, 3]
    kept = one(conn, "select string_agg(e::text, ' ') from memoria.erasures e")
    assert str(user) not in kept


def test_who_was_erased_is_remembered_by_an_id_and_does_not_come_back(
    conn: sa.Connection, album: Album, user: UUID
) -> None:
    person = persons.current(conn, album.event)[album.faces[0][0]]
    purge = "select memoria.purge_face_data_for_user(:u, :e)"
    for _ in range(2):
        one(conn, purge, u=user, e=album.event)
    gone = "select array_agg(person_id) from memoria.erased_persons where event_id = :e"
    assert one(conn, gone, e=album.event) == [person]
    back = "insert into memoria.face_persons (id, event_id) values (:p, :e)"
    with pytest.raises(DBAPIError, match="erased from event .* for good"), conn.begin_nested():
        _do(conn, back, p=person, e=album.event)
    _do(conn, "delete from memoria.events where id = :e", e=album.event)
    assert one(conn, "select count(*) from memoria.erased_persons") == 0


def test_a_purge_passes_the_guard_for_what_it_erases_and_shuts_it_behind_itself(
    conn: sa.Connection, album: Album, user: UUID
) -> None:
    theirs = [both[1] for both in album.faces]
    mine = persons.current(conn, album.event)[album.faces[0][0]]
    other = persons.current(conn, album.event)[theirs[0]]
    decisions.assign(conn, album.event, mine, user, actor=ORGANISER)
    decisions.reject(conn, album.event, theirs[:1], mine, actor=ORGANISER)
    decisions.confirm(conn, album.event, theirs, other, actor=ORGANISER)
    _do(conn, "set constraints all immediate")
    _do(conn, "set local role memoria_service")
    receipt = one(conn, "select memoria.purge_face_data_for_user(:u, :e)", u=user, e=album.event)
    assert receipt.pop("erasure")
    assert receipt == {"persons": 1, "faces": 3, "embeddings": 3, "tags": 3}
    assert one(conn, "select max(cardinality(not_person_ids)) from memoria.faces") == 0
    for attempt in (
        "update memoria.faces set verdict = 'ignored', face_person_id = null",
        "delete from memoria.face_persons",
    ):
        with pytest.raises(DBAPIError, match="a human decided on it"), conn.begin_nested():
            _do(conn, attempt)


def test_a_user_of_another_event_is_untouched_by_a_purge(
    conn: sa.Connection, album: Album, user: UUID
) -> None:
    another = an_album(conn, 1)
    one(conn, "select memoria.purge_face_data_for_user(:u, :e)", u=user, e=another.event)
    assert _counts(conn, "faces", "tags", "persons") == [8, 3, 2]


def test_a_purge_in_an_archived_event_leaves_the_anonymous_counts_of_others(
    conn: sa.Connection, album: Album, user: UUID
) -> None:
    counts = "select array_agg(metadata order by id) from memoria.face_persons"
    before = one(conn, counts)
    _do(conn, "update memoria.events set status = 'archived'")
    purge = "select memoria.purge_face_data_for_user(:u, :e)"
    one(conn, purge, u=uuid4(), e=album.event)
    assert one(conn, counts) == before
    assert one(conn, purge, u=user, e=album.event)["persons"] == 1
    assert one(conn, "select sum(faces) from analytics.people") == 3


def test_a_reactivated_event_counts_no_face_that_is_not_there(
    conn: sa.Connection, album: Album
) -> None:
    media.save_failure(conn, album.photos[0], "unreadable", "why")
    for status in ("archived", "active"):
        _do(conn, "update memoria.events set status = :s", s=status)
    media.save_failure(conn, album.photos[1], "unreadable", "why")
    assert observed.of_photos(conn, album.event)["faces_miscounted"] == 0


@pytest.mark.parametrize("status", ["archived", "deleted"])
def test_archiving_removes_every_vector_and_keeps_tags_and_anonymous_counts(
    conn: sa.Connection, album: Album, user: UUID, status: str
) -> None:
    another = an_album(conn, 1)
    _do(conn, "set local role memoria_service")
    _do(conn, "update memoria.events set status = :s where id = :e", s=status, e=album.event)
    assert _counts(conn, "faces", "embeddings", "tags") == [2, 2, 3]
    assert (
        one(conn, "select sum(faces_found) from memoria.media where event_id = :e", e=album.event)
        == 6
    )
    assert one(conn, "select sum(faces) from analytics.people") == 6
    partition = one(conn, "select memoria.partition_name(:e)", e=album.event)
    assert one(conn, "select to_regclass('memoria.' || :name)", name=partition) is None
    _do(conn, "reset role")
    with pytest.raises(DBAPIError, match="no partition"), conn.begin_nested():
        media.save_analysis(conn, [analysed(album.photos[0], a_face())], PACK)
    assert media.pending(conn, another.event, PACK) == []


def test_an_event_made_active_again_is_analysed_again(conn: sa.Connection, album: Album) -> None:
    for status in ("archived", "active"):
        _do(conn, "update memoria.events set status = :s", s=status)
    assert [photo.id for photo in media.pending(conn, album.event, PACK)] == album.photos
    media.save_analysis(conn, [analysed(photo, a_face()) for photo in album.photos], PACK)
    assert _counts(conn, "faces", "persons") == [3, 2]


@pytest.mark.parametrize(
    ("role", "sees"),
    [
        ("organiser", {"media": 3, "faces": 6, "persons": 2, "tags": 3, "events": 1}),
        ("photographer", {"media": 3, "faces": 0, "persons": 0, "tags": 0, "events": 1}),
        ("member", {"media": 3, "faces": 0, "persons": 0, "tags": 0, "events": 1}),
        ("guest", {"media": 0, "faces": 0, "persons": 0, "tags": 0, "events": 1}),
        ("nobody", {"media": 0, "faces": 0, "persons": 0, "tags": 0, "events": 0}),
    ],
)
def test_each_role_sees_what_it_may(
    conn: sa.Connection, album: Album, user: UUID, role: str, sees: dict[str, int]
) -> None:
    another = an_album(conn, 1)
    event = album.event if role != "nobody" else another.event
    me = _join(conn, event, role) if role != "nobody" else uuid4()
    _as(conn, me)
    assert dict(zip(sees, _counts(conn, *sees), strict=True)) == sees


def test_a_tagged_guest_sees_the_guests_photos_and_faces_only(
    conn: sa.Connection, album: Album, user: UUID
) -> None:
    _do(conn, "delete from memoria.media_tags where media_id = :p", p=album.photos[0])
    _as(conn, user)
    assert _counts(conn, "media", "tags", "persons", "faces") == [2, 2, 0, 2]


@pytest.mark.parametrize(
    ("role", "attempt"),
    [
        ("authenticated", "select embedding from memoria.faces"),
        ("authenticated", "update memoria.media set storage_key = 'x'"),
        ("authenticated", "delete from memoria.faces"),
        ("authenticated", "insert into memoria.faces (event_id) values (gen_random_uuid())"),
        ("authenticated", "select token_hash from memoria.invitations"),
        ("authenticated", "select * from memoria.api_session('x')"),
        ("memoria_api", "select id from memoria.events"),
        (
            "authenticated",
            "select memoria.purge_face_data_for_user(gen_random_uuid(), gen_random_uuid())",
        ),
        ("authenticated", "select memoria.drop_event_partition(gen_random_uuid())"),
        ("authenticated", "select * from analytics.people"),
        ("authenticated", "select * from memoria.erasures"),
        ("authenticated", "delete from memoria.erased_persons"),
        ("memoria_service", "delete from memoria.erased_persons"),
        ("memoria_service", "insert into memoria.erased_persons values (gen_random_uuid())"),
        ("authenticated", "select photo_root from memoria.events"),
        ("anon", "select id from memoria.events"),
        ("memoria_analyst", "select embedding from memoria.faces"),
        ("memoria_analyst", "select name from memoria.events"),
        ("memoria_analyst", "select invitation_email from memoria.face_persons"),
        ("memoria_service", "update memoria.decisions set reason = 'x'"),
    ],
)
def test_what_no_one_granted_is_refused(
    conn: sa.Connection, album: Album, role: str, attempt: str
) -> None:
    _as(conn, _join(conn, album.event, "organiser"), role)
    with pytest.raises(DBAPIError, match="permission denied"):
        _do(conn, attempt)


def test_the_partition_of_an_event_is_closed_to_all_but_its_table(
    conn: sa.Connection, album: Album
) -> None:
    partition = one(conn, "select memoria.partition_name(:e)", e=album.event)
    for role in ("authenticated", "memoria_service", "memoria_analyst", "anon"):
        may = "select has_table_privilege(:r, 'memoria.' || :p, 'select')"
        assert one(conn, may, r=role, p=partition) is False


def test_the_analyst_reads_every_figure_and_they_add_up(conn: sa.Connection, album: Album) -> None:
    _do(
        conn,
        "insert into memoria.ml_jobs (job_type, event_id, status, started_at, completed_at, error)"
        " select 'detect', :e, s, now() - interval '2 s', now(), 'x'"
        " from unnest(array['completed', 'completed', 'completed', 'failed']) s",
        e=album.event,
    )
    _do(conn, "set local role memoria_analyst")
    jobs = conn.execute(sa.text("select * from analytics.jobs")).one()
    assert (jobs.completed, jobs.failed, float(jobs.failure_rate)) == (3, 1, 0.25)
    assert float(jobs.mean_seconds) == 2
    coverage = conn.execute(sa.text("select * from analytics.event_coverage")).one()
    assert (coverage.photos, coverage.photos_with_faces, float(coverage.coverage)) == (3, 3, 1)
    people = conn.execute(sa.text("select * from analytics.people")).one()
    assert (people.status, people.clusters, people.faces) == ("pending", 2, 6)
    last = conn.execute(sa.text("select * from analytics.last_clustering")).one()
    assert (last.silhouette, last.noise_ratio) == (0.5, 0.1)
    detection = conn.execute(sa.text("select * from analytics.detection")).one()
    assert float(detection.mean_faces_per_photo) == 2
    assert one(conn, "select count(*) from analytics.failed_jobs") == 1
    assert one(conn, "select switched_on from analytics.events_with_recognition") == 1


def test_no_view_of_the_analysts_names_anything_personal(conn: sa.Connection) -> None:
    columns = "select column_name from information_schema.columns where table_schema = 'analytics'"
    names = set(conn.scalars(sa.text(columns)))
    personal = {"embedding", "bbox", "landmarks", "name", "invitation_email", "linked_user_id"}
    assert len(names) > 15
    assert names & personal == set()
