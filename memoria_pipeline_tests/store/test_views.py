"""The analysts' views: what they say, who may read them, and what nobody reads through them."""

from collections.abc import Iterator
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db, views
from memoria_pipeline_tests.analyst.seeded import PERSONAL, seed
from memoria_pipeline_tests.store.factories import an_event, one

VIEWS = (
    *("throughput", "photo_failures", "job_hours", "clusterings", "comparisons", "similarities"),
    *("review", "decisions"),
)


@pytest.fixture
def event(database: sa.Engine) -> UUID:
    with database.begin() as conn:
        return seed(conn)


def test_views_are_read_as_the_analyst_and_hold_nothing_personal(
    database: sa.Engine, event: UUID
) -> None:
    for view in VIEWS:
        found = views.read(database, view)
        assert len(found), view
        assert not [each for each in PERSONAL if each in found.to_csv()], view
    assert len(views.read(database, "review", event)) == 1
    assert views.read(database, "review", UUID(int=1)).empty


def test_views_say_what_there_is(database: sa.Engine, event: UUID) -> None:
    review = views.read(database, "review", event).iloc[0]
    parts = ("awaiting", "reviewed", "linked", "invited", "ignored")
    assert review["people"] == sum(review[part] for part in parts)
    assert (review["linked"], review["invited"], review["reviewed"]) == (1, 1, 1)
    throughput = views.read(database, "throughput", event)
    assert (throughput["photos"].sum(), throughput["faces"].sum()) == (22, 52)
    failures = views.read(database, "photo_failures", event)
    reasons = failures[["error_code", "photos"]].sort_values("error_code").values.tolist()
    assert reasons == [["broken", 1], ["unreadable", 1]]
    hours = views.read(database, "job_hours").sort_values("status")
    assert hours[["status", "jobs", "median_seconds"]].values.tolist() == [
        ["completed", 2, 9],
        ["failed", 1, 9],
    ]
    assert views.read(database, "decisions")["decisions"].sum() == 3
    runs = views.read(database, "clusterings").sort_values("created_at")
    assert runs["kind"].tolist() == ["full", "incremental"]
    assert runs["faces"].tolist() == [48, 52]


def test_a_view_that_is_not_there_is_an_error_that_names_the_mend(database: sa.Engine) -> None:
    with pytest.raises(DatabaseError, match="memoria migrate"):
        views.read(database, "secrets")


def test_the_analyst_writes_nothing_and_reads_no_table_round_the_views(
    conn: sa.Connection,
) -> None:
    an_event(conn)
    conn.execute(sa.text("set local role memoria_analyst"))
    for attempt in (
        "select fingerprint from memoria.comparisons",
        "select actor_id from memoria.decisions",
        "select face_ids from memoria.decisions",
        "select reason from memoria.cluster_runs",
        "delete from memoria.comparisons",
    ):
        with pytest.raises(DBAPIError, match="permission denied"), conn.begin_nested():
            conn.execute(sa.text(attempt))


@pytest.fixture
def visitor(database: sa.Engine) -> Iterator[sa.Engine]:
    """A login that nobody has granted anything."""
    with database.begin() as conn:
        conn.execute(sa.text("create role visitor login"))
    engine = sa.create_engine(database.url.set(username="visitor"), poolclass=sa.NullPool)
    yield engine
    with database.begin() as conn:
        conn.execute(sa.text("drop role visitor"))


def test_a_login_that_may_not_become_the_analyst_is_told_so(visitor: sa.Engine) -> None:
    with pytest.raises(DatabaseError, match="grant memoria_analyst"):
        views.read(visitor, "review")


def test_reading_changes_nothing(database: sa.Engine) -> None:
    with db.connect(database) as conn:
        views.become(conn)
        assert one(conn, "select current_user") == views.ROLE
        assert one(conn, "show transaction_read_only") == "on"
