"""What is left of an erasure: counts, times and keyed hashes, signed; never the subject.

The signature is Ed25519 over the canonical JSON of the receipt: anybody with the public key can
check it. The hashes are HMAC-SHA256: only who holds the key can say whom they are about.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from memoria_pipeline.errors import ErasureError

Receipt = Mapping[str, Any]
Kind = Literal["user", "person", "email", "photo", "event"]

VERSION = 1


@dataclass(frozen=True, slots=True)
class Signed:
    """A receipt, its signature in base64, and which key made it."""

    receipt: Receipt
    signature: str
    key_id: str

    def as_table(self) -> dict[str, Any]:
        """For the ledger."""
        return {"receipt": self.receipt, "signature": self.signature, "key_id": self.key_id}

    @classmethod
    def of(cls, table: object) -> "Signed":
        """What `as_table` gave. Raises ErasureError where it is none."""
        match table:
            case {"receipt": dict(receipt), "signature": str(signature), "key_id": str(key_id)}:
                return cls(receipt, signature, key_id)
        raise ErasureError("This is no signed receipt: give a line of the ledger as it was.")


def canonical(receipt: Receipt) -> bytes:
    """The one way to write it down: whoever stored it as JSON in between gets the same bytes."""
    text = json.dumps(receipt, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


class Keys:
    """Who signs receipts, and who can tell whom they are about.

    Both keys come from secrets of 32 characters at least; neither can be told from a receipt.
    """

    def __init__(self, signing: str, subject: str) -> None:
        seed = hashlib.sha256(b"memoria erasure key\0" + signing.encode()).digest()
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._subject = hashlib.sha256(b"memoria subject key\0" + subject.encode()).digest()

    @property
    def public(self) -> str:
        """The public key, 32 bytes in base64: give it to whoever is to check receipts."""
        raw = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    @property
    def key_id(self) -> str:
        """Which key it is: the first half of the public key's SHA-256."""
        return key_id(self.public)

    def sign(self, receipt: Receipt) -> Signed:
        """The same receipt gives the same signature, however often it is signed."""
        made = self._private.sign(canonical(receipt))
        return Signed(receipt, base64.b64encode(made).decode(), self.key_id)

    def hashed(self, event: UUID | None, kind: Kind, value: str) -> str:
        """Somebody or something in an event, as 64 hex digits that say nothing without the key."""
        told = f"{event or '-'}|{kind}|{value}".encode()
        return hmac.new(self._subject, told, hashlib.sha256).hexdigest()

    def subjects(
        self,
        event: UUID | None,
        *,
        users: Iterable[UUID] = (),
        persons: Iterable[UUID] = (),
        emails: Iterable[str] = (),
        photos: Iterable[UUID] = (),
    ) -> list[str]:
        """Each of them hashed, sorted: the order says nothing either."""
        named: list[tuple[Kind, str]] = [("user", str(each)) for each in users]
        named += [("person", str(each)) for each in persons]
        named += [("email", each.strip().lower()) for each in emails]
        named += [("photo", str(each)) for each in photos]
        return sorted({self.hashed(event, kind, value) for kind, value in named})


def key_id(public: str) -> str:
    """The short name of a public key in base64."""
    return hashlib.sha256(base64.b64decode(public)).hexdigest()[:32]


def verify(signed: Signed, public: str) -> None:
    """Raises ErasureError unless this key (base64) signed exactly this receipt."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
    except (ValueError, binascii.Error):
        raise ErasureError("This is no public key: `memoria erase key` prints one.") from None
    if signed.key_id != key_id(public):
        raise ErasureError("Another key signed this receipt: give the public key of that time.")
    try:
        key.verify(base64.b64decode(signed.signature, validate=True), canonical(signed.receipt))
    except (InvalidSignature, ValueError, binascii.Error):
        raise ErasureError(
            "The signature is not of this receipt: one of the two was changed. Compare the ledger"
            " with its backup."
        ) from None
