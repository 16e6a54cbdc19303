"""Sealed files: AES-256-GCM in chunks, under a key that is the event's and dies with it.

A file is a head (what it is, the event, a salt) and chunks of 64 KiB, each with its number and
whether it is the last one in its nonce: none can be changed, left out, swapped or cut off unseen.
Every file has a key of its own, derived from the event's by the salt, so that no nonce comes twice.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from memoria_pipeline.errors import ExportError

MAGIC = b"MEMORIA1"
CHUNK = 1 << 16
"""Bytes of plain text in a chunk."""
HEAD = len(MAGIC) + 16 + 16
"""Bytes before the first chunk."""
_TAG, _NONCE = 16, 12


def new_key() -> bytes:
    """A key for an event: 32 random bytes."""
    return secrets.token_bytes(32)


def fingerprint(master: str) -> str:
    """What tells one master key from another, and nothing about it."""
    return hmac.new(_master(master), b"memoria master key", hashlib.sha256).hexdigest()[:16]


def wrap(master: str, event: UUID, key: bytes) -> bytes:
    """An event's key as it may be stored: 60 bytes."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(_master(master)).encrypt(nonce, key, _bound(event))


def unwrap(master: str, event: UUID, wrapped: bytes) -> bytes:
    """The event's key. Raises ExportError where another master key wrapped it."""
    nonce, rest = wrapped[:_NONCE], wrapped[_NONCE:]
    try:
        return AESGCM(_master(master)).decrypt(nonce, rest, _bound(event))
    except InvalidTag:
        raise ExportError(
            f"The key of event {event} was made under another master key: set MEMORIA_MASTER_KEY,"
            " or put its file back into secrets/."
        ) from None


def _master(secret: str) -> bytes:
    return _derived(secret.encode(), b"", b"memoria master key")


def _derived(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, purpose).derive(secret)


def _bound(event: UUID) -> bytes:
    return b"memoria event key" + event.bytes


class Sealing:
    """Where to write what is to be sealed: `close` it, or it does not open again.

    put: takes the sealed bytes, in order.
    """

    def __init__(self, key: bytes, event: UUID, put: Callable[[bytes], object]) -> None:
        self._head = MAGIC + event.bytes + secrets.token_bytes(16)
        self._cipher = AESGCM(_derived(key, self._head[-16:], b"memoria sealed file"))
        self._left, self._number, self._put = bytearray(), 0, put
        put(self._head)

    def write(self, data: bytes) -> int:
        """Seal more."""
        self._left += data
        while len(self._left) > CHUNK:
            self._seal(CHUNK, last=False)
        return len(data)

    def flush(self) -> None:
        """Nothing: a chunk is written when it is full. Files have this."""

    def close(self) -> None:
        """Seal the rest, and say that it is the end."""
        self._seal(len(self._left), last=True)

    def _seal(self, size: int, *, last: bool) -> None:
        nonce = _nonce(self._number, last)
        self._put(self._cipher.encrypt(nonce, bytes(self._left[:size]), self._head))
        del self._left[:size]
        self._number += 1


def seal(key: bytes, event: UUID, data: bytes) -> bytes:
    """All of a small file at once."""
    parts: list[bytes] = []
    sealing = Sealing(key, event, parts.append)
    sealing.write(data)
    sealing.close()
    return b"".join(parts)


def event_of(head: bytes) -> UUID:
    """Whose key opens the file. head: its first HEAD bytes. Raises ExportError."""
    if len(head) < HEAD or not head.startswith(MAGIC):
        raise ExportError("The file is none that Memoria sealed; name one that an export wrote.")
    return UUID(bytes=head[len(MAGIC) : len(MAGIC) + 16])


def opened(key: bytes, parts: Iterable[bytes]) -> Iterator[bytes]:
    """The plain text of a sealed file, chunk by chunk, each only once it is known to be right.

    parts: the file's bytes, cut anywhere. Raises ExportError for a wrong key, and for a file that
    was changed or is not all there.
    """
    left = bytearray()
    source = iter(parts)
    _fill(left, source, HEAD)
    head = bytes(left[:HEAD])
    event_of(head)
    del left[:HEAD]
    cipher = AESGCM(_derived(key, head[-16:], b"memoria sealed file"))
    for number in count():
        _fill(left, source, CHUNK + _TAG + 1)  # one more: is there another chunk?
        last = len(left) <= CHUNK + _TAG
        try:
            yield cipher.decrypt(_nonce(number, last), bytes(left[: CHUNK + _TAG]), head)
        except InvalidTag:
            raise ExportError(
                "The sealed file is damaged, cut off, or of another key; copy it again. Of an"
                " event that was erased nothing opens any more."
            ) from None
        del left[: CHUNK + _TAG]
        if last:
            return


def _fill(left: bytearray, source: Iterator[bytes], size: int) -> None:
    while len(left) < size and (more := next(source, None)) is not None:
        left += more


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(_NONCE - 1, "big") + bytes([last])
