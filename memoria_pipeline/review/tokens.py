"""Bearer tokens: JWTs of ours or of a Supabase project, and the key that servers may show."""

import hmac
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import jwt

AUDIENCE = "authenticated"
SERVICE = "service_role"
_LEEWAY = 10  # seconds that clocks may differ
_OTHERS = ("RS256", "ES256", "EdDSA")  # never HS256 with a public key
_REFRESH = 60.0  # seconds between two looks for a key that is not known


@dataclass(frozen=True, slots=True)
class Claims:
    """Whom a token stands for: a user, or a server of ours."""

    user: UUID | None
    service: bool = False


class KeySet:
    """The public keys at an address, fetched when needed and kept for five minutes."""

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, cache_keys=False, lifespan=300, timeout=5)
        self._lock = threading.Lock()
        self._looked = float("-inf")

    def key(self, kid: str | None) -> jwt.PyJWK | None:
        """The key of this id; a new one is looked for once a minute at most, whoever asks."""
        with self._lock:
            found = self._among(self._client.get_signing_keys(), kid)
            if found is None and time.monotonic() - self._looked > _REFRESH:
                self._looked = time.monotonic()
                found = self._among(self._client.get_signing_keys(refresh=True), kid)
        return found

    @staticmethod
    def _among(keys: list[jwt.PyJWK], kid: str | None) -> jwt.PyJWK | None:
        return next((each for each in keys if each.key_id == kid), None)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Reads tokens, and makes those of `memoria token`. Secrets never show."""

    secret: str = field(repr=False)
    keys: KeySet | None = None
    service_key: str | None = field(default=None, repr=False)

    def make(self, user: UUID | None, seconds: int, *, service: bool = False) -> str:
        """A token for a user, or for a server of ours."""
        now = int(time.time())
        claims: dict[str, Any] = {"aud": AUDIENCE, "iat": now, "exp": now + seconds}
        claims |= {"role": SERVICE if service else AUDIENCE}
        claims |= {} if user is None else {"sub": str(user)}
        return jwt.encode(claims, self.secret, algorithm="HS256")

    def read(self, token: str) -> Claims | None:
        """Whom the token stands for; None where it is not valid, whatever the reason."""
        given = self.service_key
        if given is not None and hmac.compare_digest(token.encode(), given.encode()):
            return Claims(None, service=True)
        try:
            return _claims(self._verified(token))
        except (jwt.PyJWTError, ValueError, TypeError):
            return None

    def _verified(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        # The audience is looked at below: a project's service key has none.
        options: Any = {"require": ["exp"], "verify_aud": False}
        if header.get("alg") == "HS256":
            return jwt.decode(
                token, self.secret, algorithms=["HS256"], leeway=_LEEWAY, options=options
            )
        key = self.keys.key(header.get("kid")) if self.keys else None
        if key is None:
            raise jwt.InvalidKeyError("no such key")
        return jwt.decode(token, key, algorithms=_OTHERS, leeway=_LEEWAY, options=options)


def _claims(said: dict[str, Any]) -> Claims | None:
    audience = said.get("aud")
    listed = [audience] if isinstance(audience, str) else audience
    if said.get("role") == SERVICE:
        return Claims(None, service=True) if listed is None or AUDIENCE in listed else None
    if listed is None or AUDIENCE not in listed or said.get("role", AUDIENCE) != AUDIENCE:
        return None
    return Claims(UUID(str(said["sub"]))) if "sub" in said else None
