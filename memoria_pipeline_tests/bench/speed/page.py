"""The first page of the review API, beside a call that asks the same server for nothing."""

from collections.abc import Iterator
from statistics import median

from memoria_pipeline_tests.bench import ratio
from memoria_pipeline_tests.bench.crowd import crowd
from memoria_pipeline_tests.bench.figures import Row
from memoria_pipeline_tests.bench.ratio import Measured
from memoria_pipeline_tests.bench.review_load import first_page, served

TURNS = 25


def rows() -> Iterator[Row]:
    """As an organiser sees 5,000 people of 60,000 faces; then each event's own page of 50."""
    with crowd() as made, served(made) as review, review.client() as client:
        yield first_page(review, client)
        path = f"/event/{made.event}/people"
        sides = {"page": lambda: client.get(path), "nothing": lambda: client.get("/health")}
        turns = ratio.alternating(sides, TURNS)
    longer = turns.wall("page", "nothing")
    spent = turns.cost("page")  # of the asking side: the server is another process
    took = median(each.wall for each in turns.taken["nothing"])
    reached = f"{longer:.1f}×, {spent.wall * 1000:.0f} ms beside {took * 1000:.0f} ms"
    yield Measured.of("first page of people ÷ /health", "–", reached, True, spent)
