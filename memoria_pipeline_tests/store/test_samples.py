"""The planner samples values; a table that is emptied keeps its samples until they are dropped."""

from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store import members, rewrite
from memoria_pipeline_tests.store.factories import an_event

SAMPLED = sa.text(
    "select count(*) from pg_stats where schemaname = 'memoria' and tablename = 'event_members'"
    " and attname = 'email'"
)


def sampled(server: str, engine: sa.Engine) -> int:
    """Whether addresses are sampled: row level security hides that from all but superusers."""
    admin = sa.create_engine(sa.make_url(server).set(database=engine.url.database))
    with admin.connect() as conn:
        found = int(conn.execute(SAMPLED).scalar_one())
    admin.dispose()
    return found


def five_guests(engine: sa.Engine) -> UUID:
    """Five addresses, each of two events, which is what is worth a sample."""
    with engine.begin() as conn:
        event, other = an_event(conn), an_event(conn)
        for n in range(5):
            members.add(conn, event, "guest", email=f"guest{n}@example.org")
            members.add(conn, other, "guest", email=f"guest{n}@example.org")
        conn.execute(sa.text("analyze memoria.event_members"))
    return event


def test_no_address_stays_among_the_samples_of_a_table_that_is_empty_now(
    server: str, database: sa.Engine
) -> None:
    event = five_guests(database)
    assert sampled(server, database) == 1
    with database.begin() as conn:
        conn.execute(sa.text("delete from memoria.event_members"))
    done = rewrite.rewrite(database, [event], 100_000_000)
    assert sampled(server, database) == 0
    assert not [name for name in done.refused if name.startswith("samples")]


def test_samples_of_a_table_that_holds_rows_stay_for_the_planner(
    server: str, database: sa.Engine
) -> None:
    rewrite.rewrite(database, [five_guests(database)], 100_000_000)
    assert sampled(server, database) == 1
