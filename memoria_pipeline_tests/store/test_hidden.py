"""Who is hidden, and where: what viewers do not get of a photo, whatever became of its faces."""

from collections.abc import Collection
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.store import callers, decisions, hidden, media
from memoria_pipeline.store.hidden import box_of, hide, of_event, veil
from memoria_pipeline.vision.hide import WHOLE, Box
from memoria_pipeline_tests.store.factories import (
    LEFT,
    ORGANISER,
    PACK,
    RIGHT,
    Album,
    a_face,
    acting_as,
    an_album,
    analysed,
    faces_of,
    group,
    one,
    photos,
)
from memoria_pipeline_tests.store.test_deciding_as_people import join

MARIE, PAUL = uuid4(), uuid4()


def who(conn: sa.Connection, face: UUID) -> UUID:
    person: UUID = one(conn, "select face_person_id from memoria.faces where id = :f", f=face)
    return person


@pytest.fixture
def album(conn: sa.Connection) -> Album:
    """Marie is on the left of three photos, and hidden; Paul is on the right."""
    made = an_album(conn, 3)
    group(conn, made.event, [[pair[side] for pair in made.faces] for side in (0, 1)])
    for role, user in (("organiser", ORGANISER), ("guest", MARIE), ("member", PAUL)):
        join(conn, made.event, role, user)
    for side, user in ((0, MARIE), (1, PAUL)):
        decisions.assign(conn, made.event, who(conn, made.faces[0][side]), user, actor=ORGANISER)
    hide(conn, made.event, MARIE, hidden=True)
    return made


def _new(conn: sa.Connection, album: Album) -> UUID:
    """Another photo of the event, which nobody analysed yet."""
    keys = [f"{number:03}.jpg" for number in range(len(album.photos) + 1)]
    return photos(conn, album.event, *keys)[0]


def seen(conn: sa.Connection, album: Album, photo: UUID, *viewers: UUID) -> hidden.Shown:
    return veil(conn, album.event, photo).shown_to(lambda user: user in viewers)


def boxes(conn: sa.Connection, album: Album, photo: int = 0) -> tuple[Box, ...]:
    return seen(conn, album, album.photos[photo]).boxes


def erase(conn: sa.Connection, album: Album, user: UUID) -> UUID:
    made: UUID = one(
        conn,
        "select memoria.request_erasure('person', :e, :u, null, null, 'sql', 'request', :u)",
        e=album.event,
        u=user,
    )
    conn.execute(sa.text("select memoria.erase_rows(:r)"), {"r": made})
    return made


def test_everybody_but_the_person_and_the_organisers_gets_a_blurred_face(
    conn: sa.Connection, album: Album
) -> None:
    for photo in album.photos:
        assert seen(conn, album, photo).boxes == (LEFT,)
        assert seen(conn, album, photo, PAUL).boxes == (LEFT,)
        assert seen(conn, album, photo, MARIE) == hidden.Shown(everything=False)
        assert seen(conn, album, photo, ORGANISER) == hidden.Shown(everything=True)


def test_a_copy_for_one_person_leaves_out_others_who_are_hidden(
    conn: sa.Connection, album: Album
) -> None:
    keys = ["000.jpg", "001.jpg"]
    given = {user: hidden.by_key(conn, album.event, keys, user) for user in (PAUL, MARIE, None)}
    assert all(list(shown) == keys for shown in given.values())
    assert [each.boxes for each in given[PAUL].values()] == [(LEFT,)] * 2
    assert [each.boxes for each in given[MARIE].values()] == [()] * 2
    assert [each.boxes for each in given[None].values()] == [(LEFT,)] * 2


def test_who_is_not_an_organiser_any_more_gets_no_more_than_others(
    conn: sa.Connection, album: Album
) -> None:
    conn.execute(
        sa.text("update memoria.event_members set role = 'member' where user_id = :u"),
        {"u": ORGANISER},
    )
    assert seen(conn, album, album.photos[0], ORGANISER).boxes == (LEFT,)


def test_nothing_is_hidden_where_nobody_asked_for_it(conn: sa.Connection, album: Album) -> None:
    hide(conn, album.event, MARIE, hidden=False)
    assert seen(conn, album, album.photos[0]) == hidden.Shown(everything=False)
    assert of_event(conn, album.event) == {}


def test_who_was_merged_into_the_person_is_hidden_too(conn: sa.Connection, album: Album) -> None:
    photo = _new(conn, album)
    media.save_analysis(conn, [analysed(photo, a_face(RIGHT))], PACK)
    face = faces_of(conn, photo)[0]
    persons = [who(conn, album.faces[0][side]) for side in (0, 1)]
    group(conn, album.event, [*_sides(album), [face]], [*persons, None])
    assert seen(conn, album, photo).boxes == ()
    decisions.merge(conn, album.event, persons[0], who(conn, face), actor=ORGANISER)
    assert seen(conn, album, photo).boxes == (RIGHT,)


