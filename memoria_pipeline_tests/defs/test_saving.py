"""Outcomes of photos, saved some at a time, in a real database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
import sqlalchemy as sa

from memoria_pipeline.defs.matching import Sieve
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.defs.saving import Saving
from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db, media
from memoria_pipeline.store import events as event_store
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline_tests.store.factories import LEFT, PACK, RIGHT, a_face, an_event, found

KEYS = ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")


@dataclass(frozen=True, slots=True)
class Counting(Store):
    """The database, with the number of transactions that were begun."""

    begun: list[int] = field(default_factory=list)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        self.begun.append(1)
        with db.connect(db.engine(self.url)) as conn:
            yield conn


@pytest.fixture
def saving(database: sa.Engine) -> Saving:
    """Five photos of an event that are to be analysed."""
    with db.connect(database) as conn:
        event_id = an_event(conn)
        media.register(conn, event_id, found(*KEYS))
        todo = {photo.storage_key: photo for photo in media.pending(conn, event_id, PACK)}
        event = event_store.require_consent(conn, event_id)
    store = Counting(database.url.render_as_string(hide_password=False))
    return Saving(store, event, todo, {}, Sieve(None, 0.5, 0.0))


def good(key: str) -> Outcome:
    return Outcome(key, key[0] * 64, 640, 480, (a_face(LEFT), a_face(RIGHT)), seconds=0.1)


def states(saving: Saving, engine: sa.Engine) -> dict[str, str]:
    with db.connect(engine) as conn:
        query = "select storage_key, status::text from memoria.media where event_id = :event"
        rows = conn.execute(sa.text(query), {"event": saving.event.id})
        return {str(key): str(status) for key, status in rows}


def faces(engine: sa.Engine) -> int:
    with db.connect(engine) as conn:
        return int(conn.execute(sa.text("select count(*) from memoria.faces")).scalar_one())


def refuse(engine: sa.Engine, photo: UUID) -> None:
    """From now on the database does not take this photo's state."""
    with db.connect(engine) as conn:
        conn.execute(
            sa.text(
                "alter table memoria.media add constraint refused"
                f" check (id <> '{photo}' or status = 'pending')"
            )
        )


def test_a_batch_is_one_transaction_with_copies_and_failures_in_it(
    saving: Saving, database: sa.Engine
) -> None:
    copy = Outcome("c.jpg", "a" * 64, 640, 480, duplicate=True)
    broken = Outcome("d.jpg", error=("broken", "It is cut off."))
    saving.save([good("a.jpg"), good("b.jpg"), copy, broken])
    assert isinstance(saving.store, Counting)
    assert len(saving.store.begun) == 1
    assert states(saving, database) == {
        "a.jpg": "analysed",
        "b.jpg": "analysed",
        "c.jpg": "duplicate",
        "d.jpg": "failed",
        "e.jpg": "pending",
    }
    assert faces(database) == 4
    assert list(saving.done.values()) == [2, 4, 1, 1]
    assert set(saving.known) == {"a" * 64, "b" * 64}


def test_a_photo_that_cannot_be_saved_loses_only_itself_and_its_copies(
    saving: Saving, database: sa.Engine
) -> None:
    refuse(database, saving.todo["b.jpg"].id)
    copy = Outcome("d.jpg", "b" * 64, 640, 480, duplicate=True)
    with pytest.raises(DatabaseError):
        saving.save([good("a.jpg"), good("b.jpg"), good("c.jpg"), copy])
    assert states(saving, database) == {
        "a.jpg": "analysed",
        "b.jpg": "pending",
        "c.jpg": "analysed",
        "d.jpg": "pending",
        "e.jpg": "pending",
    }
    assert faces(database) == 4
    assert list(saving.done.values()) == [2, 4, 0, 0]


def test_a_copy_whose_original_changed_meanwhile_is_no_duplicate_and_none_is_counted(
    saving: Saving, database: sa.Engine
) -> None:
    with db.connect(database) as conn:
        media.register(conn, saving.event.id, found("a.jpg", etag="2") + found(*KEYS[1:]))
    copies = [Outcome(key, "a" * 64, 640, 480, duplicate=True) for key in ("b.jpg", "c.jpg")]
    saving.save([good("a.jpg"), copies[0]])
    saving.save([copies[1], good("d.jpg")])
    assert set(states(saving, database).values()) == {"pending", "analysed"}
    assert [key for key, state in states(saving, database).items() if state != "pending"] == [
        "d.jpg"
    ]
    assert list(saving.done.values()) == [1, 2, 0, 0]
    assert set(saving.known) == {"d" * 64}


def test_saving_again_after_a_kill_doubles_nothing(saving: Saving, database: sa.Engine) -> None:
    batch = [good(key) for key in KEYS]
    saving.save(batch)
    saving.save(batch)
    assert faces(database) == 2 * len(KEYS)


def test_a_photo_that_changed_meanwhile_stays_pending_and_the_others_are_saved(
    saving: Saving, database: sa.Engine
) -> None:
    with db.connect(database) as conn:
        media.register(conn, saving.event.id, found("a.jpg", etag="2") + found(*KEYS[1:]))
    saving.save([good(key) for key in KEYS])
    assert states(saving, database)["a.jpg"] == "pending"
    assert list(states(saving, database).values()).count("analysed") == len(KEYS) - 1
