"""Brings a database to the schema of `sql/migrations`: forward only, one transaction a file."""

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db, embedded

_LOCK = 0x4D454D4F  # "MEMO": one number that all our processes agree on
_NOISE = re.compile(
    r"^(\\(un)?restrict .*|set [^=]+ = .*;|select pg_catalog\.set_config\(.*|--.*)$"
)


def folder() -> Path:
    """`sql/migrations`: inside the installed package, or at the root of a checkout."""
    packaged = Path(str(resources.files("memoria_pipeline"))) / "sql" / "migrations"
    checkout = Path(__file__).parents[2] / "sql" / "migrations"
    for candidate in (packaged, checkout):
        if candidate.is_dir():
            return candidate
    raise DatabaseError(
        f"No SQL migrations at {packaged} or {checkout}; install the package again."
    )


def migrate(engine: sa.Engine, source: Path | None = None) -> list[str]:
    """Apply what is missing; return the names applied, in order. Commits file by file.

    Any number of processes may call it at once. Raises DatabaseError, naming the file, when one
    fails, when one was changed after it was applied, and when the database has one we do not know.
    """
    files = {
        path.stem: path.read_text("utf8") for path in sorted((source or folder()).glob("*.sql"))
    }
    applied = []
    for name in files:
        with db.connect(engine) as conn:
            # For one transaction, not for the session: a transaction pooler may sit between.
            conn.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            known = recorded(conn)
            refuse_strangers(known, files)
            if name not in known:
                _apply(conn, name, files[name])
                applied.append(name)
            if known.get(name) is None:
                _record(conn, name, files[name])
    return applied


def recorded(conn: sa.Connection) -> dict[str, str | None]:
    """name → sha256, which is null where psql applied the file."""
    if conn.scalar(sa.text("select to_regclass('memoria.migrations')")) is None:
        return {}
    rows = conn.execute(sa.text("select name, sha256 from memoria.migrations"))
    return {row.name: row.sha256 for row in rows}


def refuse_strangers(known: Mapping[str, str | None], files: Mapping[str, str]) -> None:
    for name, digest in sorted(known.items()):
        if name not in files:
            raise DatabaseError(
                f"The database has migration {name}, which this version does not know: "
                "the database is newer. Update memoria-pipeline."
            )
        if digest is not None and digest != _sha256(files[name]):
            raise DatabaseError(
                f"Migration {name} was changed after this database applied it. Restore the file; "
                "a change to the schema is a new file."
            )


def _apply(conn: sa.Connection, name: str, sql: str) -> None:
    try:
        # no_parameters: a % in the SQL is a %, and several statements are one script.
        conn.exec_driver_sql(sql, execution_options={"no_parameters": True})
    except DBAPIError as error:
        reason = str(error.orig).strip()
        raise DatabaseError(f"Migration {name} failed and changed nothing: {reason}") from error


def _record(conn: sa.Connection, name: str, sql: str) -> None:
    # Every file writes its own name, so that psql leaves a record too; we know the content.
    conn.execute(
        sa.text(
            "insert into memoria.migrations (name, sha256) values (:name, :sha256)"
            " on conflict (name) do update set sha256 = excluded.sha256"
        ),
        {"name": name, "sha256": _sha256(sql)},
    )


def _sha256(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()


def dump(url: str, pg_dump: Path) -> str:
    """The schema of the database at `url` as SQL, without what differs from dump to dump.

    `pg_dump` is the program, of the server's major version or newer.
    """
    where = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    schemas = ["--schema=memoria", "--schema=analytics"]
    done = subprocess.run(
        [str(pg_dump), "--schema-only", "--no-owner", *schemas, where],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DatabaseError(f"{pg_dump} failed: {done.stderr.strip()}")
    return _normalised(done.stdout)


def _normalised(text: str) -> str:
    kept = [line for line in text.splitlines() if not _NOISE.match(line.lower())]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


def dump_fresh() -> str:
    """The schema of a freshly migrated database on the embedded server."""
    with (
        tempfile.TemporaryDirectory(prefix="memoria-") as home,
        embedded.running(Path(home)) as url,
    ):
        made = db.create_database(url.render_as_string(hide_password=False), "fresh")
        engine = sa.create_engine(made, poolclass=sa.pool.NullPool)
        migrate(engine)
        return dump(made, embedded.binaries() / "pg_dump")


if __name__ == "__main__":  # python -m memoria_pipeline.store.migrate > sql/schema.sql
    sys.stdout.write(dump_fresh())