def test_a_group_that_may_be_them_is_hidden_until_somebody_says_that_it_is_not(
    conn: sa.Connection, album: Album
) -> None:
    photo = _new(conn, album)
    media.save_analysis(conn, [analysed(photo, a_face(RIGHT))], PACK)
    face = faces_of(conn, photo)[0]
    persons = [who(conn, album.faces[0][side]) for side in (0, 1)]
    group(conn, album.event, [*_sides(album), [face]], [*persons, None])
    asked = {"e": album.event, "p": [persons[0], persons[1], who(conn, face)]}
    conn.execute(
        sa.text(
            "insert into memoria.questions (event_id, rank, kind, persons)"
            " values (:e, 0, 'same_person', :p)"
        ),
        asked,
    )
    assert seen(conn, album, photo).boxes == (RIGHT,)
    assert boxes(conn, album) == (LEFT,)  # Paul is somebody already
    conn.execute(sa.text("update memoria.questions set answered_at = now(), answer = 'no'"))
    assert seen(conn, album, photo).boxes == ()


def _sides(album: Album) -> list[list[UUID]]:
    return [[pair[side] for pair in album.faces] for side in (0, 1)]


def test_a_face_that_is_nobodys_yet_may_be_theirs_but_not_what_is_no_face(
    conn: sa.Connection, album: Album
) -> None:
    photo = _new(conn, album)
    assert seen(conn, album, photo).withheld  # not analysed: nobody knows who is on it
    assert seen(conn, album, photo, ORGANISER) == hidden.Shown(everything=True)
    media.save_analysis(conn, [analysed(photo, a_face(RIGHT))], PACK)
    assert seen(conn, album, photo).boxes == (RIGHT,)
    decisions.not_a_face(conn, album.event, faces_of(conn, photo), actor=ORGANISER)
    assert seen(conn, album, photo).boxes == ()


def _tag(conn: sa.Connection, album: Album, photo: UUID, box: str | None) -> None:
    conn.execute(
        sa.text(
            "insert into memoria.media_tags (event_id, media_id, tagged_user_id,"
            " tagged_by_user_id, source, bbox)"
            " values (:e, :p, :u, :u, 'manual', cast(:b as jsonb))"
            " on conflict (media_id, tagged_user_id) do update"
            " set source = 'manual', bbox = excluded.bbox, face_id = null"
        ),
        {"e": album.event, "p": photo, "u": MARIE, "b": box},
    )


def test_a_tag_by_hand_hides_its_place_or_where_it_has_none_the_whole_photo(
    conn: sa.Connection, album: Album
) -> None:
    _tag(conn, album, album.photos[0], '{"x": 0.5, "y": 0.5, "w": 0.1, "h": 0.1}')
    assert boxes(conn, album) == (LEFT, (0.5, 0.5, 0.1, 0.1))
    _tag(conn, album, album.photos[1], None)
    assert boxes(conn, album, 1) == (LEFT,)  # it is known where they are on it
    photo = _new(conn, album)
    media.save_analysis(conn, [analysed(photo)], PACK)
    _tag(conn, album, photo, None)
    assert seen(conn, album, photo).boxes == (WHOLE,)
    _tag(conn, album, photo, '{"x": "here"}')
    assert seen(conn, album, photo).boxes == (WHOLE,)
    assert seen(conn, album, photo, MARIE).boxes == ()


def test_an_exact_copy_is_hidden_as_the_photo_that_it_is_a_copy_of(
    conn: sa.Connection, album: Album
) -> None:
    photo = _new(conn, album)
    conn.execute(
        sa.text("update memoria.media set status = 'duplicate', duplicate_of = :o where id = :p"),
        {"o": album.photos[0], "p": photo},
    )
    shown = seen(conn, album, photo)
    assert shown.boxes == (LEFT,)
    assert shown.sha256 == album.photos[0].hex * 2


def test_an_archive_keeps_what_is_hidden_and_no_vector(conn: sa.Connection, album: Album) -> None:
    _archive(conn, album)
    assert one(conn, "select count(*) from memoria.faces where event_id = :e", e=album.event) == 0
    for photo in range(3):
        assert boxes(conn, album, photo) == (LEFT,)
    assert seen(conn, album, album.photos[0], MARIE).boxes == ()
    columns = one(
        conn,
        "select string_agg(column_name, ' ' order by column_name) from information_schema.columns"
        " where table_schema = 'memoria' and table_name = 'hidden_boxes'",
    )
    assert columns == "bbox event_id id media_id sha256 user_id"


def _archive(conn: sa.Connection, album: Album) -> None:
    conn.execute(
        sa.text("update memoria.events set status = 'archived' where id = :e"), {"e": album.event}
    )


