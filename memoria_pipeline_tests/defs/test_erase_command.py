"""`memoria erase …`, in a real database; what it prints, and after a restore."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import dagster as dg
import pytest
import sqlalchemy as sa
from rich.console import Console
from typer.testing import CliRunner

from memoria_pipeline.commands import erase as command
from memoria_pipeline.commands import erasing
from memoria_pipeline.defs.erasing import carry_out
from memoria_pipeline.errors import ErasureError, MemoriaError, SettingsError
from memoria_pipeline.services import erasing as service
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import db, ledger
from memoria_pipeline_tests.defs.erased import KEYS, Office

Type = Callable[..., str]


@pytest.fixture(scope="module")
def office(
    module_database: sa.Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Office(module_database, tmp_path_factory.mktemp("home"), instance)


@pytest.fixture
def memoria(office: Office, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types `memoria erase …`; the job is done here instead of in a process of its own."""
    url = office.url
    chosen = Settings(
        home=office.home,
        database_url=url,
        dagster_database_url=url,
        erasure_key="s" * 32,
        subject_key="t" * 32,
    )

    @contextmanager
    def database() -> Iterator[sa.Connection]:
        with db.connect(db.engine(url)) as conn:
            yield conn

    def here(ids: Sequence[UUID], *_: object) -> None:
        carry_out(office.work, ids)

    monkeypatch.setattr(erasing, "settings", lambda: chosen)
    monkeypatch.setattr(service, "carry_out", here)
    for module in (command, erasing):
        monkeypatch.setattr(module, "database", database)

    def run(*words: object, typed: str = "") -> str:
        for module in (command, erasing):
            monkeypatch.setattr(module, "out", Console(width=300, highlight=False))
        done = CliRunner().invoke(command.app, [str(word) for word in words], input=typed)
        if isinstance(done.exception, MemoriaError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run


def receipt_in(shown: str) -> UUID:
    return UUID(shown.split("Receipt")[1].split()[0])


def test_a_person_is_erased_by_their_address_which_is_typed_and_never_shown(
    office: Office, memoria: Type
) -> None:
    guest = office.guest()
    shown = memoria("person", guest.event, "--email", "-", "--yes", typed=f"{guest.email}\n")
    assert "3 faces" in shown
    assert guest.email not in shown
    done = receipt_in(shown)
    assert "in the ledger" in memoria("verify", done)
    assert "nothing of them is left" in memoria("verify", done, "--user", guest.user)
    with pytest.raises(ErasureError, match="another one's"):
        memoria("verify", done, "--user", UUID(int=9))
    assert str(done) in memoria("list")
    assert str(done) not in memoria("list", "--open")


def test_an_address_that_only_the_log_has_any_more_is_erased_from_it(
    office: Office, memoria: Type
) -> None:
    guest = office.guest()
    with db.connect(office.engine) as conn:  # the organiser mistyped it, and took it back
        conn.execute(
            sa.text(
                "insert into memoria.decisions (event_id, kind, actor_id, person_id, details)"
                " values (:e, 'invite', :u, :p, '{\"email\": \"Old@Example.org\"}')"
            ),
            {"e": guest.event, "u": guest.user, "p": guest.person},
        )
    shown = memoria("person", guest.event, "--email", "-", "--yes", typed="old@example.org\n")
    assert "in the ledger" in memoria("verify", receipt_in(shown))
    logged = "select count(*) from memoria.decisions where event_id = :e and details ? 'email'"
    assert office.one(logged, e=guest.event) == 0
    theirs = "select count(*) from memoria.event_members where user_id = :u"
    assert office.one(theirs, u=guest.user) == 1


def test_what_cannot_be_meant_is_refused_before_anything_is_asked_for(
    office: Office, memoria: Type
) -> None:
    guest = office.guest()
    with pytest.raises(SettingsError, match="not for the command line"):
        memoria("person", guest.event, "--email", guest.email, "--yes")
    with pytest.raises(ErasureError, match="Say who"):
        memoria("person", guest.event)
    with pytest.raises(ErasureError, match="Nobody in this event"):
        memoria("person", guest.event, "--email", "-", "--yes", typed="nobody@example.org\n")
    with pytest.raises(ErasureError, match="no erasure"):
        memoria("verify", UUID(int=5))
    with pytest.raises(ErasureError, match="neither an erasure's id nor a file"):
        memoria("verify", "nonsense")
    assert (
        office.one("select count(*) from memoria.erasures where event_id = :e", e=guest.event) == 0
    )


def test_all_receipts_are_verified_and_a_changed_ledger_is_found(
    office: Office, memoria: Type, tmp_path: Path
) -> None:
    guest = office.guest()
    memoria("photos", guest.event, guest.album.photos[0], "--yes")
    assert "unchanged" in memoria("verify")
    assert memoria("key").strip() == KEYS.public
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(office.work.ledger.read_bytes())
    count = len(ledger.read(copy))
    assert f"{count} receipts" in memoria("verify", copy, "--key", KEYS.public)
    copy.write_text(copy.read_text().replace('"photos": 1', '"photos": 2'))
    with pytest.raises(ErasureError, match="was changed"):
        memoria("verify", copy)


def test_an_id_of_nobody_is_not_called_erased_and_ids_are_listed_whole_on_a_narrow_screen(
    office: Office, memoria: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    told = memoria("person", office.guest().event, "--person", UUID(int=7), "--yes")
    assert "none of it was there" in told
    assert told.split()[-1] in memoria("list").split()


def test_after_a_restore_the_erased_go_again_and_nobody_else(office: Office, memoria: Type) -> None:
    guest, whole = office.guest(), office.guest()
    rows = _saved(office, guest.event)
    memoria("person", guest.event, "--user", guest.user, "--yes")
    memoria("event", whole.event, "--yes")
    assert "nobody of them is there" in memoria("replay", "--yes")
    _restore(office, rows)
    there = "select count(*) from memoria.event_members where user_id = :u"
    assert office.one(there, u=guest.user) == 1
    assert "Receipt" in memoria("replay", "--yes")
    assert office.one(there, u=guest.user) == 0
    left = "select count(*) from memoria.event_members where event_id = :e"
    assert office.one(left, e=guest.event) == 1
    assert "nobody of them is there" in memoria("replay", "--yes")


def _saved(office: Office, event: UUID) -> str:
    """The members of the event, as a backup has them."""
    query = "select jsonb_agg(m) from memoria.event_members m where event_id = :e"
    return str(office.one(query.replace("jsonb_agg(m)", "jsonb_agg(m)::text"), e=event))


def _restore(office: Office, rows: str) -> None:
    query = (
        "insert into memoria.event_members select * from"
        " jsonb_populate_recordset(null::memoria.event_members, cast(:rows as jsonb))"
        " on conflict do nothing"
    )
    with db.connect(office.engine) as conn:
        conn.execute(sa.text(query), {"rows": rows})
