"""The ledger of consents, selfies, and the mode in which strangers are forgotten."""

from uuid import UUID, uuid4

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.errors import ConsentError
from memoria_pipeline.privacy.consent import Said, stands
from memoria_pipeline.store import beside, checks, consents, events, media, observed, references
from memoria_pipeline.vision.model import Face
from memoria_pipeline_tests.store.factories import (
    LEFT,
    PACK,
    RIGHT,
    a_face,
    acting_as,
    an_album,
    an_event,
    analysed,
    faces_of,
    group,
    one,
    photos,
)

NOBODY = UUID(int=0)
YES = Said(0, "own_photos", True, "2026-1", "fr")
EVERYWHERE = Said(0, "other_events", True, "2026-1", "fr")


def do(conn: sa.Connection, statement: str, **values: object) -> None:
    conn.execute(sa.text(statement), values)


def join(conn: sa.Connection, event: UUID, role: str = "guest", user: UUID | None = None) -> UUID:
    who = user or uuid4()
    added = "insert into memoria.event_members (event_id, user_id, role) values (:e, :u, :r)"
    do(conn, added, e=event, u=who, r=role)
    return who


def forgetful(conn: sa.Connection) -> UUID:
    event = an_event(conn)
    do(conn, "update memoria.events set analysis_mode = 'match_and_forget' where id = :e", e=event)
    return event


def agree(conn: sa.Connection, event: UUID, user: UUID, said: Said = YES) -> None:
    with acting_as(conn, user):
        consents.give(conn, event, user, said)


def selfie(conn: sa.Connection, event: UUID, user: UUID, face: Face | None = None) -> UUID:
    agree(conn, event, user)
    return consents.keep_selfie(conn, event, user, face or a_face(), PACK)


def take_back(
    conn: sa.Connection, event: UUID, user: UUID, what: str = "own_photos"
) -> UUID | None:
    with acting_as(conn, user):
        return consents.take_back(conn, event, what, "page")  # type: ignore[arg-type]


def ledger(conn: sa.Connection, event: UUID) -> list[tuple[object, ...]]:
    query = (
        "select user_id, given, text_version, language from memoria.consents"
        " where event_id = :e and purpose = 'grouping' order by seq"
    )
    return [tuple(row) for row in conn.execute(sa.text(query), {"e": event})]


def like(face: Face, box: tuple[float, float, float, float]) -> Face:
    """The same person on another photo."""
    other = a_face(box)
    vector = face.embedding + np.float32(0.2) * other.embedding
    near = (vector / np.linalg.norm(vector)).astype(np.float32)
    return Face(other.detection, other.quality, other.quality_class, near)


def test_every_turn_of_the_switch_is_in_the_ledger_whoever_turns_it(conn: sa.Connection) -> None:
    event = an_event(conn, consent=False)
    organiser = join(conn, event, "organiser")
    assert ledger(conn, event) == []
    turn = "update memoria.events set face_recognition_enabled = :on where id = :e"
    do(conn, turn, on=True, e=event)
    with acting_as(conn, organiser):
        consents.saying(conn, "2026-1", "fr")
        do(conn, turn, on=False, e=event)
        do(conn, turn, on=False, e=event)
    assert ledger(conn, event) == [
        (NOBODY, True, "sql", None),
        (organiser, False, "2026-1", "fr"),
    ]


def test_an_event_made_with_the_switch_on_says_who_agreed_to_which_text(
    conn: sa.Connection,
) -> None:
    user = uuid4()
    make = "select memoria.api_create_event(:u, 'Noces', null, true, '2026-1', 'fr', '/noces')"
    event = one(conn, make, u=user)
    assert ledger(conn, event) == [(user, True, "2026-1", "fr")]
    assert one(conn, "select memoria.current_user_id()") is None


def test_nobody_rewrites_the_ledger(conn: sa.Connection) -> None:
    event = an_event(conn)
    user = join(conn, event)
    agree(conn, event, user)
    for role in ("memoria_service", "authenticated"):
        for change in ("update memoria.consents set given = false", "delete from memoria.consents"):
            rewrite = f"set local role {role}; {change}"
            with pytest.raises(DBAPIError, match="permission denied"), conn.begin_nested():
                do(conn, rewrite)


def test_a_member_speaks_for_nobody_else_and_not_for_the_switch(conn: sa.Connection) -> None:
    event = an_event(conn)
    user, other = join(conn, event, "organiser"), join(conn, event)
    switch = Said(0, "grouping", True, "2026-1")
    for who, said in ((other, YES), (user, switch)):
        with (
            pytest.raises(DBAPIError, match="row-level"),
            conn.begin_nested(),
            acting_as(conn, user),
        ):
            consents.give(conn, event, who, said)


