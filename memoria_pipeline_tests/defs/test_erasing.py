"""Erasures carried out to their end: killed, doubled, under way; what is gone and what survives."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg
import pytest
import sqlalchemy as sa

from memoria_pipeline.defs.erasing import carry_out
from memoria_pipeline.errors import ErasureError
from memoria_pipeline.privacy import receipt as receipts
from memoria_pipeline.store import db, erasure, ledger, recount, rewrite
from memoria_pipeline_tests.defs.erased import KEYS, Guest, Office

STEPS = ("rows", "files", "recount", "forget", "bytes", "ledger", "finish")


@pytest.fixture(scope="module")
def office(
    module_database: sa.Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Office(module_database, tmp_path_factory.mktemp("home"), instance)


class Killed(BaseException):
    """As kill -9: nothing of ours catches it."""


def counts(office: Office, guest: Guest) -> dict[str, int]:
    """What there is of the guest, and of everybody else of the event."""
    row = office.one(
        "select jsonb_build_object("
        " 'faces', (select count(*) from memoria.faces where event_id = :e),"
        " 'persons', (select count(*) from memoria.face_persons where event_id = :e),"
        " 'members', (select count(*) from memoria.event_members where event_id = :e),"
        " 'photos', (select count(*) from memoria.media where event_id = :e),"
        " 'tags', (select count(*) from memoria.media_tags where event_id = :e),"
        " 'theirs', (select count(*) from memoria.event_members where user_id = :u))",
        e=guest.event,
        u=guest.user,
    )
    return dict(row)


LEFT_OVER = {"faces": 3, "persons": 1, "members": 1, "photos": 3, "tags": 0, "theirs": 0}


def test_the_receipt_says_what_went_and_not_whose_it_was(office: Office) -> None:
    guest = office.guest()
    asked = office.ask(guest)
    assert carry_out(office.work, [asked]) == {"erasures": 1, "had been done": 0}
    done = office.erasure(asked)
    assert counts(office, guest) == LEFT_OVER
    assert done.status == "completed"
    assert (done.counts["faces"], done.counts["persons"], done.counts["tags"]) == (3, 1, 3)
    assert done.signed is not None
    receipts.verify(done.signed, KEYS.public)
    assert ledger.of(office.work.ledger, asked) == done.signed
    told = json.dumps(done.signed.as_table())
    for secret in (str(guest.user), guest.email, str(guest.person), guest.user.hex):
        assert secret not in told
    assert KEYS.hashed(guest.event, "user", str(guest.user)) == done.subject_hash
    assert done.subject_hash in done.signed.receipt["subjects"]
    assert office.one("select count(*) from memoria.erasure_requests") == 0


def test_erasing_twice_says_the_same_and_signs_one_receipt_each(office: Office) -> None:
    guest = office.guest()
    first = office.ask(guest)
    carry_out(office.work, [first])
    before = office.erasure(first)
    assert carry_out(office.work, [first]) == {"erasures": 0, "had been done": 1}
    assert office.erasure(first) == before
    again = office.ask(guest)
    carry_out(office.work, [again])
    assert office.erasure(again).subject_hash == before.subject_hash
    assert counts(office, guest) == LEFT_OVER


@pytest.mark.parametrize("step", STEPS)
def test_killed_after_any_step_and_begun_again_there_is_one_receipt_with_the_same_counts(
    office: Office, step: str
) -> None:
    guest = office.guest()
    asked = office.ask(guest)

    def kill(done: str) -> None:
        if done == step:
            raise Killed

    with pytest.raises(Killed):
        carry_out(office.told(kill).work, [asked])
    carry_out(office.work, [asked])
    done = office.erasure(asked)
    assert (done.counts["faces"], done.counts["persons"], done.counts["tags"]) == (3, 1, 3)
    assert done.status == "completed"
    written = [each for each in ledger.read(office.work.ledger) if each.receipt["id"] == str(asked)]
    assert written == [done.signed]
    assert counts(office, guest) == LEFT_OVER


def test_two_who_erase_the_same_at_once_leave_one_receipt(office: Office) -> None:
    guest, other = office.guest(), office.guest()
    asked = [office.ask(guest), office.ask(other)]
    said: list[dict[str, int]] = []

    def work(ids: list[UUID]) -> None:
        said.append(carry_out(office.work, ids))

    both = [threading.Thread(target=work, args=(ids,)) for ids in (asked, asked[::-1])]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sum(each["erasures"] for each in said) == 2
    named = [each.receipt["id"] for each in ledger.read(office.work.ledger)]
    assert [named.count(str(each)) for each in asked] == [1, 1]


def test_one_that_fails_stops_no_other_and_stays_open_with_its_reason(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = office.ask(office.guest()), office.ask(office.guest())
    counted = recount.recount
    theirs = office.erasure(bad).event_id

    def finds(conn: Any, about: Any, event: UUID | None) -> dict[str, int]:
        found = counted(conn, about, event)
        return {**found, "memoria.invented.column": 1} if event == theirs else found

    monkeypatch.setattr(recount, "recount", finds)
    with pytest.raises(ErasureError, match="1 of 2"):
        carry_out(office.work, [bad, good])
    assert office.erasure(good).status == "completed"
    failed = office.erasure(bad)
    assert (failed.status, failed.attempts, failed.error) == ("failed", 1, "ErasureError")
    monkeypatch.undo()
    carry_out(office.work, [bad])
    assert office.erasure(bad).status == "completed"


def test_mails_that_wait_and_words_in_logs_go_and_those_of_others_stay(office: Office) -> None:
    guest = office.guest()
    office.mail_to(guest.email)
    office.mail_to("somebody.else@example.org", f"From {guest.email}: é, come and see.")
    office.mail_to("another@example.org")
    log = office.home / "logs" / "review.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text(f"before {guest.user} {guest.email.upper()} {guest.user.hex} after\n")
    asked = office.ask(guest)
    carry_out(office.work, [asked])
    [left] = (office.home / "outbox").glob("*.eml")
    assert b"another@example.org" in left.read_bytes()
    said = log.read_text()
    assert said.startswith("before ***")
    assert said.endswith("*** after\n")
    assert len(said) == len(f"before {guest.user} {guest.email} {guest.user.hex} after\n")
    signed = office.erasure(asked).signed
    assert signed is not None
    assert signed.receipt["files"] == {"photos": 0, "mails": 2, "masked": 3, "album": 0}


def test_an_event_goes_with_its_uploads_and_leaves_a_husk(office: Office) -> None:
    root = office.home / "photos" / "0123"
    root.mkdir(parents=True)
    (root / "a.jpg").write_bytes(b"a photo")
    guest, other = office.guest(root=root), office.guest()
    office.instance.add_dynamic_partitions("events", [str(guest.event), str(other.event)])
    asked = office.ask(guest, "event")
    carry_out(office.work, [asked])
    assert not root.exists()
    assert office.instance.get_dynamic_partitions("events") == [str(other.event)]
    assert set(counts(office, guest).values()) == {0}
    assert counts(office, other)["faces"] == 6
    husk = "select array[status, name, photo_root] from memoria.events where id = :e"
    assert office.one(husk, e=guest.event) == ["deleted", "Erased event", None]
    signed = office.erasure(asked).signed
    assert signed is not None
    assert signed.receipt["files"]["photos"] == 1


def test_an_album_that_is_not_ours_is_left_and_the_receipt_says_so(
    office: Office, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a photo")
    guest = office.guest(root=tmp_path)
    asked = office.ask(guest, "event")
    carry_out(office.work, [asked])
    assert (tmp_path / "a.jpg").exists()
    signed = office.erasure(asked).signed
    assert signed is not None
    assert any("organiser's own folder" in each for each in signed.receipt["left"])


def test_who_still_sees_the_erased_is_waited_for_and_not_for_ever(office: Office) -> None:
    guest = office.guest()
    asked = office.ask(guest)
    with office.engine.connect() as old:
        old.execute(sa.text("set transaction isolation level repeatable read"))
        old.execute(sa.text("select count(*) from memoria.events"))
        with db.connect(office.engine) as conn:
            erasure.erase_rows(conn, asked)
        with pytest.raises(ErasureError, match="began before"):
            rewrite.rewrite(db.engine(office.url), [guest.event], 10**8, patience=0.2)
    carry_out(office.work, [asked])
    assert office.erasure(asked).status == "completed"


def test_a_receipt_that_somebody_else_wrote_into_the_ledger_is_never_the_erasures(
    office: Office,
) -> None:
    asked, path = office.ask(office.guest()), office.work.ledger
    before = path.read_bytes() if path.exists() else b""
    forged = receipts.Keys("x" * 32, "y" * 32).sign({"id": str(asked), "rows": {"faces": 0}})
    ledger.append(path, forged)
    with pytest.raises(ErasureError, match="1 of 1"):
        carry_out(office.work, [asked])
    assert (office.erasure(asked).status, office.erasure(asked).signature) == ("failed", None)
    path.write_bytes(before)
    assert carry_out(office.work, [asked])["erasures"] == 1
    assert ledger.of(path, asked) == office.erasure(asked).signed
