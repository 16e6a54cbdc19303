"""Locks that a run holds at the server while it lives; nothing but its session keeps them."""

import threading
import time
from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db

_EVERY = 0.25  # seconds between two tries


class Locks:
    """The locks of one session of its own: they go with it, with this process, or at `close`.

    Not for a transaction pooler between us and the server: it would hand the session around.
    """

    def __init__(self, engine: sa.Engine) -> None:
        """Open the session. Raises DatabaseError where the server cannot be reached."""
        self._conn = db.opened(engine).execution_options(isolation_level="AUTOCOMMIT")
        self._one_at_a_time = threading.Lock()

    def take(self, name: str) -> None:
        """Wait until the lock called `name` is ours. Raises DatabaseError when the session goes.

        Tried again and again, not waited for inside the server: a signal, which cancels a run,
        is not looked at there.
        """
        try:
            while not self._said(_TAKE, name):
                time.sleep(_EVERY)
        except SQLAlchemyError:
            raise DatabaseError(
                "The session of this run's locks is gone: the server was restarted. Run it again."
            ) from None

    def release(self, name: str) -> None:
        """Give the lock back; of no matter where the session is gone, and the lock with it."""
        with suppress(SQLAlchemyError):
            self._said(_RELEASE, name)

    def stand(self) -> bool:
        """Whether the session, and so every lock that it took, is still there."""
        try:
            return self._said(_LOOK, "")
        except SQLAlchemyError:  # at the second look it is no error of the driver any more
            return False

    def close(self) -> None:
        """End the session: closed, not put back into the pool with locks on it."""
        with self._one_at_a_time, suppress(SQLAlchemyError):
            self._conn.invalidate()
            self._conn.close()

    def _said(self, statement: sa.TextClause, name: str) -> bool:
        with self._one_at_a_time:
            return bool(self._conn.execute(statement, {"name": name}).scalar_one())


_TAKE = sa.text("select pg_try_advisory_lock(hashtextextended(:name, 0))")
_RELEASE = sa.text("select pg_advisory_unlock(hashtextextended(:name, 0))")
_LOOK = sa.text("select :name = ''")
