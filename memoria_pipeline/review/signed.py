"""Addresses of pictures that a browser may load for an hour: signed, so that nobody can guess one.

A signature is only made for what row level security has just shown to the caller, and says for
whom: what of the picture that user gets is decided when it is rendered, not when it was signed.
"""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

_STEP = 1800  # seconds: within one half hour an address stays the same, so that browsers keep it

Kind = Literal["photo", "face"]
SIZES: dict[Kind, tuple[int, ...]] = {
    "photo": (320, 640, 1280, 2048),  # the longer side
    "face": (64, 128, 256, 512),  # a square
}


@dataclass(frozen=True, slots=True)
class Signer:
    """HMAC-SHA256 over path, size, expiry and viewer. It pickles nothing and shows nothing.

    viewer: whose eyes the addresses are for; None: anybody's, as in a mail.
    """

    secret: bytes = field(repr=False)
    viewer: UUID | None = None

    def of(self, viewer: UUID | None) -> "Signer":
        """Makes addresses for this user's eyes."""
        return replace(self, viewer=viewer)

    def url(self, kind: Kind, event: UUID, thing: UUID, size: int, now: float | None = None) -> str:
        """The address of a photo, or of a face cut out of one; between 30 and 60 minutes valid.

        size: pixels; the next larger one of SIZES is signed, so that few are made and kept.
        """
        until = expiry(time.time() if now is None else now)
        size = next((each for each in SIZES[kind] if each >= size), SIZES[kind][-1])
        path = f"/pictures/{kind}/{event}/{thing}"
        eyes = "" if self.viewer is None else self.eyes(event, self.viewer)
        signature = self._signature(path, size, until, eyes)
        return f"{path}?size={size}&exp={until}&for={eyes}&sig={signature}"

    def eyes(self, event: UUID, viewer: UUID) -> str:
        """What stands for a user in an address: an id would end up in logs of proxies."""
        return self._hmac(f"viewer\n{event}\n{viewer}")[:16]

    def is_right(
        self, path: str, size: int, until: int, eyes: str, signature: str, now: float | None = None
    ) -> bool:
        """Whether we signed this, and it is not over."""
        right = self._signature(path, size, until, eyes)
        same = hmac.compare_digest(right.encode(), signature.encode())
        return same and until > (time.time() if now is None else now)

    def _signature(self, path: str, size: int, until: int, eyes: str) -> str:
        return self._hmac(f"{path}\n{size}\n{until}\n{eyes}")

    def _hmac(self, text: str) -> str:
        digest = hmac.new(self.secret, text.encode(), hashlib.sha256).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def expiry(now: float) -> int:
    """The end of the running half hour and thirty minutes, in seconds since 1970."""
    return (int(now) // _STEP + 2) * _STEP
