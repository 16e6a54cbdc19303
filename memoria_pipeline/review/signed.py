"""Addresses of pictures that a browser may load for an hour: signed, so that nobody can guess one.

A signature is only made for what row level security has just shown to the caller.
"""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
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
    """HMAC-SHA256 over path, size and expiry. It pickles nothing and shows nothing."""

    secret: bytes = field(repr=False)

    def url(self, kind: Kind, event: UUID, thing: UUID, size: int, now: float | None = None) -> str:
        """The address of a photo, or of a face cut out of one; between 30 and 60 minutes valid.

        size: pixels; the next larger one of SIZES is signed, so that few are made and kept.
        """
        until = expiry(time.time() if now is None else now)
        size = next((each for each in SIZES[kind] if each >= size), SIZES[kind][-1])
        path = f"/pictures/{kind}/{event}/{thing}"
        return f"{path}?size={size}&exp={until}&sig={self._signature(path, size, until)}"

    def is_right(
        self, path: str, size: int, until: int, signature: str, now: float | None = None
    ) -> bool:
        """Whether we signed this, and it is not over."""
        right = self._signature(path, size, until)
        same = hmac.compare_digest(right.encode(), signature.encode())
        return same and until > (time.time() if now is None else now)

    def _signature(self, path: str, size: int, until: int) -> str:
        signed = f"{path}\n{size}\n{until}".encode()
        digest = hmac.new(self.secret, signed, hashlib.sha256).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def expiry(now: float) -> int:
    """The end of the running half hour and thirty minutes, in seconds since 1970."""
    return (int(now) // _STEP + 2) * _STEP
