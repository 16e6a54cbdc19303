"""How often what can be abused may be asked for, per user, or per address of who is nobody yet."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from time import time

from fastapi import Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from memoria_pipeline.review.problems import Problem

RATES = {
    "sign-in": "10/minute",  # per address; per member's address see sessions.py
    "sign-in to": "5/hour",
    "event": "60/hour",  # each is a folder
    "invitation": "30/minute",
    "invite": "60/hour",
    "upload": "600/minute",
    "selfie": "30/hour",  # each is analysed while somebody waits
    "ml": "600/minute",
    "pictures": "6000/minute",
    "purge": "20/minute",
    "token": "120/minute",  # wrong ones, per address
}


@dataclass(frozen=True, slots=True)
class Limiter:
    """Counts in this process: the review is served by one. rates: what for, and how often."""

    rates: dict[str, str] = field(default_factory=lambda: dict(RATES))
    _window: MovingWindowRateLimiter = field(
        default_factory=lambda: MovingWindowRateLimiter(MemoryStorage())
    )

    def take(self, what: str, who: str) -> None:
        """Count one. Raises Problem 429, with Retry-After, where it is one too many."""
        rate = parse(self.rates[what])
        if not self._window.hit(rate, what, who):
            raise self._too_many(rate, what, who)

    def check(self, what: str, who: str) -> None:
        """As `take`, without counting."""
        rate = parse(self.rates[what])
        if not self._window.test(rate, what, who):
            raise self._too_many(rate, what, who)

    def _too_many(self, rate: RateLimitItem, what: str, who: str) -> Problem:
        again = self._window.get_window_stats(rate, what, who).reset_time
        seconds = max(1, ceil(again - time()))
        return Problem(
            429,
            "That was asked for too often.",
            f"Wait {seconds} seconds, then try again.",
            headers={"retry-after": str(seconds)},
        )


def address_of(request: Request) -> str:
    """Who asks, as far as the network knows; of IPv6 the network of 64 bits that is one's own.

    What proxies say was believed, or not, by the server (MEMORIA_TRUSTED_PROXIES).
    """
    host = request.client.host if request.client else "unknown"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def limited(what: str) -> Callable[[Request], None]:
    """A dependency for routes that anybody may ask: one counts per address."""

    def count(request: Request) -> None:
        request.app.state.parts.limiter.take(what, address_of(request))

    return count
