"""`make verify-review`: the figures of the organiser's review, asked and reached.

Eight minutes on two cores that have nothing else to do. The matrices of roles and the pages' own
tests are run as they are; the rest is measured on a real `memoria up` and on an event of 60,000
faces. Screenshots stay in .bench/review, to be looked at.
"""

import re
import subprocess
import sys
from collections.abc import Iterator

from memoria_pipeline_tests.bench import (
    acceptance,
    api_fuzz,
    browser,
    review_clicks,
    review_load,
    review_story,
)
from memoria_pipeline_tests.bench.figures import Row, show

MATRICES = (
    ("roles × tables × verbs, all asserted", "store/test_row_level_security.py"),
    ("roles × endpoints, all asserted", "review/test_endpoints.py"),
    ("the pages in Chromium, from sign-in to tagged", "review/test_pages_in_chromium.py"),
)


def rows() -> Iterator[Row]:
    """Every figure of the issue's list: quick ones first, so that a mistake shows early."""
    for what, path in MATRICES:
        yield passes(what, path)
    with browser.demo() as organiser:
        yield from review_clicks.rows(organiser)
        yield from acceptance.rows(organiser)
        yield from review_story.rows(organiser)
        yield review_clicks.quiet(organiser)
    yield from review_load.rows()
    yield from api_fuzz.rows()


def passes(what: str, path: str) -> Row:
    """Run a file of tests; none may be left out."""
    command = [sys.executable, "-m", "pytest", "-q", f"memoria_pipeline_tests/{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines() or [done.stderr[-200:]]
    good = done.returncode == 0 and not re.search(r"\bskipped\b", lines[-1])
    return what, "pass", lines[-1], good


if __name__ == "__main__":
    sys.exit(show("Review", rows()))
