"""Callbacks in the shape of Standard Webhooks: signed, verified, and sent to public addresses only.

github.com/standard-webhooks/standard-webhooks: the headers webhook-id, webhook-timestamp and
webhook-signature; signed is `id.timestamp.body` by HMAC-SHA256.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from memoria_pipeline.errors import CallbackError

REPLAY_WINDOW = 300.0  # seconds that the sender's clock may be off, either way
_TIMEOUT = 10.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def body_of(payload: Mapping[str, Any]) -> bytes:
    """The bytes that are signed and sent: the same each time it is sent."""
    return json.dumps(payload, separators=(",", ":"), sort_keys=True).encode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature `v1,<base64>`. A secret `whsec_<base64>` is decoded, as the standard has it."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise CallbackError(
            "The callback secret starts with whsec_, but no base64 follows: copy it again."
        ) from None


def headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """What goes with the body."""
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, body),
    }


def verify(secret: str, given: Mapping[str, str], body: bytes, now: float) -> str:
    """The webhook-id of a call that is signed with the secret and not older than the window.

    given: its headers, their names in lower case. A second call with the same id is the receiver's
    to notice. Raises CallbackError, which does not say what would have been right.
    """
    try:
        message_id, sent = given["webhook-id"], _seconds(given["webhook-timestamp"])
        signatures = given["webhook-signature"].split()
    except (KeyError, ValueError):
        raise CallbackError(
            "A callback without the headers of Standard Webhooks was refused: webhook-id,"
            " webhook-timestamp and webhook-signature are needed."
        ) from None
    if abs(now - sent) > REPLAY_WINDOW:
        raise CallbackError(
            "A callback signed more than five minutes ago, or in the future, was refused:"
            " set both clocks, and send it anew."
        )
    right = sign(secret, message_id, sent, body).encode()
    # every one is compared, so that the time says nothing
    if not sum(hmac.compare_digest(right, each.encode()) for each in signatures):
        raise CallbackError(
            "A callback with a wrong signature was refused: both sides need the same secret."
        )
    return message_id


def _seconds(text: str) -> int:
    """Plain digits only: int takes signs, and numbers that no clock can be held against."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError(text)
    return int(text)


@dataclass(frozen=True, slots=True)
class Call:
    """One callback to send."""

    message_id: str
    timestamp: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: the HTTP status where there was one, and why nobody took it."""

    status: int | None
    error: str | None

    @property
    def taken(self) -> bool:
        return self.error is None


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where callbacks go. allow_private: to addresses of private networks and by http as well."""

    url: str
    secret: str
    allow_private: bool = False
    timeout: float = _TIMEOUT

    def send(self, calls: Iterable[Call]) -> list[Answer]:
        """Send them side by side; what came of each. Never raises for what the other side does."""
        return asyncio.run(self._all(list(calls)))

    async def _all(self, calls: list[Call]) -> list[Answer]:
        return await asyncio.gather(*(self._one(call) for call in calls))

    async def _one(self, call: Call) -> Answer:
        try:
            async with asyncio.timeout(self.timeout):  # of all of it: httpx limits each read only
                return _answer(await self._post(call))
        except CallbackError as error:
            return Answer(None, str(error))
        except TimeoutError:
            return Answer(None, f"No answer within {self.timeout:g} seconds.")
        except httpx.HTTPError as error:  # its text may repeat the address, and a token in it
            return Answer(None, f"No connection to the receiver ({type(error).__name__}).")

    async def _post(self, call: Call) -> int:
        url = checked_url(self.url, self.allow_private)
        sent = headers(self.secret, call.message_id, call.timestamp, call.body)
        failure: httpx.ConnectError | None = None
        # No proxy of the environment: it would look the name up again, and perhaps elsewhere.
        async with httpx.AsyncClient(trust_env=False, timeout=self.timeout) as client:
            for address in await checked_addresses(url, self.allow_private):
                try:
                    return await _to(client, url, address, sent, call.body)
                except httpx.ConnectError as error:
                    failure = error
        raise failure or CallbackError("The receiver's name has no address: see CALLBACK_URL.")


async def _to(
    client: httpx.AsyncClient, url: httpx.URL, address: str, sent: dict[str, str], body: bytes
) -> int:
    """To the address that was checked: a name may lead elsewhere when it is looked up again."""
    async with client.stream(
        "POST",
        url.copy_with(host=address),
        content=body,
        headers={**sent, "host": url.netloc.decode()},
        extensions={"sni_hostname": url.host},
        follow_redirects=False,  # to wherever the receiver likes
    ) as response:
        return response.status_code  # what it says besides is not read


def _answer(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer(status, None)
    return Answer(status, f"The receiver answered {status}; it has to answer 200 to 299.")


def checked_url(text: str, allow_private: bool) -> httpx.URL:
    """An address that something may be sent to, or fetched from. Raises CallbackError."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.host and (url.scheme == "https" or (url.scheme == "http" and allow_private)):
        return url
    raise CallbackError(
        "CALLBACK_URL is not an address that callbacks may go to: it starts with https://. In a"
        " network of one's own http:// does, with MEMORIA_CALLBACK_ALLOW_PRIVATE=true."
    )


async def checked_addresses(url: httpx.URL, allow_private: bool) -> list[str]:
    """Every address of the receiver; one that is not public is enough to refuse it."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            url.host, port, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError):
        raise CallbackError(
            "The receiver's name was not found: see CALLBACK_URL and the name server."
        ) from None
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not allow_private and not all(is_public(each) for each in addresses):
        raise CallbackError(
            "The receiver is in a private network, and nothing was sent: use a public address, or"
            " set MEMORIA_CALLBACK_ALLOW_PRIVATE=true where that is meant."
        )
    return addresses


def is_public(text: str) -> bool:
    """Whether an IP address may be anybody's: not ours, not this machine's, not the link's."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # with a zone: of the link
        return False
    return all(_is_public(each) for each in (address, *_inside(address)))


def _is_public(address: Address) -> bool:
    odd = address.is_multicast or address.is_reserved or address.is_loopback
    odd = odd or (address.version == 6 and address.is_site_local)  # fec0::/10, as private as fd00
    return address.is_global and not (odd or address.is_link_local or address.is_unspecified)


def _inside(address: Address) -> list[Address]:
    """IPv4 addresses that an IPv6 one leads to."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    found += address.teredo or ()
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [each for each in found if each is not None]
