"""`memoria events …`: the events, and their consent switch."""

from typing import Annotated
from uuid import UUID

import typer

from memoria_pipeline.commands.ingest import CONSENT, CONSENT_VERSION
from memoria_pipeline.commands.screen import database, out

app = typer.Typer(help="The events, and their consent switch.")


@app.callback(invoke_without_command=True)
def events_list(context: typer.Context) -> None:
    """The events, and the ids that other commands take."""
    if context.invoked_subcommand is not None:
        return
    from memoria_pipeline import report
    from memoria_pipeline.store import events

    with database() as conn:
        report.events(out, events.list_(conn))


@app.command("consent")
def events_consent(
    event: Annotated[UUID, typer.Argument(help="The event's id.")],
    off: Annotated[bool, typer.Option("--off", help="The organiser agrees no more.")] = False,
) -> None:
    """Turn face analysis of an event on: its photos that wait are then analysed."""
    from memoria_pipeline.store import consents, events

    with database() as conn:
        consents.saying(conn, CONSENT_VERSION, "en")
        events.switch(conn, event, on=not off)
    if off:
        out.print("Off: no face is looked for any more. What was found stays until it is erased.")
    else:
        out.print(f"On, by you. {CONSENT}", soft_wrap=True)
