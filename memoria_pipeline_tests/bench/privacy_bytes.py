"""200 canaries on a real `memoria up`: twenty people's addresses, ids, vectors, before and after.

Ten are erased one by one, ten with their event. Before, every canary has to be found (or the search
would prove nothing); after the erasures and a checkpoint, in no file of the home: the database's,
Dagster's storage, mails, logs.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import sqlalchemy as sa

from memoria_pipeline.review.tokens import Tokens
from memoria_pipeline.store import media, members
from memoria_pipeline.store.photos import FoundPhoto
from memoria_pipeline.store.secrets import secret_of
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.privacy_search import (
    Canary,
    of_address,
    of_id,
    of_vector,
    search,
)
from memoria_pipeline_tests.bench.stack import Stack, running, until
from memoria_pipeline_tests.store import factories

PEOPLE, FACES = 10, 8
"""Per event, of two; per person. With an address and an id each, 200 canaries."""


@dataclass(frozen=True, slots=True)
class Party:
    """An event, its organiser, and its people: user, address, person, faces."""

    event: UUID
    organiser: UUID
    people: list[tuple[UUID, str, UUID]]


def rows() -> Iterator[Row]:
    """Three minutes."""
    with running() as stack:
        stack.review_ready()
        one, other = party(stack), party(stack)
        for each in (one, other):
            _use(stack, each)
        _settle(stack)
        canaries = [*_canaries(stack, one), *_canaries(stack, other)]
        yield from judged(stack, one, other, canaries)


def judged(stack: Stack, one: Party, other: Party, canaries: Sequence[Canary]) -> Iterator[Row]:
    """Found before, erased, found by nobody after."""
    before = search(stack.home, canaries)
    unseen = [each.name for each in canaries if each.name not in before]
    yield (
        "canaries in the files before: addresses, ids, vectors",
        f"{len(canaries)}",
        f"{len(canaries) - len(unseen)}, in {len(set().union(*before.values()))} files",
        not unseen and len(canaries) == 200,
    )
    started = time.monotonic()
    asked = [_ask(stack, "person", one.event, user) for user, _, _ in one.people]
    asked.append(_ask(stack, "event", other.event, None))
    until(lambda: _done(stack, asked), 240, "The erasures did not come to their end", every=0.5)
    took = time.monotonic() - started
    yield f"{len(asked)} erasures, to their receipts", "no figure", f"{took:.0f} s", True
    with stack.memoria.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("checkpoint"))
    after = search(stack.home, canaries)
    where = sorted(set().union(*after.values())) if after else []
    kinds = sorted({name.split()[0] for name in after})
    places = ", ".join(_called(stack, each) for each in where[:4])
    told = f"{len(after)}" + (f": {', '.join(kinds)}, in {places}" if after else "")
    yield "canaries in the files after erasure and a checkpoint", "0", told, not after


def _called(stack: Stack, path: str) -> str:
    """A file, and the table of ours that it is."""
    number = path.rsplit("/", 1)[-1].split(".")[0]
    if not path.startswith("postgres/base/") or not number.isdigit():
        return path
    for name in ("memoria", "dagster"):
        found = stack.rows(name, _RELATION, file=int(number), folder=path.split("/")[2])
        if found and found[0][0]:
            return f"{path} ({name}: {found[0][0]})"
    return f"{path} (of no table any more)"


def party(stack: Stack) -> Party:
    """An event as the pipeline would have made it: photos, faces, people, members."""
    word = uuid4().hex
    with stack.memoria.begin() as conn:
        event: UUID = conn.execute(_EVENT, {"pack": stack.model}).scalar_one()
        organiser = members.add(conn, event, "organiser", name="O", email=f"o{word}@example.org")
        found = [FoundPhoto(f"{i:03}.jpg", 1000, "1") for i in range(PEOPLE * FACES)]
        media.register(conn, event, found)
        waiting = media.pending(conn, event, stack.model)
        looked = [factories.analysed(photo.id, factories.a_face()) for photo in waiting]
        media.save_analysis(conn, looked, stack.model)
        faces = [factories.faces_of(conn, photo.id)[0] for photo in waiting]
        clusters = [faces[i * FACES : (i + 1) * FACES] for i in range(PEOPLE)]
        factories.group(conn, event, clusters, model=stack.model)
        people = [_somebody(conn, event, cluster[0]) for cluster in clusters]
    return Party(event, organiser, people)


def _somebody(conn: sa.Connection, event: UUID, face: UUID) -> tuple[UUID, str, UUID]:
    email = f"canary{uuid4().hex}@example.org"
    user = members.add(conn, event, "guest", name="Guest", email=email)
    person = conn.execute(_PERSON_OF, {"event": event, "face": face}).scalar_one()
    return user, email, person


def _use(stack: Stack, party: Party) -> None:
    """What people do: the organiser names and invites, guests sign in and look around."""
    with _client(stack, party.organiser) as organiser:
        for n, (user, email, person) in enumerate(party.people):
            if n % 2:
                organiser.post(f"/person/{person}/invite", json={"email": email})
            key = {"idempotency-key": f"{person}"}
            said = organiser.post(
                f"/person/{person}/link-user", json={"user_id": str(user)}, headers=key
            )
            said.raise_for_status()
            with suppress(httpx.HTTPError):
                organiser.post("/sign-in", data={"email": email})
            with _client(stack, user) as guest:
                guest.get(f"/event/{party.event}/people")
                guest.get(f"/review/{party.event}?user={user}&email={email}")
        organiser.get(f"/event/{party.event}/members")
        organiser.get(f"/event/{party.event}/decisions")


def _client(stack: Stack, user: UUID) -> httpx.Client:
    token = Tokens(secret_of(stack.home, "jwt", None)).make(user, 3_600)
    headers = {"authorization": f"Bearer {token}"}
    return httpx.Client(base_url=stack.review_url, headers=headers, timeout=60)


def _settle(stack: Stack) -> None:
    """Rows that were written over, samples of the planner, and all of it on the disk."""
    with stack.memoria.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("update memoria.faces set quality_score = quality_score * 0.99"))
        conn.execute(sa.text("update memoria.event_members set display_name = display_name || '.'"))
        conn.execute(sa.text("analyze"))
        conn.execute(sa.text("checkpoint"))


def _canaries(stack: Stack, party: Party) -> Iterator[Canary]:
    for user, email, person in party.people:
        yield of_address(email)
        yield of_id(user)
        values = {"event": party.event, "person": person}
        for row in stack.rows("memoria", _VECTORS, **values):
            yield of_vector(row.id.hex[:6], np.array(row.halves, np.float16), row.text)


def _ask(stack: Stack, scope: str, event: UUID, user: UUID | None) -> UUID:
    values: dict[str, Any] = {"scope": scope, "event": event, "user": user}
    with stack.memoria.begin() as conn:
        asked: UUID = conn.execute(_ASK, values).scalar_one()
    return asked


def _done(stack: Stack, asked: Sequence[UUID]) -> bool:
    count = "select count(*) from memoria.erasures where status = 'completed' and id = any (:ids)"
    return bool(stack.rows("memoria", count, ids=list(asked))[0][0] == len(asked))


_EVENT = sa.text(
    "insert into memoria.events (name, face_model, face_recognition_enabled)"
    " values ('Canaries', :pack, true) returning id"
)
_PERSON_OF = sa.text(
    "select face_person_id from memoria.faces where event_id = :event and id = :face"
)
_VECTORS = (
    "select id, embedding::real[] as halves, embedding::text as text from memoria.faces"
    " where event_id = :event and face_person_id = :person"
)
_RELATION = (
    "select pg_filenode_relation(0, :file)::text from pg_database"
    " where datname = current_database() and oid::text = :folder"
)
_ASK = sa.text(
    "select memoria.request_erasure(:scope, :event, :user, '{}', '{}', 'sql', 'request', null)"
)


if __name__ == "__main__":
    sys.exit(show("Privacy: bytes", rows()))
