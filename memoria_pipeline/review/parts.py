"""What the application is made of, once per process: database, secrets, mail, limits, the model."""

from dataclasses import dataclass, field

import anyio
import sqlalchemy as sa

from memoria_pipeline.errors import SettingsError
from memoria_pipeline.review.limits import Limiter
from memoria_pipeline.review.mail import Mail, mail_of
from memoria_pipeline.review.models import Models
from memoria_pipeline.review.signed import Signer
from memoria_pipeline.review.tokens import KeySet, Tokens
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import callers, db
from memoria_pipeline.store.secrets import secret_of
from memoria_pipeline.vision.detector import Detector

DECODES = 2  # of photos at a time: one of 128 MP takes 400 MB
AT_ONCE = 16  # transactions at a time; each has a connection, and an action may need a second one


@dataclass(frozen=True, slots=True)
class Parts:
    """engine: of the login memoria_api. signer: of pictures' addresses. tokens: of callers.

    models: face models, loaded when first asked for. gate: lets AT_ONCE transactions run;
    decodes, processing: DECODES pictures be made, and photos analysed.
    """

    engine: sa.Engine
    settings: Settings
    signer: Signer
    tokens: Tokens
    mail: Mail
    limiter: Limiter = field(default_factory=Limiter)
    models: Models = field(default_factory=lambda: Models(Detector()))
    gate: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(AT_ONCE))
    decodes: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(DECODES))
    processing: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(DECODES))


def parts_of(settings: Settings) -> Parts:
    """What these settings ask for.

    Raises SettingsError without MEMORIA_API_DATABASE_URL, DatabaseError for a login that could do
    more than the caller may.
    """
    if settings.api_database_url is None:
        raise SettingsError(
            "The review has no login of its own: set MEMORIA_API_DATABASE_URL to one of the role"
            " memoria_api, or use the embedded database."
        )
    engine = db.pooled(settings.api_database_url, AT_ONCE)
    callers.refuse_strong_login(engine)
    return Parts(
        engine,
        settings,
        Signer(secret_of(settings.home, "signing", settings.signing_secret).encode()),
        tokens_of(settings),
        mail_of(settings),
        models=Models(Detector(**settings.detector)),
    )


def tokens_of(settings: Settings) -> Tokens:
    """Who may sign tokens."""
    keys = KeySet(settings.jwks_url) if settings.jwks_url else None
    secret = secret_of(settings.home, "jwt", settings.jwt_secret)
    return Tokens(secret, keys, settings.service_key)
