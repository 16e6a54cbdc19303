"""`make verify-privacy`: the figures of consent, erasure and proof, asked and reached.

Forty minutes on two cores that have nothing else to do, half of them for the 1,000 histories; with
MEMORIA_BENCH_PRIVACY_HISTORIES=50 a quarter of an hour.
"""

import sys
from collections.abc import Iterator

from memoria_pipeline_tests.bench import (
    hostile,
    privacy_acceptance,
    privacy_bytes,
    privacy_histories,
    privacy_scale,
)
from memoria_pipeline_tests.bench.browser import demo
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.verify_review import passes

TESTS = (
    ("every column and table is on the list of places", "privacy/test_places.py"),
    ("what docs/privacy.md names is there", "test_privacy_document.py"),
)


def rows() -> Iterator[Row]:
    """Every figure of the issue's list: quick ones first, so that a mistake shows early."""
    for what, path in TESTS:
        yield passes(what, path)
    with demo() as organiser:
        yield from privacy_acceptance.rows(organiser)
    yield from privacy_bytes.rows()
    yield from privacy_scale.rows()
    yield from hostile.rows()
    yield from privacy_histories.rows()


if __name__ == "__main__":
    sys.exit(show("Privacy", rows()))