def test_who_is_hidden_and_erased_stays_hidden_under_nobodys_id(
    conn: sa.Connection, album: Album
) -> None:
    empty = _photo_without_faces(conn, album)
    _tag(conn, album, empty, None)
    pseudonym = erase(conn, album, MARIE)
    for photo in range(3):
        assert boxes(conn, album, photo) == (LEFT,)
    assert seen(conn, album, empty).boxes == (WHOLE,)
    assert seen(conn, album, album.photos[0], MARIE).boxes == (
        LEFT,
    )  # they left: a viewer like any
    assert set(of_event(conn, album.event)) == {pseudonym}
    for table in ("hidden", "hidden_boxes", "audit"):
        assert _mentions(conn, table, [MARIE]) == 0
    assert who(conn, album.faces[0][1])  # Paul is there
    assert _mentions(conn, "media_tags", [PAUL]) == 3


def _photo_without_faces(conn: sa.Connection, album: Album) -> UUID:
    photo = _new(conn, album)
    media.save_analysis(conn, [analysed(photo)], PACK)
    return photo


def _mentions(conn: sa.Connection, table: str, ids: Collection[UUID]) -> int:
    query = f"select count(*) from memoria.{table} t where t::text ~ :ids"  # noqa: S608
    found_: int = one(conn, query, ids="|".join(map(str, ids)))
    return found_


def test_the_erasure_of_photos_leaves_who_is_hidden_hidden(
    conn: sa.Connection, album: Album
) -> None:
    made = one(
        conn,
        "select memoria.request_erasure('photos', :e, null, null, :p, 'sql', 'request', null)",
        e=album.event,
        p=[album.photos[0]],
    )
    conn.execute(sa.text("select memoria.erase_rows(:r)"), {"r": made})
    assert faces_of(conn, album.photos[0]) == []
    assert boxes(conn, album) == (LEFT,)
    assert boxes(conn, album, 1) == (LEFT,)


def test_of_an_erased_event_nothing_is_left_of_who_was_hidden(
    conn: sa.Connection, album: Album
) -> None:
    _archive(conn, album)
    made = one(
        conn,
        "select memoria.request_erasure('event', :e, null, null, null, 'sql', 'request', :u)",
        e=album.event,
        u=ORGANISER,
    )
    conn.execute(sa.text("select memoria.erase_rows(:r)"), {"r": made})
    for table in ("hidden", "hidden_boxes", "audit"):
        assert _mentions(conn, table, [MARIE, PAUL, ORGANISER, *album.photos]) == 0


def test_shown_again_takes_the_boxes_along_and_leaves_others_hidden(
    conn: sa.Connection, album: Album
) -> None:
    hide(conn, album.event, PAUL, hidden=True)
    _archive(conn, album)
    assert boxes(conn, album) == (LEFT, RIGHT)
    hide(conn, album.event, MARIE, hidden=False)
    with acting_as(conn, MARIE):  # nobody's word but theirs: the owner here is nobody
        hide(conn, album.event, MARIE, hidden=True)
        hide(conn, album.event, MARIE, hidden=False)
    assert boxes(conn, album) == (RIGHT,)


def test_a_member_hides_themselves_and_organisers_hide_others(
    conn: sa.Connection, album: Album
) -> None:
    with acting_as(conn, PAUL):
        assert hide(conn, album.event, PAUL, hidden=True)
        assert of_event(conn, album.event) == {PAUL: True}  # not who else is
    with acting_as(conn, ORGANISER):
        assert hide(conn, album.event, PAUL, hidden=False)  # it is not theirs to take back
        assert not hide(conn, album.event, MARIE, hidden=False)
        assert hide(conn, album.event, MARIE, hidden=True)
        assert of_event(conn, album.event) == {MARIE: False, PAUL: True}
    with acting_as(conn, MARIE):
        assert hide(conn, album.event, MARIE, hidden=True)  # now it is by herself
    assert of_event(conn, album.event)[MARIE]
    with acting_as(conn, PAUL):
        assert not hide(conn, album.event, PAUL, hidden=False)


@pytest.mark.parametrize(
    ("caller", "user"), [(PAUL, MARIE), (uuid4(), MARIE), (ORGANISER, uuid4())]
)
def test_nobody_else_says_who_is_hidden(
    conn: sa.Connection, album: Album, caller: UUID, user: UUID
) -> None:
    for on in (True, False):
        attempt = conn.begin_nested()
        callers.become(conn, caller)
        with pytest.raises(DBAPIError, match="say who is shown"):
            hide(conn, album.event, user, hidden=on)
        attempt.rollback()


@pytest.mark.parametrize("given", [None, [], {}, {"x": 0, "y": 0, "w": 1}, {"x": "0", "y": 0}])
def test_a_box_that_cannot_be_read_is_the_whole_photo(given: object) -> None:
    assert box_of(given) == WHOLE
