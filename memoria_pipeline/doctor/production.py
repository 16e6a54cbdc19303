"""What is fit for trying out and not for the public: looked at where that is said to be the case.

That is so with MEMORIA_PRODUCTION=true, and wherever browsers reach the review from elsewhere.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from memoria_pipeline.doctor.finding import Finding, fail, ok, warn
from memoria_pipeline.settings import Settings

_HERE = ("127.0.0.1", "localhost", "::1")
_WEAK = ("", "postgres", "password", "memoria", "secret", "changeme", "admin", "example")


def is_meant(settings: Settings) -> bool:
    """Whether this is for the public."""
    return settings.production or urlsplit(settings.review_url).hostname not in _HERE


def findings(settings: Settings) -> Iterator[Finding]:
    """One for each thing that must not stay as it is; one that all is well where none is."""
    if not is_meant(settings):
        yield ok("production", "for this machine only (MEMORIA_PRODUCTION is not set)")
        return
    wrong = [fail("production", what, mend) for what, mend in _wrong(settings)]
    yield from wrong or [ok("production", "no default and no weak secret is left")]
    if settings.retention_days is None:
        yield warn(
            "retention",
            "an event that says no date keeps its faces until somebody archives it",
            "Set MEMORIA_RETENTION_DAYS; 30 to 90 days is what people expect.",
        )


def _wrong(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from _addresses(settings)
    yield from _secrets(settings)
    yield from _passwords(settings)


def _addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    if not settings.review_url.startswith("https://"):
        yield (
            "MEMORIA_REVIEW_URL is not https://: sessions and photos can be read on the way",
            "Put a proxy with TLS in front, and set it to that address.",
        )
    if settings.callback_allow_private:
        yield (
            "MEMORIA_CALLBACK_ALLOW_PRIVATE is on: who names an address reaches this network",
            "Unset it, and name public https:// addresses only.",
        )
    if settings.jwks_url and not settings.jwks_url.startswith("https://"):
        yield ("MEMORIA_JWKS_URL is not https://: whoever is on the way signs tokens", "Mend it.")
    if settings.smtp_url is None:
        yield (
            "mails, with links that sign in, lie as files in outbox/",
            "Set MEMORIA_SMTP_URL and MEMORIA_MAIL_FROM.",
        )


def _secrets(settings: Settings) -> Iterator[tuple[str, str]]:
    given = {
        "MEMORIA_JWT_SECRET": settings.jwt_secret,
        "MEMORIA_SIGNING_SECRET": settings.signing_secret,
        "MEMORIA_MASTER_KEY": settings.master_key,
    }
    missing = [name for name, value in given.items() if value is None]
    if missing:
        yield (
            f"{' and '.join(missing)} are random files beside the data that they protect",
            "Give them from a secret store: openssl rand -hex 32, as variables or as ..._FILE.",
        )
    if settings.callback_url and not settings.callback_secret:
        yield ("callbacks are not signed", "Set MEMORIA_CALLBACK_SECRET to 32 characters or more.")
    known = [each for each in (*given.values(), settings.service_key) if each]
    known += [settings.callback_secret] if settings.callback_secret else []
    if any(len(set(each)) < 10 or _is_weak(each) for each in known):
        yield ("a secret can be guessed", "Make it anew: openssl rand -hex 32.")
    if len(set(known)) < len(known):
        yield ("two secrets are the same", "Give each its own: openssl rand -hex 32.")


def _is_weak(secret: str) -> bool:
    return any(each and secret.lower().count(each) for each in _WEAK)


def _passwords(settings: Settings) -> Iterator[tuple[str, str]]:
    urls = {
        "MEMORIA_DATABASE_URL": settings.database_url,
        "MEMORIA_DAGSTER_DATABASE_URL": settings.dagster_database_url,
        "MEMORIA_API_DATABASE_URL": settings.api_database_url,
    }
    if settings.database_url is None:
        yield (
            "the database is the embedded one: everybody who is this user may do everything",
            "Use a server: MEMORIA_DATABASE_URL and MEMORIA_API_DATABASE_URL.",
        )
    for name, text in urls.items():
        if text is not None and _open(text):
            yield (
                f"{name} leads to another machine without TLS, or with a password that is none",
                "Add ?sslmode=verify-full, and give the role a password of its own.",
            )


def _open(text: str) -> bool:
    """Whether a database elsewhere is reached in the clear, or by a password that all know."""
    try:
        url = make_url(text)
    except ArgumentError:
        return False  # the database itself says so
    host = url.host or str(url.query.get("host", ""))
    if host in ("", *_HERE) or host.startswith("/"):
        return False
    safe = url.query.get("sslmode") in ("require", "verify-ca", "verify-full")
    return not safe or (url.password is not None and str(url.password).lower() in _WEAK)
