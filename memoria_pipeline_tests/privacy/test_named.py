"""Ids and addresses are found however a log or a mail writes them, and nobody else's are."""

from urllib.parse import quote
from uuid import UUID

import pytest

from memoria_pipeline.privacy.named import Named

ID = UUID("a3f0c1d2-0000-4000-8000-00000000beef")
NAMED = Named([ID], ["Ada.Lovelace+x@Example.org"])


@pytest.mark.parametrize(
    "text",
    [
        str(ID),
        ID.hex,
        str(ID).upper(),
        f"GET /person/{ID}?x=1",
        "To: ada.lovelace+x@example.org",
        "ADA.LOVELACE+X@EXAMPLE.ORG",
        f"email={quote('ada.lovelace+x@example.org', safe='')}",
        '"ada.lovelace+x\\u0040example.org"',
    ],
)
def test_who_is_looked_for_is_found(text: str) -> None:
    data = f"before {text} after".encode()
    assert NAMED(data)
    [(start, end)] = set(NAMED.spans(data))
    assert data[:start] + data[end:] == data.replace(data[start:end], b"")
    assert end - start >= 26


@pytest.mark.parametrize(
    "text", [str(UUID(int=9)), "da.lovelace+x@example.org", "ada.lovelace+x@example.com", "@", ""]
)
def test_nobody_else_is(text: str) -> None:
    assert not NAMED(f"before {text} after".encode())


def test_who_looks_for_nobody_finds_nobody() -> None:
    assert not Named()
    assert not Named()(str(ID).encode())
    assert bool(NAMED)