def test_a_minor_without_a_guardian_is_not_in_the_ledger(conn: sa.Connection) -> None:
    event = an_event(conn)
    user = join(conn, event)
    alone = Said(0, "own_photos", True, "2026-1", minor=True)
    with pytest.raises(DBAPIError, match="minor_has_guardian"), conn.begin_nested():
        agree(conn, event, user, alone)
    agree(conn, event, user, Said(0, "own_photos", True, "2026-1", minor=True, guardian=True))
    assert one(conn, "select memoria.agrees(:u, :e, 'own_photos')", u=user, e=event)


def test_the_newest_word_counts_and_two_of_one_moment_have_an_order(conn: sa.Connection) -> None:
    event = an_event(conn)
    user = join(conn, event)
    agree(conn, event, user)
    agree(conn, event, user, EVERYWHERE)
    assert take_back(conn, event, user, "other_events") is None
    with acting_as(conn, user):
        said = consents.mine(conn, event, user)
    assert (stands(said, "own_photos"), stands(said, "other_events")) == (True, False)
    assert [each.given for each in said] == [False, True, True]


def test_a_selfie_is_a_face_of_a_person_and_no_photo_of_the_event(conn: sa.Connection) -> None:
    album = an_album(conn)
    group(conn, album.event, [[f[0] for f in album.faces], [f[1] for f in album.faces]])
    user, organiser = join(conn, album.event), join(conn, album.event, "organiser")
    made = selfie(conn, album.event, user)
    who = "select face_person_id from memoria.faces where media_id = :m and verdict = 'person'"
    person = one(conn, who, m=made)
    of = "select linked_user_id from memoria.face_persons where id = :p and status = 'linked'"
    assert one(conn, of, p=person) == user
    assert media.summary(conn, album.event).total == 3
    assert checks.faces_not_as_decided(conn, album.event) == 0
    assert observed.of_photos(conn, album.event)["faces_miscounted"] == 0
    assert one(conn, "select count(*) from memoria.media_tags") == 0
    assert (
        one(
            conn,
            "select metadata ->> 'face_count' from memoria.face_persons where id = :p",
            p=person,
        )
        == "0"
    )
    with acting_as(conn, user):
        found = consents.selfie(conn, album.event)
        assert found is not None
        assert found.id == made
    with acting_as(conn, organiser):
        assert one(conn, "select count(*) from memoria.media") == 3
        assert consents.selfie(conn, album.event) is None


def test_a_listing_of_the_folder_leaves_the_selfie_alone(conn: sa.Connection) -> None:
    event = an_event(conn)
    photos(conn, event, "a.jpg")
    made = selfie(conn, event, join(conn, event))
    photos(conn, event, "b.jpg")
    assert one(conn, "select status from memoria.media where id = :m", m=made) == "selfie"
    assert one(conn, "select count(*) from memoria.faces where media_id = :m", m=made) == 1


def test_a_new_selfie_takes_the_place_of_the_old_one_and_keeps_the_person(
    conn: sa.Connection,
) -> None:
    event = an_event(conn)
    user = join(conn, event)
    first = selfie(conn, event, user)
    second = selfie(conn, event, user)
    assert first != second
    assert one(conn, "select array_agg(id) from memoria.media") == [second]
    assert one(conn, "select count(*) from memoria.face_persons") == 1
    assert checks.faces_not_as_decided(conn, event) == 0


def test_without_consent_or_with_the_switch_off_no_selfie_is_kept(conn: sa.Connection) -> None:
    event = an_event(conn)
    user = join(conn, event)
    with pytest.raises(DBAPIError, match="no consent"), conn.begin_nested():
        consents.keep_selfie(conn, event, user, a_face(), PACK)
    agree(conn, event, user)
    events.switch(conn, event, on=False)
    with pytest.raises(DBAPIError, match="switched off"), conn.begin_nested():
        consents.keep_selfie(conn, event, user, a_face(), PACK)
    assert one(conn, "select count(*) from memoria.media") == 0


def test_taking_consent_back_erases_the_face_and_leaves_the_others_and_the_membership(
    conn: sa.Connection,
) -> None:
    album = an_album(conn)
    user, other = join(conn, album.event), join(conn, album.event)
    selfie(conn, album.event, user)
    kept = selfie(conn, album.event, other)
    request = take_back(conn, album.event, user)
    why = "select scope || ' ' || reason || ' ' || source from memoria.erasures where id = :r"
    assert one(conn, why, r=request) == "person withdrawn page"
    assert one(conn, "select array_agg(id) from memoria.media where status = 'selfie'") == [kept]
    assert one(conn, "select count(*) from memoria.faces") == 7
    assert one(conn, "select count(*) from memoria.face_persons") == 1
    assert one(conn, "select count(*) from memoria.event_members where user_id = :u", u=user) == 1
    proof = "select array_agg(given order by seq) from memoria.consents where user_id = :u"
    assert one(conn, proof, u=user) is None
    assert one(conn, proof, u=request) == [True, False]
    assert one(conn, proof, u=other) == [True]
    assert take_back(conn, album.event, user) is None


