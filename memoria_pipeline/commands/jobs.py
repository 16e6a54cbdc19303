"""`memoria jobs …`: the inbox, its dead letters, and the callbacks."""

from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from memoria_pipeline.commands.screen import database, err, out

app = typer.Typer(no_args_is_help=True, help="Jobs that other applications asked for.")

_EVENT = typer.Option(help="Of one event: its id.")


@app.command("list")
def jobs_list(
    status: Annotated[
        str | None, typer.Option(help="pending, processing, completed or failed.")
    ] = None,
    event: Annotated[UUID | None, _EVENT] = None,
    limit: Annotated[int, typer.Option(help="So many of the newest.")] = 50,
) -> None:
    """The newest jobs, and why those that failed did."""
    from memoria_pipeline.store import inbox

    with database() as conn:
        found = inbox.list_(conn, status=status, event_id=event, limit=limit)
        counts = inbox.counts(conn)
    table = Table(
        "job", "type", "event", "photos", "status", "priority", "tries", "error", box=None
    )
    for job in found:
        photos, error = str(job.photos or "all"), escape(job.error or "")
        told = (job.status, job.priority, str(job.attempts), error)
        table.add_row(str(job.id), job.job_type, str(job.event_id), photos, *told)
    if found:
        out.print(table)
    told_of = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
    out.print(told_of or "There is no job.")


@app.command("show")
def jobs_show(job: Annotated[UUID, typer.Argument(help="Its id, from `jobs list`.")]) -> None:
    """All there is to say of one job."""
    from dataclasses import asdict

    from memoria_pipeline.store import inbox

    with database() as conn:
        found = asdict(inbox.get(conn, job))
    for name, value in found.items():
        if value is not None:
            out.print(f"{name:16}{value}", markup=False, soft_wrap=True)


@app.command("replay")
def jobs_replay(
    jobs: Annotated[list[UUID] | None, typer.Argument(help="Ids of failed jobs.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
    event: Annotated[UUID | None, _EVENT] = None,
) -> None:
    """Failed jobs are done again, with all their tries; mend the reason first."""
    from memoria_pipeline.store import inbox
    from memoria_pipeline.store import jobs as store

    if not jobs and not failed:
        err.print("Name jobs, or say --failed for all that failed (--event: of one event).")
        raise typer.Exit(2)
    with database() as conn:
        done = store.replay(conn, jobs or inbox.failed(conn, event))
    out.print(f"{done} jobs are pending again; the others had not failed.")


@app.command("callbacks")
def jobs_callbacks(
    dead: Annotated[bool, typer.Option("--dead", help="Only those that were given up.")] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Send those that were given up again.")
    ] = False,
    limit: Annotated[int, typer.Option(help="So many of the newest.")] = 50,
) -> None:
    """What applications were told of their jobs, and what nobody has taken yet."""
    from memoria_pipeline.store import outbox

    with database() as conn:
        again = outbox.replay(conn) if replay else 0
        found = outbox.list_(conn, dead=dead, limit=limit)
    table = Table("callback", "job", "status", "tries", "answer", "error", box=None)
    for each in found:
        answer = "" if each.last_status is None else str(each.last_status)
        told = (each.status, str(each.attempts), answer, escape(each.last_error or ""))
        table.add_row(str(each.id), str(each.job_id), *told)
    out.print(table if found else "There is no such callback.")
    if replay:
        out.print(f"{again} callbacks are sent again.")
