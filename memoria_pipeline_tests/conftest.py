"""What tests of several rooms share: real photos, a real model pack (neither is part of the
repository), a real PostgreSQL."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline.store import embedded
from memoria_pipeline.store.migrate import migrate

ROOT = Path(__file__).resolve().parents[1]


def _shared(path: Path) -> Path:
    if not path.is_dir():
        pytest.skip(f"no {path.name}/ beside the repository (see MEMORIA_TEST_DATA)")
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public photographs and awkward files of the tests."""
    return _shared(Path(os.environ.get("MEMORIA_TEST_DATA", ROOT.parent / "shared" / "data")))


@pytest.fixture(scope="session")
def shared_models(shared_data: Path) -> Path:
    """The folder of model packs."""
    return _shared(shared_data.parent / "models")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of the maintenance database of an embedded server; nothing else uses that server."""
    # Not tmp_path: that is too long for a socket, and pytest's folders are 0700.
    with (
        tempfile.TemporaryDirectory(prefix="memoria-", ignore_cleanup_errors=True) as home,
        embedded.running(Path(home)) as url,
    ):
        text = url.render_as_string(hide_password=False)
        with _admin(text) as admin:
            admin.execute(sa.text("alter system set fsync = off"))  # it is thrown away anyway
            admin.execute(sa.text("select pg_reload_conf()"))
        yield text


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """The URL of a migrated, empty database, which stays so, for its owner.

    That is no superuser: row level security would not be there for one.
    """
    with _admin(server) as admin:
        admin.execute(sa.text("create role owner login createrole"))
        theirs = ("memoria_service", "memoria_erasure")
        for role in (*theirs, "memoria_analyst", "authenticated", "anon"):
            if admin.scalar(sa.text("select to_regrole(:role) is null"), {"role": role}):
                admin.execute(sa.text(f"create role {role} nologin"))
        if admin.scalar(sa.text("select to_regrole('memoria_api') is null")):
            admin.execute(sa.text("create role memoria_api login noinherit"))
        admin.execute(sa.text("grant authenticated to memoria_api"))
        admin.execute(sa.text(f"grant {', '.join(theirs)} to owner"))
        # to become them in a test, not to have their rights
        others = "memoria_analyst, authenticated, anon, memoria_api"
        admin.execute(sa.text(f"grant {others} to owner with inherit false, set true"))
        admin.execute(sa.text("create database template owner owner"))
    url = sa.make_url(server).set(database="template")
    with _admin(url.render_as_string(hide_password=False)) as admin:
        admin.execute(sa.text("create extension vector"))
    engine = sa.create_engine(url.set(username="owner"), poolclass=sa.NullPool)
    migrate(engine)
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def shared_engine(template: str) -> Iterator[sa.Engine]:
    """Connections to the migrated database for tests that roll back."""
    engine = sa.create_engine(template)
    yield engine
    engine.dispose()


@pytest.fixture
def conn(shared_engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction in a migrated, empty database; rolled back afterwards."""
    with shared_engine.connect() as connection:
        yield connection


@pytest.fixture
def database(server: str, template: str, shared_engine: sa.Engine) -> Iterator[sa.Engine]:
    """A migrated, empty database of one's own, for tests that commit."""
    with _copied(server, template, shared_engine) as engine:
        yield engine


@pytest.fixture(scope="module")
def module_database(server: str, template: str, shared_engine: sa.Engine) -> Iterator[sa.Engine]:
    """One for all tests of a module: each must put back what the others would stumble over."""
    with _copied(server, template, shared_engine) as engine:
        yield engine


@contextmanager
def _copied(server: str, template: str, shared: sa.Engine) -> Iterator[sa.Engine]:
    name = f"test_{uuid4().hex}"
    shared.dispose()  # a template is copied only while nobody is connected to it
    with _admin(server) as admin:
        admin.execute(sa.text(f"create database {name} template template owner owner"))
    engine = sa.create_engine(sa.make_url(template).set(database=name))
    yield engine
    engine.dispose()
    with _admin(server) as admin:
        admin.execute(sa.text(f"drop database {name} with (force)"))


def _admin(url: str) -> sa.Connection:
    """A connection on which every statement commits by itself, as those on databases must."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    return engine.connect()
