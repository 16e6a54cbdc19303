"""The property tests of people at full size: long, and no ratio."""

from collections import Counter
from collections.abc import Iterator

from memoria_pipeline_tests.bench.figures import Row
from memoria_pipeline_tests.people.histories import live_through
from memoria_pipeline_tests.people.test_contract import everything

EXAMPLES, HISTORIES = 800, 1_000


def rows() -> Iterator[Row]:
    """The contract over random logs, and what automatic runs broke in random histories."""
    try:
        reached, holds = f"{everything(EXAMPLES):,} logs, all hold", True
    except AssertionError as error:
        reached, holds = f"falls: {str(error).splitlines()[:1]}", False
    yield f"the contract, {EXAMPLES} logs for each property", "no failure", reached, holds
    broken: Counter[str] = Counter()
    for seed in range(HISTORIES):
        broken += live_through(seed).broken
    what = f"{HISTORIES:,} histories without a database: decisions broken"
    yield what, "no failure", f"{broken.total()} {dict(broken) or ''}".strip(), not broken
