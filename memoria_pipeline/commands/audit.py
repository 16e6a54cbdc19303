"""`memoria audit`: who looked at, decided, exported or erased what."""

from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from memoria_pipeline.commands.screen import database, listed, out


def audit(
    event: Annotated[UUID, typer.Argument(help="The event's id.")],
    last: Annotated[int, typer.Option("--last", min=1, max=100_000, help="How many rows.")] = 50,
) -> None:
    """The event's log of deeds, the latest first. It holds ids alone; nobody can change it."""
    from memoria_pipeline.store import audit as log
    from memoria_pipeline.store.shown.page import Paging

    with database() as conn:
        found = log.of_event(conn, event, Paging(1, last))
    table = Table("when", "who", "did", "what", "times", "by way of", box=None)
    for each in found.items:
        thing = f"{each.thing} {each.thing_id or ''}".strip()
        who = str(each.actor_id or "—")
        row = (f"{each.at:%Y-%m-%d %H:%M:%S}", who, each.verb, thing, str(each.times), each.via)
        table.add_row(*row)
    listed(table)
    out.print(f"{len(found.items)} of {found.total} rows.")
