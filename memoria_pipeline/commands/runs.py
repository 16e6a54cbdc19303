"""`memoria runs …`: groupings that wait for approval."""

from typing import Annotated
from uuid import UUID

import typer

from memoria_pipeline.commands.screen import database, err, out
from memoria_pipeline.settings import settings

app = typer.Typer(no_args_is_help=True, help="Groupings that wait for approval.")


@app.command("list")
def runs_list() -> None:
    """What waits for approval and what each would change; what quality holds back, and why."""
    from memoria_pipeline import report
    from memoria_pipeline.store import held, proposals

    with database() as conn:
        report.waiting(out, proposals.waiting(conn))
        report.held(out, held.everywhere(conn))


@app.command("publish")
def runs_publish(
    run: Annotated[UUID, typer.Argument(help="Its id, from `runs list`.")],
    *,
    despite_quality: Annotated[
        bool, typer.Option("--despite-quality", help="Whatever the checks say of it.")
    ] = False,
) -> None:
    """Make a proposed grouping what is, where it still is as the checks want it."""
    from memoria_pipeline.quality.expectations import Limits, declared, of_grouping
    from memoria_pipeline.store import proposals

    must = of_grouping(declared(Limits(**settings().limits)))
    with database() as conn:
        done = proposals.publish(conn, run, must=must, despite=despite_quality)
    if not done:
        err.print("Faces or decisions changed since it was made: it is held. Group again.")
        raise typer.Exit(1)
    out.print("Published.")


@app.command("hold")
def runs_hold(
    run: Annotated[UUID, typer.Argument(help="Its id, from `runs list`.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the run.")] = "not wanted",
) -> None:
    """Turn a proposed grouping down; everything stays as it is."""
    from memoria_pipeline.store import proposals

    with database() as conn:
        proposals.hold(conn, run, reason, turned_down=True)
    out.print("Held: everything stays as it is.")
