"""Requests made from the OpenAPI document, good ones and bad ones, sent as everybody."""

import random
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from memoria_pipeline_tests.review.seeded import ROLES, Seeded

_UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_KNOWN = (
    0.8  # of the ids that a request names; a request with none of ours gets no farther than 404
)
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@dataclass
class Tally:
    """What came of the requests: how many of each status; broken: a server's error, or a status
    that the document does not name."""

    statuses: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return self.statuses.total()

    def take(self, role: str, call: str, status: int, documented: set[str]) -> None:
        self.statuses[status] += 1
        if status >= 500 or str(status) not in documented:
            self.broken.append(f"{call} as {role}: {status}")


@dataclass(frozen=True)
class Operation:
    """A call of the document, with how its requests are made."""

    label: str
    made: Any
    documented: set[str]


def operations(seeded: Seeded) -> list[Operation]:
    """Every call that the document names."""
    document: Any = schemathesis.openapi.from_dict(seeded.app.openapi())
    found = [each.ok() for each in document.get_all_operations()]
    return [Operation(e.label, e, set(e.definition.raw["responses"])) for e in found]


def fuzz(seeded: Seeded, examples: int = 0) -> Tally:
    """Send so many requests, good ones and bad ones, for every call as every role; 0: one for each
    call as every other role."""
    parts = seeded.parts
    known = replace(parts.settings, callback_secret="c" * 32)
    seeded.app.state.parts = replace(parts, settings=known)
    tally, chance = Tally(), random.Random(5)
    for place, role in enumerate(ROLES):
        client, ids = seeded.client_of(role), _ids(seeded)
        for number, operation in enumerate(operations(seeded)):
            if examples:
                for mode in MODES:
                    _send(client, role, operation, mode, examples, tally, _Real(ids, chance))
            elif (number + place) % 2:
                mode = MODES[(number + place) // 2 % 2]
                _send(client, role, operation, mode, 1, tally, _Real(ids, chance))
    return tally


def _send(
    client: httpx.Client,
    role: str,
    operation: Operation,
    mode: GenerationMode,
    examples: int,
    tally: Tally,
    real: "_Real",
) -> None:
    @seed(len(tally.broken) + tally.requests)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.made.as_strategy(generation_mode=mode))
    def once(case: Any) -> None:
        sent = real.request(case.as_transport_kwargs(base_url=str(client.base_url)))
        try:
            request = client.build_request(**sent)
            request.read()
        except (AttributeError, TypeError, ValueError, httpx.InvalidURL):
            return  # httpx cannot send such a one
        status = client.send(request).status_code
        tally.take(role, operation.label, status, operation.documented)

    with suppress(Unsatisfiable):  # a call that takes nothing cannot be called wrongly
        once()


@dataclass(frozen=True)
class _Real:
    """Puts ids that there are in the place of made-up ones."""

    ids: list[str]
    chance: random.Random

    def request(self, sent: dict[str, Any]) -> dict[str, Any]:
        """The same request about our event, without headers that say who asks."""
        headers = {
            name: value
            for name, value in (sent.pop("headers", None) or {}).items()
            if name.lower() not in ("authorization", "content-length", "host")
        }
        sent["url"] = "/".join(self._one(part) for part in sent["url"].split("/"))
        for name in ("params", "json"):
            if name in sent:
                sent[name] = self._in(sent[name])
        if "/cluster" in sent["url"] and isinstance(sent.get("params"), dict):
            sent["params"].pop("wait", None)
            sent["params"]["wait"] = 0
        sent.pop("cookies", None)
        if isinstance(sent.get("data"), str | bytes):  # which httpx calls content
            sent["content"] = sent.pop("data")
        return {**sent, "headers": {k: v for k, v in headers.items() if _sendable(k, v)}}

    def _in(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._in(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._in(each) for each in value]
        return self._one(value) if isinstance(value, str) else value

    def _one(self, text: str) -> str:
        if _UUID.match(text) and self.chance.random() < _KNOWN:
            return self.chance.choice(self.ids)
        return text


def _sendable(name: str, value: Any) -> bool:
    return str(name).isascii() and str(value).isascii() and str(value).isprintable()


def _ids(seeded: Seeded) -> list[str]:
    users = [seeded.users[each] for each in ("member", "guest")]
    faces = [face for pair in seeded.faces for face in pair]
    # the event as often as all others: most calls need it
    several = [*seeded.photos, *faces, *seeded.persons, *users]
    return [str(each) for each in [*several, *[seeded.event] * len(several)]]
