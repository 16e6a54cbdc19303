"""After a restore: who was erased goes again, who came again stays."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from memoria_pipeline.privacy.receipt import Keys, Signed
from memoria_pipeline.privacy.replay import Again, Somebody, again, events

KEYS = Keys("a" * 32, "b" * 32)
ERASED = datetime(2026, 6, 1, 12, tzinfo=UTC)
BEFORE, AFTER = ERASED - timedelta(days=1), ERASED + timedelta(days=1)
EVENT = uuid4()


def a_receipt(scope: str = "person", reason: str = "request", **subjects: Any) -> Signed:
    hashed = KEYS.subjects(EVENT, **subjects)
    moment = ERASED.isoformat()
    told = {"scope": scope, "event": str(EVENT), "rows_at": moment, "subjects": hashed}
    return KEYS.sign({"completed_at": moment, "reason": reason, **told})


def a_user(id_: UUID, since: datetime = BEFORE, email: str | None = None) -> Somebody:
    return Somebody(EVENT, "user", id_, email, since)


def test_who_was_erased_is_found_by_any_of_their_hashes_and_nobody_else_is() -> None:
    user, person, photo = uuid4(), uuid4(), uuid4()
    receipts = [a_receipt(users=[user], emails=["ada@example.org"]), a_receipt(persons=[person])]
    receipts.append(a_receipt("photos", photos=[photo]))
    there = [
        a_user(user),
        a_user(uuid4()),
        Somebody(EVENT, "person", person, None, BEFORE),
        Somebody(EVENT, "person", uuid4(), None, BEFORE),
        Somebody(EVENT, "photo", photo, None, BEFORE),
        Somebody(uuid4(), "user", user, "ada@example.org", BEFORE),
    ]
    assert again(receipts, there, KEYS) == {EVENT: Again({user}, {person}, {photo})}


def test_an_address_finds_a_user_whose_id_is_another_one_now() -> None:
    other = uuid4()
    found = again(
        [a_receipt(emails=["ada@example.org"])], [a_user(other, email="ada@example.org")], KEYS
    )
    assert found[EVENT].users == {other}


def test_who_came_again_after_the_erasure_stays() -> None:
    user = uuid4()
    assert again([a_receipt(users=[user])], [a_user(user, AFTER)], KEYS) == {}


def test_who_only_took_a_consent_back_loses_no_membership_by_a_restore() -> None:
    stays, left, person = uuid4(), uuid4(), uuid4()
    receipts = [a_receipt(reason="withdrawn", users=[stays, left], persons=[person])]
    there = [a_user(stays), a_user(left), Somebody(EVENT, "person", person, None, BEFORE)]
    receipts.append(a_receipt(users=[left]))
    found = again(receipts, there, KEYS)
    assert found == {EVENT: Again({left}, {person}, withdrew={stays})}


def test_events_and_archives_are_found_without_a_hash() -> None:
    whole = Somebody(EVENT, "event", EVENT, None, BEFORE)
    faces = Somebody(EVENT, "archive", EVENT, None, BEFORE)
    assert again([a_receipt("event")], [whole], KEYS)[EVENT].whole
    found = again([a_receipt("archive")], [whole, faces], KEYS)
    assert found == {EVENT: Again(archive=True)}
    assert (
        again([a_receipt("archive")], [Somebody(EVENT, "archive", EVENT, None, AFTER)], KEYS) == {}
    )


def test_the_events_of_receipts_are_each_named_once() -> None:
    assert events([a_receipt(), a_receipt("event")]) == [EVENT]
