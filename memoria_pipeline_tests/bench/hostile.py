"""Hostile input, as figures: photos, bombs, addresses, paths, forged callbacks and signatures.

Six minutes, most of them for 20,000 photos; `rows` is called by `make verify-privacy`.
"""

import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from memoria_pipeline_tests.bench import addresses, bombs, forged, mutants, traversals
from memoria_pipeline_tests.bench.figures import Row, show

PHOTOS = 20_000
_PARTS = 2  # worker processes


def rows(photos: int = PHOTOS) -> Iterator[Row]:
    """Every figure: quick ones first."""
    logging.disable(logging.ERROR)  # each refusal is a line, and a database is not there
    try:
        with tempfile.TemporaryDirectory(prefix="memoria-hostile-") as name:
            yield from _calls(Path(name))
            yield _bombs(Path(name))
            yield _photos(Path(name), photos)
    finally:
        logging.disable(logging.NOTSET)


def _calls(folder: Path) -> Iterator[Row]:
    count, wrong = addresses.tried()
    yield f"{count} hostile addresses: fetched from, or visited", "0", _said(wrong), not wrong
    (folder / "review").mkdir()
    with forged.review(folder / "review") as (_, client):
        count, wrong = traversals.tried(folder / "paths", client)
    yield f"{count} path traversals: reads and writes outside", "0", _said(wrong), not wrong
    count, wrong = forged.tried(folder / "review")
    what = f"{count} forged and replayed callbacks and signed addresses: accepted"
    yield what, "0", _said(wrong), not wrong


def _said(wrong: list[str]) -> str:
    return "0" if not wrong else f"{len(wrong)}: {'; '.join(wrong[:3])}"


def _bombs(folder: Path) -> Row:
    (folder / "bombs").mkdir()
    took = list(bombs.measured(folder / "bombs"))
    beyond = [each.name for each in took if not each.within]
    megabytes = max(took, key=lambda each: each.megabytes)
    seconds = max(took, key=lambda each: each.seconds)
    reached = (
        f"{megabytes.megabytes} MB ({megabytes.name}), {seconds.seconds:.1f} s ({seconds.name})"
    )
    if beyond:
        reached += f"; beyond: {', '.join(beyond)}"
    asked = f"<= {bombs.MOST_MB} MB, <= {bombs.MOST_SECONDS:g} s each"
    return f"{len(took)} bombs", asked, reached, not beyond


def _photos(folder: Path, count: int) -> Row:
    (folder / "photos").mkdir()
    mutants.originals(folder / "photos")
    each = -(-count // _PARTS)
    with ThreadPoolExecutor(_PARTS) as pool:
        parts = pool.map(
            lambda first: mutants.read(folder / "photos", first, min(each, count - first)),
            range(0, count, each),
        )
        seen = sum(parts, Counter[str]())
    bad = mutants.bad(seen)
    reached = f"{bad} ({seen['read']:,} read, {seen.total() - seen['read'] - bad:,} refused)"
    enough = not bad and seen.total() == count
    return f"{count:,} mutated photos: crashes, hangs, too much memory", "0", reached, enough


if __name__ == "__main__":
    sys.exit(show("Hostile input", rows()))
