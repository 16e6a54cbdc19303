"""The event: how far it is, the queue, the grid of people."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse, Response

from memoria_pipeline.review.pages.frame import Frame, Framed, Organised
from memoria_pipeline.review.pages.progress import progress_of
from memoria_pipeline.review.pages.questions import questions_of
from memoria_pipeline.review.words import Words
from memoria_pipeline.store.shown import people
from memoria_pipeline.store.shown.page import Paging

router = APIRouter()
_PER_PAGE = 48

Status = Literal["all", "pending", "linked", "invited", "ignored"]
Sought = Annotated[str, Query(max_length=100)]
Number = Annotated[int, Query(ge=1, le=10_000)]


@router.get("/review/{event_id}")
def event(frame: Framed, status: Status = "all", q: Sought = "", page: Number = 1) -> Response:
    """Everything of an event for its organisers; its photos for the others."""
    if not frame.is_organiser:
        return RedirectResponse(f"/review/{frame.event.id}/photos", 303)
    shown = {**_people(frame, status, q, page), **progress_of(frame), **questions_of(frame)}
    return frame.whole("event.html", **shown)


@router.get("/review/{event_id}/people")
def some_people(
    frame: Organised, status: Status = "all", q: Sought = "", page: Number = 1
) -> Response:
    """The grid anew, or its next part."""
    shown = _people(frame, status, q, page)
    if page > 1:
        return frame.page("_tiles.html", **shown)
    return frame.page("_people.html", **shown, **progress_of(frame))


def _people(frame: Frame, status: Status, q: str, page: int) -> dict[str, Any]:
    wanted = people.Wanted(() if status == "all" else (status,), q.strip())
    found = people.page(frame.conn, frame.event.id, wanted, Paging(page, _PER_PAGE))
    counts = people.by_status(frame.conn, frame.event.id)
    return {
        "people": [frame.views.person(each) for each in found.items],
        "next_page": page + 1 if page * _PER_PAGE < found.total else None,
        "filters": _filters(frame.words, counts),
        "chosen": status,
        "q": q.strip(),
    }


def _filters(words: Words, counts: dict[str, int]) -> list[tuple[str, str, int]]:
    _ = words.gettext
    total = sum(n for status, n in counts.items() if status != "merged")
    named = (
        ("pending", _("To identify")),
        ("linked", _("Identified")),
        ("invited", _("Invited")),
        ("ignored", _("Ignored")),
    )
    return [("all", _("All"), total), *((each, text, counts.get(each, 0)) for each, text in named)]
