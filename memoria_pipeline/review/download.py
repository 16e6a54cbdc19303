"""A photo from an address that somebody else names: a public one, by https, not too large."""

import anyio
import httpx

from memoria_pipeline.errors import CallbackError, PhotoError
from memoria_pipeline.review.problems import Problem
from memoria_pipeline.webhooks import checked_addresses, checked_url

_TIMEOUT = 30.0  # seconds, for all of it


async def download(text: str, max_bytes: int, *, allow_private: bool = False) -> bytes:
    """The bytes at this address, kept in memory only.

    allow_private: addresses of private networks, and plain http, too. Raises Problem 422 for an
    address that photos may not come from, 502 where there is no photo, PhotoError for one that is
    too large.
    """
    try:
        with anyio.fail_after(_TIMEOUT):
            return await _fetched(_plain(text, allow_private), max_bytes, allow_private)
    except CallbackError:
        raise _refused() from None
    except TimeoutError:
        raise _away(f"it took longer than {_TIMEOUT:g} seconds") from None
    except httpx.HTTPError as error:  # its words repeat the address, and a token in it
        raise _away(type(error).__name__) from None


def _plain(text: str, allow_private: bool) -> httpx.URL:
    """No address that another program would read as another host: nobody signs one with these."""
    url = checked_url(text, allow_private)
    if url.userinfo or "\\" in text:
        raise CallbackError("An address with a user or a backslash in it was refused.")
    return url


async def _fetched(url: httpx.URL, max_bytes: int, allow_private: bool) -> bytes:
    failure: httpx.ConnectError | None = None
    # No proxy of the environment: it would look the name up again, and perhaps elsewhere.
    async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT) as client:
        for address in await checked_addresses(url, allow_private):
            try:
                return await _from(client, url, address, max_bytes)
            except httpx.ConnectError as error:
                failure = error
    raise failure or _refused()


async def _from(client: httpx.AsyncClient, url: httpx.URL, address: str, max_bytes: int) -> bytes:
    """From the address that was checked: a name may lead elsewhere when it is looked up again."""
    async with client.stream(
        "GET",
        url.copy_with(host=address),
        # as it is: what is unpacked may be a thousand times as large as what was sent
        headers={"host": url.netloc.decode(), "accept-encoding": "identity"},
        extensions={"sni_hostname": url.host},
        follow_redirects=False,  # to wherever that server likes
    ) as response:
        if response.status_code != 200:
            raise _away(f"status {response.status_code}")
        data = bytearray()
        async for part in response.aiter_raw():
            data += part
            if len(data) > max_bytes:
                limit = f"{max_bytes / 1e6:.0f} MB"
                raise PhotoError("too_large", f"The photo is larger than {limit}; make it smaller.")
        return bytes(data)


def _refused() -> Problem:
    mend = (
        "Name a public address that starts with https://. In a network of one's own set"
        " MEMORIA_CALLBACK_ALLOW_PRIVATE=true."
    )
    return Problem(422, "The media_url is not an address that photos may come from.", mend)


def _away(why: str) -> Problem:
    mend = "See that the address is right and not over, then try again."
    return Problem(502, f"The photo could not be fetched: {why}.", mend)
