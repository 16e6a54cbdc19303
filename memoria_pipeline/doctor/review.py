"""The review: that its login is a weak one, and that its secrets and addresses are fit for it."""

from pathlib import Path
from urllib.parse import urlsplit

from memoria_pipeline.doctor.finding import Finding, fail, ok, warn
from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import callers, db

_HERE = ("127.0.0.1", "localhost", "::1")


def login(settings: Settings, memoria: str) -> Finding:
    """Whether the server could do more than its callers may. memoria: the pipeline's own URL."""
    url = settings.api_database_url
    if url is None and settings.database_url is not None:
        return ok("review", "MEMORIA_API_DATABASE_URL is not set: no review is served")
    engine = db.pooled(url or db.of_the_review(memoria), 1)
    try:
        callers.refuse_strong_login(engine)
    except DatabaseError as error:
        mend = "Give it a login of the role memoria_api, with a password; see deploy/README.md."
        return fail("review", str(error), mend)
    finally:
        engine.dispose()
    return ok("review", "its login can do what a caller may, no more")


def secrets(settings: Settings) -> Finding:
    """What signs tokens and addresses."""
    given = (settings.jwt_secret, settings.signing_secret, settings.service_key)
    known = [each for each in (*given, settings.callback_secret, settings.master_key) if each]
    if len(set(known)) < len(known):
        mend = "Give each its own: openssl rand -hex 32."
        return fail("secrets", "two secrets are the same: who has one could forge the other", mend)
    if any(len(set(each)) < 10 for each in known):
        mend = "Make it anew: openssl rand -hex 32."
        return fail("secrets", "a secret is a pattern that can be guessed", mend)
    if [each for each in _files(settings.home) if each.stat().st_mode & 0o077]:
        mend = "chmod 600 secrets/* in MEMORIA_HOME."
        return fail("secrets", "others on this machine can read a secret's file", mend)
    random = "given" if all(given[:2]) else "random files that only we can read"
    return ok("secrets", f"of the review: {random}")


def _files(home: Path) -> list[Path]:
    folder = home / "secrets"
    return [each for each in folder.iterdir() if each.is_file()] if folder.is_dir() else []


def address(settings: Settings) -> Finding:
    """What browsers call the review, and whether mails reach anybody."""
    url = urlsplit(settings.review_url)
    if url.hostname in _HERE:
        return ok("address", "the review is for this machine (MEMORIA_REVIEW_URL)")
    if url.scheme != "https":
        mend = "Put a proxy with TLS in front, and set MEMORIA_REVIEW_URL to its https:// address."
        return fail("address", "the review is reached without TLS: sessions can be read", mend)
    if settings.smtp_url is None:
        mend = "Set MEMORIA_SMTP_URL, and MEMORIA_MAIL_FROM."
        return warn("address", "mails stay in outbox/: nobody gets a link to sign in", mend)
    return ok("address", "the review is reached by https, and mails are sent")
