"""Finding ids and addresses in bytes that are text of some kind: logs, mails, messages."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from mmap import mmap
from urllib.parse import quote
from uuid import UUID

_ID = re.compile(
    rb"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
)
_AT = re.compile(rb"@|%40|=40|\\u0040")

Text = bytes | bytearray | mmap


@dataclass(frozen=True)
class Named:
    """Whom to look for: ids, with or without dashes, and addresses, in any case and in URLs."""

    ids: Collection[UUID] = ()
    emails: Collection[str] = ()

    def __bool__(self) -> bool:
        return bool(self.ids) or bool(self.emails)

    def spans(self, text: Text) -> Iterator[tuple[int, int]]:
        """Where any of them stands in the text: from, to. One pass, however many they are."""
        wanted = self._ids
        for match in _ID.finditer(text):
            if match.group().replace(b"-", b"").lower() in wanted:
                yield match.span()
        yield from self._addresses(text)

    def __call__(self, text: Text) -> bool:
        """Whether any of them is in the text."""
        return next(self.spans(text), None) is not None

    def _addresses(self, text: Text) -> Iterator[tuple[int, int]]:
        if not self.emails:
            return
        for at in _AT.finditer(text):
            for before, after in self._emails:
                start, end = at.start() - len(before), at.end() + len(after)
                said = bytes(text[max(0, start) : at.start()]), bytes(text[at.end() : end])
                if (said[0].lower(), said[1].lower()) == (before, after):
                    yield start, end

    @cached_property
    def _ids(self) -> set[bytes]:
        return {each.hex.encode() for each in self.ids}

    @cached_property
    def _emails(self) -> set[tuple[bytes, bytes]]:
        """What stands before and after the @, as it is and as in a URL."""
        found = set()
        for email in self.emails:
            name, _, domain = email.strip().lower().rpartition("@")
            for each in (name, quote(name, safe="").lower()):
                found.add((each.encode(), domain.encode()))
        return found