def test_an_archived_event_has_no_selfie(conn: sa.Connection) -> None:
    event = an_event(conn)
    selfie(conn, event, join(conn, event))
    do(conn, "update memoria.events set status = 'archived' where id = :e", e=event)
    assert one(conn, "select count(*) from memoria.media") == 0


def test_an_event_that_forgets_takes_only_faces_of_members_who_agreed(conn: sa.Connection) -> None:
    event = forgetful(conn)
    user = join(conn, event)
    mine = a_face(LEFT)
    selfie(conn, event, user, mine)
    [photo] = photos(conn, event, "a.jpg")
    stranger = "event .*: only faces of members who agreed"
    with pytest.raises(DBAPIError, match=stranger), conn.begin_nested():
        media.save_analysis(conn, [analysed(photo, like(mine, LEFT), a_face(RIGHT))], PACK)
    known = references.load(conn, event, PACK)
    assert list(known.persons) == [user]
    again = like(mine, LEFT)
    person = references.persons(conn, event, [user])[user]
    result = media.Analysed(photo, photo.hex * 2, 640, 480, 0.1, [again], whose={again: person})
    media.save_analysis(conn, [result], PACK)
    whose = "select face_person_id from memoria.faces where media_id = :m"
    assert one(conn, whose, m=photo) == person
    with pytest.raises(ConsentError, match="forgets"):
        beside.start(conn, event, "another")


def test_a_match_that_a_human_takes_back_is_forgotten_too(conn: sa.Connection) -> None:
    event = forgetful(conn)
    user = join(conn, event)
    selfie(conn, event, user)
    [photo] = photos(conn, event, "a.jpg")
    person = references.persons(conn, event, [user])[user]
    face = a_face(LEFT)
    result = media.Analysed(photo, photo.hex * 2, 640, 480, 0.1, [face], whose={face: person})
    media.save_analysis(conn, [result], PACK)
    assert references.forget_others(conn, event) == 0
    do(
        conn,
        "update memoria.faces set face_person_id = null, machine_person_id = null"
        " where media_id = :m",
        m=photo,
    )
    assert references.forget_others(conn, event) == 1
    assert faces_of(conn, photo) == []
    assert one(conn, "select faces_found from memoria.media where id = :m", m=photo) == 0
    assert one(conn, "select count(*) from memoria.faces") == 1


def test_the_mode_is_chosen_before_strangers_are_stored(conn: sa.Connection) -> None:
    album = an_album(conn)
    forget = "update memoria.events set analysis_mode = 'match_and_forget' where id = :e"
    with pytest.raises(DBAPIError, match="stored already"), conn.begin_nested():
        do(conn, forget, e=album.event)
    empty = an_event(conn)
    do(conn, forget, e=empty)
    assert events.get(conn, empty).forgets


def test_a_new_selfie_lets_an_event_that_forgets_look_at_its_photos_again(
    conn: sa.Connection,
) -> None:
    event = forgetful(conn)
    [photo] = photos(conn, event, "a.jpg")
    media.save_analysis(conn, [analysed(photo)], PACK)
    assert media.pending(conn, event, PACK) == []
    selfie(conn, event, join(conn, event))
    assert [each.id for each in media.pending(conn, event, PACK)] == [photo]


def test_faces_of_other_events_are_compared_only_where_their_owner_agreed(
    conn: sa.Connection,
) -> None:
    there, here = an_event(conn), forgetful(conn)
    user = join(conn, there)
    join(conn, here, user=user)
    selfie(conn, there, user)
    agree(conn, here, user)
    assert list(references.load(conn, here, PACK).persons) == []
    agree(conn, here, user, EVERYWHERE)
    assert list(references.load(conn, here, PACK).persons) == [user]
    assert list(references.load(conn, here, "another").persons) == []
    do(conn, "update memoria.events set status = 'archived' where id = :e", e=there)
    assert list(references.load(conn, here, PACK).persons) == []


def test_what_organisers_confirmed_does_not_rest_on_consent_to_other_events(
    conn: sa.Connection,
) -> None:
    full, forgets = an_event(conn), forgetful(conn)
    user = join(conn, full)
    join(conn, forgets, user=user)
    for event in (full, forgets):
        agree(conn, event, user, EVERYWHERE)
    assert take_back(conn, full, user, "other_events") is None
    assert take_back(conn, forgets, user, "other_events") is not None
