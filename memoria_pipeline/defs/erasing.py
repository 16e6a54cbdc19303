"""Carrying erasures out, step by step; killed anywhere and begun again, it ends the same.

Also a program, `python -m memoria_pipeline.defs.erasing ID …`, for `memoria erase`: it does the
same job, and prints one line of JSON. DAGSTER_HOME names the instance.
"""

import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from memoria_pipeline.defs import forgetting
from memoria_pipeline.defs.proving import Work, rewrite_and_sign, tried
from memoria_pipeline.errors import DatabaseError, ErasureError
from memoria_pipeline.privacy import plan
from memoria_pipeline.privacy.named import Named
from memoria_pipeline.privacy.receipt import Keys
from memoria_pipeline.store import db, erased_files, erasing, erasure, recount
from memoria_pipeline.store.erasing import Erasure
from memoria_pipeline.store.erasure import Subject
from memoria_pipeline.store.locks import Locks

_PATIENCE = 60.0  # seconds that the rows wait for whoever works in the event
_PAUSE = 0.5
_log = logging.getLogger(__name__)


def carry_out(work: Work, ids: Sequence[UUID]) -> dict[str, int]:
    """Erase; counts. One that fails does not stop the others, and stays open, to be tried again.

    Raises ErasureError once all have been tried, where any failed. Those that somebody else is
    carrying out are waited for, and are done then.
    """
    with _taken(work, ids):
        gathered = [each for each in ids if tried(work, each, partial(_gather, work, each))]
        waiting = [each for each in gathered if _is_open(work, each)]
        done = rewrite_and_sign(work, waiting) if waiting else 0
    if len(gathered) < len(ids) or done < len(waiting):
        raise ErasureError(
            f"{len(ids) - len(gathered) + len(waiting) - done} of {len(ids)} erasures could not be"
            " finished; they stay open and are tried again. `memoria erase list` shows why."
        )
    return {"erasures": done, "had been done": len(ids) - len(waiting)}


@contextmanager
def _taken(work: Work, ids: Sequence[UUID]) -> Iterator[None]:
    """In order, or two who take the same ones would wait for each other."""
    locks = Locks(db.engine(work.store.url))
    try:
        for each in sorted(ids):
            locks.take(f"erasure {each}")
        yield
    finally:
        locks.close()


def _is_open(work: Work, erasure_id: UUID) -> bool:
    with work.store.transaction() as conn:
        return erasing.get(conn, erasure_id).completed_at is None


def _gather(work: Work, erasure_id: UUID) -> None:
    """Everything but the bytes: rows, files, Dagster; then count that nothing is left."""
    with work.store.transaction() as conn:
        found = erasing.get(conn, erasure_id)
        if found.completed_at is not None or erasure.subject(conn, erasure_id) is None:
            return  # all of this is done
    _rows(work, found)
    with work.store.transaction() as conn:
        about = erasure.subject(conn, erasure_id)
        root = erasing.root_of(conn, erasure_id)
    assert about is not None  # we hold its lock
    files = _files(work, found, about, root)
    dagster = _dagster(work, found, about)
    left = _recount(work, found, about)
    draft = {
        "files": {name: int(number) for name, number in files.items()},
        "dagster": dagster,
        "recount": left,
        "subjects": _subjects(work.keys, about),
        "kept": plan.kept(found.scope, found.reason, member=about.kept),
        "left": plan.left(album=bool(files["album"])),
    }
    with work.store.transaction() as conn:
        erasing.set_aside(conn, erasure_id, draft, _hash(work.keys, found, about))
    work.after("forget")


def _rows(work: Work, found: Erasure) -> None:
    """Whoever works in the event is waited for, though never with others behind us."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            with work.store.transaction() as conn:
                erasure.erase_rows(conn, found.id)
        except DatabaseError as error:
            if error.lasting or time.monotonic() >= until:
                raise
            time.sleep(_PAUSE)
        else:
            work.after("rows")
            return


def _files(work: Work, found: Erasure, about: Subject, root: str | None) -> dict[str, int | bool]:
    photos, album = 0, False
    if found.scope == "event":
        photos, album = erased_files.photos(work.places, root)
    named = _named(found, about)
    mails = erased_files.mails(work.places, named)
    masked = erased_files.logs(work.places, named)
    work.after("files")
    return {"photos": photos, "mails": mails, "masked": masked, "album": album}


def _named(found: Erasure, about: Subject) -> Named:
    """What no file of ours may hold: photos and an archive's members stay who they are."""
    if found.scope not in ("person", "event"):
        return Named()
    users = [about.user_id] if about.user_id and about.alone else []
    return Named([*users, *about.person_ids], about.emails)


def _dagster(work: Work, found: Erasure, about: Subject) -> dict[str, Any]:
    """Of an event, all that Dagster has; of anybody, what should not be there anyway."""
    done: dict[str, Any] = {}
    if found.scope == "event" and found.event_id is not None:
        args = (work.places, work.dagster, found.event_id)
        done = {**forgetting.forget_event(work.instance, work.store, *args)}
    done["masked"] = forgetting.mask(work.dagster, _texts(_named(found, about)))
    work.after("dagster")
    return done


def _texts(named: Named) -> list[str]:
    return [str(each) for each in named.ids] + list(named.emails)


def _recount(work: Work, found: Erasure, about: Subject) -> dict[str, int]:
    """By store, all 0. Raises ErasureError where anything is left, naming tables and columns."""
    named = _named(found, about)
    texts = _texts(named)
    if found.scope == "event":
        texts.append(str(found.event_id))
    with work.store.transaction() as conn:
        rows = recount.recount(conn, about, found.event_id)
    there = {name: number for name, number in rows.items() if number}
    there |= forgetting.naming(work.dagster, texts)
    files = erased_files.left(work.places, named)
    if there or files:
        where = ", ".join([*sorted(there), *(["files"] if files else [])])
        raise ErasureError(f"Something of what is erased is left in {where}; it is tried again.")
    work.after("recount")
    return {"columns": len(rows), "database": 0, "dagster": 0, "files": 0}


def _subjects(keys: Keys, about: Subject) -> list[str]:
    return keys.subjects(
        about.event_id,
        users=[about.user_id] if about.user_id else [],
        persons=about.person_ids,
        emails=about.emails,
        photos=about.media_ids,
    )


def _hash(keys: Keys, found: Erasure, about: Subject) -> str:
    """Of the user, so that each of their erasures can be found; else of all that is meant."""
    if found.scope in ("event", "archive"):
        return keys.hashed(found.event_id, "event", str(found.event_id))
    if about.user_id is not None:
        return keys.hashed(found.event_id, "user", str(about.user_id))
    return keys.hashed(found.event_id, "person", " ".join(_subjects(keys, about)))


if __name__ == "__main__":
    from memoria_pipeline.defs.erasure import finish_here

    sys.stdout.write(json.dumps(finish_here([UUID(each) for each in sys.argv[1:]])) + "\n")
