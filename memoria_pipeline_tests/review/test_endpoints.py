"""Every call as everybody, against the table in endpoints.py, where a new call has to be."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts

from memoria_pipeline.store import db, decisions, tags
from memoria_pipeline_tests.review.calls import Stage, stage
from memoria_pipeline_tests.review.endpoints import API, PAGES, ROLES
from memoria_pipeline_tests.review.seeded import Seeded

SECRET = "c" * 32


def table(text: str) -> dict[str, dict[str, str]]:
    """`METHOD /path` → role → cell."""
    rows = [line.split() for line in text.strip().splitlines()[1:]]
    return {f"{m} {path}": dict(zip(ROLES, cells, strict=True)) for m, path, *cells in rows}


EXPECTED = table(API) | table(PAGES)


@pytest.fixture(scope="module")
def staged(seeded: Seeded) -> Stage:
    parts = seeded.parts
    known = replace(parts.settings, callback_secret=SECRET)
    seeded.app.state.parts = replace(parts, settings=known)
    return stage(seeded)


@pytest.fixture(scope="module")
def clients(seeded: Seeded) -> dict[str, httpx.Client]:
    return {role: seeded.client_of(role) for role in ROLES}


@pytest.fixture
def put_back(staged: Stage, call: str) -> Iterator[None]:
    """Each call finds the event as it was staged: what was decided meanwhile is undone."""
    if call.startswith("GET"):
        yield
        return
    with db.connect(staged.seeded.engine) as conn:
        before = decisions.last_seq(conn, staged.seeded.event)
    yield
    restore(staged, before)


def restore(staged: Stage, before: int) -> None:
    """Undo all since then, ask the question again, and take tags by hand away."""
    event, organiser = staged.seeded.event, staged.seeded.users["organiser"]
    with db.connect(staged.seeded.engine) as conn:
        rows = conn.execute(_SINCE, {"event": event, "before": before})
        for decision in list(rows.scalars()):
            decisions.undo(conn, event, decision, actor=organiser)
        conn.execute(_FRESH, {"question": staged.question})
        conn.execute(_UNTAGGED, {"event": event})
        conn.execute(_SHOWN, {"event": event})
        conn.execute(_BY_HAND, {"event": event, "guest": staged.seeded.users["guest"]})
        tags.sync_event(conn, event)


_SINCE = sa.text(
    "select id from memoria.decisions where event_id = :event and seq > :before order by seq desc"
)
_FRESH = sa.text(
    "update memoria.questions set answered_at = null, answer = null, decision_id = null"
    " where id = :question"
)
_UNTAGGED = sa.text("delete from memoria.untagged where event_id = :event")
_SHOWN = sa.text("delete from memoria.hidden where event_id = :event")
_BY_HAND = sa.text(
    "delete from memoria.media_tags where event_id = :event and source = 'manual'"
    " and tagged_user_id <> :guest"
)


def test_the_table_names_every_call_there_is_and_no_other(seeded: Seeded) -> None:
    routes = iter_route_contexts(seeded.app.routes)
    there = {
        f"{method} {route.path}"
        for route in routes
        for method in set(getattr(route, "methods", None) or ()) - {"HEAD"}
    }
    assert there - {"GET /openapi.json"} == set(EXPECTED)  # the document is for everybody


def _is_json(answer: httpx.Response) -> bool:
    return bool(answer.content) and "json" in answer.headers.get("content-type", "")


def said(answer: httpx.Response) -> str:
    """An answer as the table has it."""
    body: Any = answer.json() if _is_json(answer) else None
    items = body.get("items") if isinstance(body, dict) else body
    many = f"*{len(items)}" if answer.status_code == 200 and isinstance(items, list) else ""
    return f"{answer.status_code}{many}"


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("call", sorted(EXPECTED))
def test_everybody_gets_what_the_table_says(
    call: str, staged: Stage, clients: dict[str, httpx.Client]
) -> None:
    method, path = call.split()
    reached = {}
    for role, client in clients.items():
        made = staged.call(method, path, role)
        answer = client.request(method, made.path, **made.sent)
        reached[role] = said(answer)
        if answer.status_code >= 400 and call in table(API) and not path.startswith("/pictures"):
            assert answer.headers["content-type"] == "application/problem+json"
    assert reached == EXPECTED[call]
