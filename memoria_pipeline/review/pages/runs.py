"""Runs that wait for somebody's word, and what was decided so far."""

from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from memoria_pipeline.people.diff import Diff
from memoria_pipeline.review import keeping
from memoria_pipeline.review.pages.frame import Framed, Organised, waiting
from memoria_pipeline.review.pages.layout import decided
from memoria_pipeline.review.pages.sentences import history_lines
from memoria_pipeline.review.problems import NotFound
from memoria_pipeline.store.shown import history, runs
from memoria_pipeline.store.shown.page import Paging

router = APIRouter()
_DECISIONS = 100


@router.get("/review/{event_id}/runs")
def waiting_runs(frame: Organised) -> Response:
    """What each run would change, in sentences."""
    shown = [_run(each) for each in waiting(frame.runs())]
    return frame.whole("runs.html", runs=shown, asked=any(each["answer"] for each in shown))


def _run(run: runs.RunShown) -> dict[str, Any]:
    diff = Diff.of(run.diff) if run.diff else None
    share = 0.0 if diff is None else diff.churn
    return {
        "id": run.id,
        "kind": run.kind,
        "created_at": run.created_at,
        "diff": diff,
        "share": f"{share:.0%}" if share >= 0.01 else "< 1%",
        "broken": max(diff.violations, diff.reviewed_faces_moved) if diff else 0,
        "problem": run.problem if run.done_at else None,
        "answer": run.answer if run.done_at is None else None,
    }


@router.post("/review/{event_id}/run/{run_id}/{answer}")
def answer_run(frame: Framed, run_id: UUID, answer: Literal["publish", "turn-down"]) -> Response:
    """What the organiser wants of it; the pipeline carries it out."""
    run = runs.one(frame.conn, run_id)
    if run is None or run.event_id != frame.event.id:
        raise NotFound("run")
    wanted: Literal["publish", "turn_down"] = "publish" if answer == "publish" else "turn_down"
    keeping.answer_run(frame.conn, frame.user, run_id, wanted)
    return decided(frame.words.gettext("Understood; this takes some seconds."))


@router.get("/review/{event_id}/history")
def decisions(frame: Organised) -> Response:
    """The latest decisions, each with its undo."""
    found = history.of_event(frame.conn, frame.event.id, Paging(1, _DECISIONS))
    return frame.whole("history.html", history=history_lines(frame, found.items))
