"""Whenever somebody is erased from an event that is worked on, nothing brings them back, and all
others have what they have without."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from memoria_pipeline.store import db, erasure
from memoria_pipeline.store.recount import recount
from memoria_pipeline_tests.defs.erased_midway import Interrupted, Moments, Party, a_party

EVERY = 4
"""Of the moments one in so many, or it would take a minute: set it to 1 after a change here."""

_OTHERS = {
    "faces": "select m.storage_key, f.verdict, f.quality_score, p.linked_user_id, p.status"
    " from memoria.faces f join memoria.media m on m.id = f.media_id"
    " left join memoria.face_persons p on p.id = f.face_person_id"
    " where f.event_id = :e and (f.bbox ->> 'x')::real > .5",
    "tags": "select m.storage_key, t.source, t.tagged_by_user_id from memoria.media_tags t"
    " join memoria.media m on m.id = t.media_id"
    " where t.event_id = :e and t.tagged_user_id = :stays",
    "people": "select p.status, p.metadata, p.human_touched from memoria.face_persons p"
    " where p.event_id = :e and p.linked_user_id = :stays",
    "photos": "select m.storage_key, m.status, m.sha256, m.face_model from memoria.media m"
    " where m.event_id = :e",
    "decisions": "select d.kind, d.actor_id from memoria.decisions d join memoria.face_persons p"
    " on p.id = d.person_id where d.event_id = :e and p.linked_user_id = :stays",
    "members": "select role from memoria.event_members where event_id = :e and user_id <> :guest",
}
# A photo that comes after the erasure shows somebody whom nobody knows (any more).
_BACK = sa.text(
    "select count(*) from memoria.faces f join memoria.media m on m.id = f.media_id"
    " where f.event_id = :e and (f.bbox ->> 'x')::real < .5 and m.storage_key <> 'late.jpg'"
)
_KEPT = {"erased_persons", "erasure_requests", "opened"}


def others(conn: sa.Connection, party: Party) -> dict[str, list[str]]:
    """What all but the guest have."""
    about = {"e": party.event, "stays": party.stays, "guest": party.guest}
    return {
        name: sorted(str(tuple(row)).replace(str(party.stays), "U") for row in rows)
        for name, rows in ((n, conn.execute(sa.text(q), about)) for n, q in _OTHERS.items())
    }


def residues(conn: sa.Connection, words: list[str]) -> list[str]:
    """Tables with a row that holds any of these, whatever its columns are."""
    tables = conn.scalars(
        sa.text(
            "select relname from pg_class where relnamespace = 'memoria'::regnamespace"
            " and relkind in ('r', 'p') and not relispartition"
        )
    ).all()
    found = []
    for table in sorted(set(tables) - _KEPT):
        holds = f"select 1 from memoria.{table} t where t::text like any (:like) limit 1"  # noqa: S608
        if conn.scalar(sa.text(holds), {"like": [f"%{word}%" for word in words]}):
            found.append(table)
    return found


@pytest.fixture(scope="module")
def url(module_database: sa.Engine) -> Iterator[str]:
    made = module_database.url.render_as_string(hide_password=False)
    yield made
    db.engine(made).dispose()


@pytest.fixture(scope="module")
def without(url: str) -> tuple[int, dict[str, list[str]]]:
    """How many moments there are, and what the others have where nobody is erased."""
    party, moments = a_party(url), Moments()
    party.life(Interrupted(url, moments=moments))
    with db.connect(db.engine(url)) as conn:
        return moments.seen, others(conn, party)


def lived(url: str, when: int) -> tuple[Party, Any]:
    party = a_party(url)
    asked: list[Any] = []
    moments = Moments(when, lambda: asked.append(party.erase()))
    party.life(Interrupted(url, moments=moments))
    return party, asked[0]


def test_erased_at_any_moment_of_a_running_event_the_guest_is_gone_and_the_others_are_not(
    url: str, without: tuple[int, dict[str, list[str]]]
) -> None:
    last, expected = without
    assert last > 20
    for when in range(1, last, EVERY):
        party, asked = lived(url, when)
        with db.connect(db.engine(url)) as conn:
            subject = erasure.subject(conn, asked)
            assert subject is not None
            assert {p: n for p, n in recount(conn, subject, party.event).items() if n} == {}, when
            theirs = [party.guest, party.email, *subject.person_ids, *subject.face_ids]
            assert residues(conn, [str(each) for each in theirs]) == [], when
            assert others(conn, party) == expected, when
            assert conn.scalar(_BACK, {"e": party.event}) == 0, when
