"""A server's clock that was set back: what waits by it would wait for as long again."""

import sqlalchemy as sa


def mend(conn: sa.Connection) -> bool:
    """Where the clock went back since the uploads sensor looked last, let everything that waits by
    it be due now; whether that was so. A run that is asked for too early does no harm."""
    if not conn.scalar(_WENT_BACK):
        return False
    for statement in _DUE_NOW:
        conn.execute(sa.text(statement))
    return True


_WENT_BACK = sa.text(
    "select exists (select from memoria.lookouts"
    " where name = 'sensor' and looked_at > clock_timestamp() + interval '1 minute')"
)
_DUE_NOW = (
    "update memoria.uploads set due_at = least(due_at, now()), last_at = least(last_at, now()),"
    " asked_at = least(asked_at, now()), quiet_since = least(quiet_since, now())"
    " where due_at < 'infinity'",
    "update memoria.moves set due_at = least(due_at, now()) where due_at < 'infinity'",
    "update memoria.watched set next_look_at = least(next_look_at, now()),"
    " changed_at = least(changed_at, now()), registered_at = null",
    "update memoria.lookouts set next_look_at = least(next_look_at, now()), looked_at = now()",
    "update memoria.ml_jobs set next_attempt_at = now()"
    " where status = 'pending' and next_attempt_at > now()",
    "update memoria.ml_jobs set lease_until = now() + interval '25 s'"
    " where status = 'processing' and lease_until > now() + interval '25 s'",
    "update memoria.callbacks set next_attempt_at = now()"
    " where delivered_at is null and dead_at is null and next_attempt_at > now()",
)
