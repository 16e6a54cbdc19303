"""The database: that it is there, and as this version wants it."""

from memoria_pipeline.doctor.finding import Finding, fail, ok, warn
from memoria_pipeline.store.health import Server

_OLDEST = 140000  # PostgreSQL
_OLDEST_VECTOR = (0, 7)  # has halfvec


def server(found: Server, *, embedded: bool, port: int | None) -> Finding:
    """Its version, and what we may do there. port: of the address; 6543 is Supabase's pooler."""
    said = f"PostgreSQL {found.version // 10000}, {'embedded' if embedded else 'your own'}"
    if found.version < _OLDEST:
        return fail("database", said, "Use PostgreSQL 14 or newer.")
    if found.readonly:
        return fail("database", f"{said}, a standby", "Name the primary in MEMORIA_DATABASE_URL.")
    if not found.service:
        mend = "As its owner: grant memoria_service to the role of MEMORIA_DATABASE_URL."
        return fail("database", f"{said}; this role may not act as the service", mend)
    if port == 6543:
        mend = "Use the direct or session address: a transaction pooler loses a run's locks."
        return warn("database", f"{said}, at port 6543", mend)
    return ok("database", said)


def extension(found: Server) -> Finding:
    """pgvector, with half-precision vectors."""
    if found.vector is None:
        how = (
            "As a superuser: create extension vector."
            if found.offered
            else "Install pgvector on the server, then: create extension vector."
        )
        return fail("extension", "pgvector is not installed in this database", how)
    if tuple(int(part) for part in found.vector.split(".")[:2]) < _OLDEST_VECTOR:
        mend = "alter extension vector update; it must be 0.7 or newer."
        return fail("extension", f"pgvector {found.vector} is too old", mend)
    return ok("extension", f"pgvector {found.vector}")


def migrations(pending: list[str]) -> Finding:
    """Whether the schema is this version's."""
    if not pending:
        return ok("migrations", "the schema is this version's")
    some = ", ".join(pending[:3]) + (", …" if len(pending) > 3 else "")
    return fail("migrations", f"{len(pending)} are missing: {some}", "Run `memoria migrate`.")
