"""A part of a list, with how long the whole of it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part is asked for: pages from 1 on, per_page rows each."""

    page: int = 1
    per_page: int = 50

    @property
    def values(self) -> dict[str, int]:
        """`limit` and `offset` of a query."""
        return {"limit": self.per_page, "offset": (self.page - 1) * self.per_page}


FIRST = Paging()


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One part. total: of the whole list, 0 where there is none."""

    items: list[T]
    total: int
    page: int
    per_page: int


def paged(items: Sequence[T], total: int, which: Paging) -> Page[T]:
    """The part that `which` asked for."""
    return Page(list(items), total, which.page, which.per_page)


def total_of(rows: Sequence[sa.Row[Any]]) -> int:
    """The whole list's length, which each row carries as `total`."""
    return rows[0].total if rows else 0
