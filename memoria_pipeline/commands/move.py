"""`memoria model move`: events move to another model pack, beside the one in use."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from memoria_pipeline.commands.screen import database, out
from memoria_pipeline.settings import settings


def model_move(
    pack: Annotated[str, typer.Argument(help="The pack, as MEMORIA_FACE_MODEL names it.")],
    event: Annotated[
        UUID | None, typer.Option(help="Only this event; without it, every active one.")
    ] = None,
) -> None:
    """Move events to another pack, a few at a time; called again, it goes on.

    The old pack serves until each event's new people are ready. Where many would change, they wait
    for approval: see `memoria runs list`.
    """
    from memoria_pipeline.store import events, moves
    from memoria_pipeline.vision import catalogue
    from memoria_pipeline.vision.detector import Detector

    chosen = catalogue.choose(pack, Path.home()).pack
    other = Detector(**settings().detector).other(chosen)
    other.thresholds(other.pack)  # a pack that cannot group is refused before the work
    with database() as conn:
        if event is not None:
            events.get(conn, event)
        left = moves.want(conn, other.pack, event)
    out.print(f"{left} events move to {other.pack}; a running `memoria up` does it.", markup=False)
