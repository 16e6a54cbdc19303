"""Errors as answers: problem+json for programs, a page for people; nothing personal in either."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from memoria_pipeline.errors import (
    ConsentError,
    DatabaseError,
    DecisionError,
    MemoriaError,
    PhotoError,
)
from memoria_pipeline.logs import withheld

_log = logging.getLogger(__name__)


class Problem(MemoriaError):
    """An answer that is an error.

    detail: what happened, to what. mend: what to do. more: further members of the body, such as
    `current_version`.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        mend: str,
        *,
        title: str = "",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(f"{detail} {mend}")
        self.status, self.detail, self.mend = status, detail, mend
        self.title = title or HTTPStatus(status).phrase
        self.headers = dict(headers or {})
        self.more = more

    @property
    def body(self) -> dict[str, Any]:
        """As the API says it."""
        about = {"type": "about:blank", "title": self.title, "status": self.status}
        return {**about, "detail": self.detail, "mend": self.mend, **self.more}


class NotFound(Problem):
    """There is no such thing, or the caller may not see it: the answer is the same."""

    def __init__(self, what: str = "thing") -> None:
        mend = "Check the id, and that you belong to its event."
        super().__init__(404, f"There is no such {what}, or it is not shown to you.", mend)


def missing(what: str) -> Problem:
    """Nothing of the request says who asks."""
    headers = {"www-authenticate": "Bearer"}
    return Problem(401, what, "Sign in, or send a valid token.", headers=headers)


_NO_TEXT = Problem(
    422, "A text holds a character that cannot be stored.", "Leave out control characters."
)
ProblemPage = Callable[[Request, Problem], Response]


def install(app: FastAPI, page: ProblemPage) -> None:
    """Every error becomes a Problem: shown by `page` where a browser asked for a page."""

    def answer(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        response = page(request, problem) if wants_page(request) else _json(problem)
        response.headers.update(problem.headers)
        return response

    def broken(request: Request, error: Exception) -> Response:
        if problem_of(error).status >= 500:
            said = "A request failed for a reason that nobody foresaw."
            _log.error(said, exc_info=withheld(error))
        return answer(request, error)

    for kind in (MemoriaError, HTTPException, RequestValidationError, DBAPIError):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(ValueError, broken)  # the driver's too, for text it cannot send
    app.add_exception_handler(Exception, broken)


def _json(problem: Problem) -> Response:
    return JSONResponse(problem.body, problem.status, media_type="application/problem+json")


def wants_page(request: Request) -> bool:
    """Whether a browser asks, for a page or for a part of one."""
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted or "hx-request" in request.headers


def problem_of(error: Exception) -> Problem:
    """What an error is, said to whoever asked. An error of nobody's is said without its words."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _http(error)
    if isinstance(error, DBAPIError):
        return _refused(error)
    if isinstance(error, UnicodeEncodeError) or "NUL (0x00)" in str(error):
        return _NO_TEXT
    return _ours(error) if isinstance(error, MemoriaError) else _unforeseen()


def _invalid(error: RequestValidationError) -> Problem:
    # where and what kind, never what was sent: it may be a name
    faults = [{"at": [str(p) for p in e["loc"]], "what": e["msg"]} for e in error.errors()]
    if any(e["type"] == "json_invalid" for e in error.errors()):
        return Problem(400, "The body is not JSON.", "Send JSON.", faults=[])
    mend = "See /openapi.json for what it takes."
    return Problem(422, "The request is not as it should be.", mend, faults=faults)


_SAID = {
    404: ("There is nothing at this address.", "Check it; /openapi.json lists all of them."),
    405: ("This address does not take that method.", "See /openapi.json."),
    413: ("The request is too large.", "Send less at a time."),
}


def _http(error: HTTPException) -> Problem:
    detail, mend = _SAID.get(
        error.status_code, ("The request cannot be answered.", "See /openapi.json.")
    )
    return Problem(error.status_code, detail, mend, headers=error.headers)


_STATES: dict[str, tuple[int, str, str]] = {
    "42501": (403, "You may not do this.", "Ask an organiser of the event."),
    "23505": (409, "There is one like it already.", "Load it again and look."),
    "23503": (409, "What it refers to is not there any more.", "Load it again and look."),
    "23514": (409, "The database does not take it as it is.", "Load it again and look."),
    "55000": (409, "It cannot be done as things are.", "Load it again and look."),
    "40P01": (409, "Somebody else was at it in the same moment.", "Try again."),
    "40001": (409, "Somebody else was at it in the same moment.", "Try again."),
    "55P03": (409, "Somebody else is at it.", "Try again in a moment."),
    "57014": (503, "It took too long and was stopped.", "Try again in a moment."),
}


def _refused(error: DBAPIError) -> Problem:
    state = getattr(error.orig, "pgcode", None) or ""
    if state in _STATES:
        status, detail, mend = _STATES[state]
        return Problem(status, detail, mend)
    if state.startswith("22"):  # data exceptions: out of range, no such text
        return Problem(422, "A value is out of range.", "See /openapi.json for what it takes.")
    away = isinstance(error, OperationalError | InterfaceError) or state.startswith(("08", "57"))
    if away:
        return _away()
    _log.error("The database refused a statement [%s].", state, exc_info=withheld(error))
    return _unforeseen()


def _away() -> Problem:
    headers = {"retry-after": "5"}
    return Problem(503, "The database cannot be reached.", "Try again.", headers=headers)


def _ours(error: MemoriaError) -> Problem:
    said = str(error)
    if isinstance(error, DecisionError | ConsentError):
        return Problem(409, said, "Load it again and look.", **getattr(error, "more", {}))
    if isinstance(error, PhotoError):
        return Problem(422, said, "Send another photo.", reason=error.reason)
    if isinstance(error, DatabaseError):
        _log.error("The database: %s", said)
        return _away()
    _log.error("%s", said)
    return _unforeseen()


def _unforeseen() -> Problem:
    mend = "Try again; where it stays, tell who runs this server the x-request-id."
    return Problem(500, "Something went wrong here, and nothing was changed.", mend)
