"""The last of an erasure: the bytes, then the receipt, signed, written down, and told."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg

from memoria_pipeline.defs.resources import Store
from memoria_pipeline.logs import withheld
from memoria_pipeline.privacy import plan, receipt
from memoria_pipeline.privacy.receipt import Keys
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import db, erasing, erasure, ledger, rewrite
from memoria_pipeline.store.erased_files import Places
from memoria_pipeline.store.erasing import Erasure

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """What erasing takes. most: bytes of a table that is rewritten at once. dagster: the URL of
    Dagster's tables, None where they are in no PostgreSQL. after: told of each step."""

    store: Store
    instance: dg.DagsterInstance
    keys: Keys
    ledger: Path
    places: Places
    most: int
    dagster: str | None = None
    after: Callable[[str], object] = lambda _: None


def work_of(s: Settings, store: Store, instance: dg.DagsterInstance, dagster: str | None) -> Work:
    """As the settings have it."""
    home = s.home / "dagster" if instance.is_ephemeral else Path(instance.root_directory)
    places = Places(s.home, home, s.uploads or s.home / "photos")
    keys = ledger.keys(s.home, s.erasure_key, s.subject_key)
    return Work(store, instance, keys, s.ledger, places, s.rewrite_mb * 1_000_000, dagster)


def tried(work: Work, erasure_id: UUID, step: Callable[[], object]) -> bool:
    """Whether it went well; what went wrong is kept by its class alone."""
    try:
        step()
    except Exception as error:  # a disk, a bucket, a bug: nobody else's erasure is to wait for it
        _log.error("Erasure %s: %s", erasure_id, withheld(error))
        with work.store.transaction() as conn:
            erasure.fail(conn, erasure_id, type(error).__name__)
        return False
    return True


def rewrite_and_sign(work: Work, ids: Sequence[UUID]) -> int:
    """The bytes of all of them at once, then a receipt for each; how many got one."""
    with work.store.transaction() as conn:
        found = [erasing.get(conn, each) for each in ids]
    events = sorted({each.event_id for each in found if each.event_id is not None})
    try:
        written = rewrite.rewrite(db.engine(work.store.url), events, work.most)
        _rewrite_dagster(work, found)
    except Exception as error:
        return sum(tried(work, each, partial(_raise, error)) for each in ids)
    work.after("bytes")
    told = asdict(written)
    return sum(tried(work, each.id, partial(_sign, work, each, told)) for each in found)


def _rewrite_dagster(work: Work, found: Sequence[Erasure]) -> None:
    drafts = [each.receipt or {} for each in found]
    names = {name for each in drafts for name in each.get("dagster", {}).get("masked", ())}
    if names and work.dagster is not None:
        rewrite.rewrite_dagster(db.engine(work.dagster), sorted(names))


def _raise(error: Exception) -> None:
    raise error


def _sign(work: Work, found: Erasure, written: dict[str, Any]) -> None:
    """Into the ledger first: what the ledger has, signed by us, is what the database is told.

    Raises ErasureError for a line of this erasure that our key did not sign: it would stay so.
    """
    made = work.keys.sign(_receipt(found, written))
    signed = ledger.append(work.ledger, made)
    receipt.verify(signed, work.keys.public)
    work.after("ledger")
    with work.store.transaction() as conn:
        erasure.finish(
            conn,
            found.id,
            receipt=signed.receipt,
            subject_hash=found.subject_hash or "",
            signature=signed.signature,
            key_id=signed.key_id,
        )
    work.after("finish")


def _receipt(found: Erasure, written: dict[str, Any]) -> dict[str, Any]:
    of = {
        "id": str(found.id),
        "event": str(found.event_id) if found.event_id else None,
        "scope": found.scope,
        "source": found.source,
        "reason": found.reason,
        "requested_at": plan.moment(found.requested_at),
        "rows_at": plan.moment(found.rows_at),
        "completed_at": plan.moment(datetime.now(UTC)),
    }
    return plan.receipt(of, found.counts, found.receipt or {}, written)
