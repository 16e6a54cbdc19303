"""`memoria token`: a link that signs in, and a token for programs."""

from typing import Annotated, Literal
from uuid import UUID

import typer
from sqlalchemy import Connection

from memoria_pipeline.commands.screen import database, out
from memoria_pipeline.errors import SettingsError
from memoria_pipeline.settings import settings

_DAY = 86_400  # seconds
Role = Literal["organiser", "photographer", "member", "guest"]


def token(
    *,
    event: Annotated[UUID | None, typer.Option(help="The event, by `memoria events`.")] = None,
    role: Annotated[Role, typer.Option(help="What the member may do there.")] = "organiser",
    name: Annotated[str | None, typer.Option(help="The member's name.")] = None,
    email: Annotated[str | None, typer.Option(help="The address that links go to.")] = None,
    service: Annotated[
        bool, typer.Option("--service", help="A token for a server instead: /process and the like.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, max=365, help="How long the token is valid.")] = 1,
) -> None:
    """Make the member where it is missing; print a link that signs in once, and a token."""
    from memoria_pipeline.review.parts import tokens_of
    from memoria_pipeline.store import accounts

    tokens = tokens_of(settings())
    if service:
        out.print(tokens.make(None, days * _DAY, service=True), soft_wrap=True)
        return
    if event is None:
        raise SettingsError("A token belongs to somebody of an event: name it with --event.")
    with database() as conn:
        user = accounts.ensure(conn, event, role, name, email)
        shown = link(conn, event, user)
    out.print(f"Sign in     {shown}", soft_wrap=True)
    out.print(f"Token       {tokens.make(user, days * _DAY)}", soft_wrap=True)
    out.print("The link works once, for a day. Keep both to yourself.", style="dim")


def link(conn: Connection, event: UUID, user: UUID, days: int = 1) -> str:
    """An address that signs this user in, once."""
    from memoria_pipeline.review import links
    from memoria_pipeline.review.sessions import hashed
    from memoria_pipeline.store import sessions

    made = links.new_token()
    sessions.make_link(conn, user, event, hashed(made), days * _DAY)
    return links.address(settings().review_url, made)


def demo_link(conn: Connection, event: UUID, user: UUID) -> str:
    """The one that `memoria demo` prints: whoever runs it may come back to it next week."""
    return link(conn, event, user, days=7)
