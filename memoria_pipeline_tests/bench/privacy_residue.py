"""What is left of somebody in a database: looked for in a dump of every row of every table.

No list of places, no query that knows a column: each row as text, and in it every id, every made-up
word and every beginning of a vector that was ever the erased one's.
"""

import io
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|zz[0-9a-f]{32}")
VECTOR = re.compile(r"\[-?[0-9][0-9.e,+-]{59,}")

KEPT = {"erased_persons"}
"""Tables that keep ids of erased persons, which are nobody's by then: they are not made again."""


@dataclass(eq=False)
class Needles:
    """words: ids and made-up words. vectors: their first 60 characters. boxes: (photo, sha256, x).

    spared: tables that may name the user, who stays in them by right.
    """

    words: set[str] = field(default_factory=set)
    vectors: set[str] = field(default_factory=set)
    boxes: set[tuple[UUID, str | None, float]] = field(default_factory=set)
    spared: set[str] = field(default_factory=set)


def found_in(engine: sa.Engine, needles: Sequence[Needles]) -> list[list[str]]:
    """For each of them, where something of it is, as words: the table and what kind."""
    whose = {word: i for i, each in enumerate(needles) for word in each.words}
    vectors = {vector: i for i, each in enumerate(needles) for vector in each.vectors}
    found: list[list[str]] = [[] for _ in needles]
    for table, line in dumped(engine):
        for word in set(ID.findall(line)) & whose.keys():
            i = whose[word]
            if table not in KEPT | needles[i].spared:
                found[i].append(f"{table}: {'a word' if word.startswith('zz') else 'an id'}")
        for vector in VECTOR.findall(line):
            if vector[:60] in vectors:
                found[vectors[vector[:60]]].append(f"{table}: a vector")
    return found


def dumped(engine: sa.Engine) -> list[tuple[str, str]]:
    """(table, row as text) of all that there is in our schema, partitions by their parent."""
    raw = engine.raw_connection()
    try:
        with closing(raw.cursor()) as cursor:
            cursor.execute(
                "select relname from pg_class where relnamespace = 'memoria'::regnamespace"
                " and relkind in ('r', 'p') and not relispartition order by relname"
            )
            tables = [row[0] for row in cursor.fetchall()]
            lines = []
            for table in tables:
                text = io.StringIO()
                cursor.copy_expert(_COPY.format(table), text)
                lines += [(table, line) for line in text.getvalue().splitlines()]
    finally:
        raw.close()
    return lines


_COPY = "copy (select t::text from memoria.{} t) to stdout"
