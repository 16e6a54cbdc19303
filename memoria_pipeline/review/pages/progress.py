"""The line above an event: photos analysed, people, answers left."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from memoria_pipeline.review.pages.frame import Frame, Organised
from memoria_pipeline.review.pages.views import progress_view
from memoria_pipeline.store.shown import people
from memoria_pipeline.store.shown.progress import progress

router = APIRouter()


@router.get("/review/{event_id}/progress")
def line(frame: Organised) -> Response:
    """The line anew."""
    return frame.page("_progress.html", **progress_of(frame))


def progress_of(frame: Frame) -> dict[str, Any]:
    """What the line's template needs."""
    conn, event_id = frame.conn, frame.event.id
    return {"progress": progress_view(progress(conn, event_id), people.by_status(conn, event_id))}
