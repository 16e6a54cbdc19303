"""Ten thousand requests made from the OpenAPI document, as everybody: no error of the server's.

`python -m memoria_pipeline_tests.bench.api_fuzz` prints the figure; it takes some minutes.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from memoria_pipeline.store import db
from memoria_pipeline.store.migrate import migrate
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.review.fuzz import fuzz
from memoria_pipeline_tests.review.seeded import Seeded, seeded

REQUESTS = 10_000
_EXAMPLES = 16  # of each mode, for 52 calls as 7 roles; some cannot be sent


def rows() -> Iterator[Row]:
    """How many were sent, and what broke."""
    with _served() as event:
        tally = fuzz(event, _EXAMPLES)
    enough = tally.requests >= REQUESTS
    yield "requests made from /openapi.json", f">= {REQUESTS:,}", f"{tally.requests:,}", enough
    failed = sum(many for status, many in tally.statuses.items() if status >= 500)
    yield "errors of the server among them", "0", str(failed), not failed
    odd = sorted(set(tally.broken))
    reached = f"{len(odd)} {odd[:3] or ''}".strip()
    yield "answers that the document does not name", "0", reached, not odd
    by = ", ".join(f"{status}: {many:,}" for status, many in sorted(tally.statuses.items()))
    yield "answers by status", "no figure", by, True


@contextmanager
def _served() -> Iterator[Seeded]:
    """The seeded event of the tests, on an embedded server of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="memoria-", ignore_cleanup_errors=True) as home,
        db.running(Path(home) / "h") as databases,
    ):
        engine = sa.create_engine(databases.memoria)
        migrate(engine)
        with seeded(engine, Path(home)) as event:
            yield event
        engine.dispose()


def main() -> int:
    """Print the figures; the exit status."""
    return show("The API under made-up requests", rows())


if __name__ == "__main__":
    sys.exit(main())
