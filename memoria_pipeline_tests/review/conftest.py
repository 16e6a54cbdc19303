"""One seeded event per module: tests that change it put it back, or look only at what they made."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from memoria_pipeline_tests.review.seeded import ClientOf, Seeded
from memoria_pipeline_tests.review.seeded import seeded as made


@pytest.fixture(scope="module")
def seeded(
    module_database: sa.Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seeded]:
    """The event, its people and the application that serves it."""
    with made(module_database, tmp_path_factory.mktemp("review")) as event:
        yield event


@pytest.fixture(scope="module")
def client_of(seeded: Seeded) -> ClientOf:
    """The client of organiser, photographer, member, guest, stranger, nobody or service."""
    return seeded.client_of
