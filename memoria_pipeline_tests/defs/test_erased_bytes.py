"""After an erasure, no file of the server, of the home or of Dagster has a byte of who is gone."""

from collections.abc import Iterator

import dagster as dg
import pytest
import sqlalchemy as sa

from memoria_pipeline.defs.erasing import carry_out
from memoria_pipeline.store import db
from memoria_pipeline_tests.defs.erased import Guest, Office
from memoria_pipeline_tests.store import residue


@pytest.fixture(scope="module")
def office(
    server: str, module_database: sa.Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """As its superuser, which our login of the embedded server is: it may checkpoint."""
    url = sa.make_url(server).set(database=module_database.url.database)
    engine = db.engine(url.render_as_string(hide_password=False))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Office(engine, tmp_path_factory.mktemp("home"), instance)
    engine.dispose()


def everywhere(office: Office, needles: list[bytes]) -> dict[str, int]:
    with office.engine.connect() as conn:
        return residue.found([*residue.server_files(conn), office.home], needles)


def canaries(guest: Guest) -> list[bytes]:
    theirs = [*residue.of_id(str(guest.user)), *residue.of_text(guest.email)]
    return theirs + [window for vector in guest.vectors for window in residue.of_vector(vector)]


def busy(office: Office, guest: Guest) -> None:
    """What a living server does to rows: samples them, moves them, writes them to its log twice."""
    office.mail_to(guest.email)
    with db.connect(office.engine) as conn:
        conn.execute(sa.text("update memoria.faces set quality_score = quality_score / 2"))
        conn.execute(sa.text("update memoria.event_members set display_name = 'A guest'"))
    with office.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("analyze"))
        conn.execute(sa.text("checkpoint"))
    with db.connect(office.engine) as conn:
        conn.execute(sa.text("update memoria.media_tags set source = 'manual'"))
        conn.execute(_INVITATION, {"e": guest.event, "p": guest.person, "m": guest.email})
    for refused in (
        "insert into memoria.event_members (event_id, user_id, role, email)"
        " values (:e, :u, 'guest', :m)",  # twice
        "select cast(:m as uuid)",
    ):
        with pytest.raises(sa.exc.DBAPIError), office.engine.begin() as conn:
            conn.execute(sa.text(refused), {"e": guest.event, "u": guest.user, "m": guest.email})


_INVITATION = sa.text(
    "insert into memoria.invitations (event_id, person_id, invited_by, email, token_hash,"
    " expires_at) values (:e, :p, gen_random_uuid(), :m, sha256(:m), now())"
)


def test_no_byte_of_the_erased_is_in_any_file_and_others_are_whole(office: Office) -> None:
    guest, other = office.guest(20), office.guest()
    for each in (guest, other):
        busy(office, each)
    assert everywhere(office, canaries(guest))
    carry_out(office.work, [office.ask(guest)])
    assert everywhere(office, canaries(guest)) == {}
    there = "select count(*) from memoria.faces where event_id = :e"
    assert (office.one(there, e=guest.event), office.one(there, e=other.event)) == (20, 6)


def test_nor_of_an_event(office: Office) -> None:
    guest = office.guest()
    busy(office, guest)
    carry_out(office.work, [office.ask(guest, "event")])
    assert everywhere(office, canaries(guest)) == {}
