"""What all pages share: templates with words in the caller's language, and the page of an error."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from babel.dates import format_date, format_datetime
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from memoria_pipeline.privacy import texts
from memoria_pipeline.review import sessions
from memoria_pipeline.review.callers import Caller
from memoria_pipeline.review.problems import Problem
from memoria_pipeline.review.words import COOKIE, LANGUAGES, Words, words_of

ROOM = Path(__file__).parents[1]
STATIC = ROOM / "static"
_YEAR = 365 * 86_400  # seconds that a browser remembers a language


@cache
def environment(language: str) -> Environment:
    """The templates in one language: `_("… %(name)s", name=…)` fills in, escaped."""
    words = Words(language)
    made = Environment(
        loader=FileSystemLoader(ROOM / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    gettexts = (words.gettext, words.ngettext)
    made.install_gettext_callables(*gettexts, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {
        "lang": language,
        "consent_text": lambda purpose: texts.latest(purpose, language),
        "date": lambda at: format_date(at, "long", locale=language),
        "moment": lambda at: moment(at, language),
    }
    return made


def moment(at: datetime, language: str) -> Markup:
    """A day and a time, as the language writes it; UTC, until app.js knows the reader's zone."""
    shown = format_datetime(at, "d MMM y, HH:mm", tzinfo=UTC, locale=language)
    return Markup('<time datetime="{}">{} UTC</time>').format(at.isoformat(), shown)


def page(
    request: Request, template: str, caller: Caller | None = None, status: int = 200, **context: Any
) -> Response:
    """A template in the caller's language, with what is given."""
    words = words_of(request)
    asked = caller or Caller()
    text = (
        environment(words.language)
        .get_template(template)
        .render(csrf=asked.csrf, signed_in=asked.session, **context)
    )
    response = HTMLResponse(text, status, {"content-language": words.language, "vary": "Cookie"})
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(COOKIE, words.language, max_age=_YEAR, samesite="lax", httponly=True)
    return response


def is_part(request: Request) -> bool:
    """Whether a script of ours asks for a part of a page."""
    return "hx-request" in request.headers


def decided(text: str, **about: str) -> Response:
    """Done. undo: the decision to take back; go: the page to show next."""
    return Response(status_code=204, headers=tells(text=text, **about))


def tells(**about: str) -> dict[str, str]:
    """The header by which app.js learns what was done."""
    return {"x-decided": json.dumps(about)}  # ASCII, as headers are


def said(text: str) -> dict[str, str]:
    """The header by which app.js tells why something did not work."""
    return {"x-message": quote(text)}


def problem_page(request: Request, problem: Problem) -> Response:
    """An error, said to a person: a page, or for app.js a header."""
    words = words_of(request)
    if problem.status == 401 and not is_part(request):
        known = sessions.token_of(request, request.app.state.parts.settings) is not None
        return RedirectResponse("/sign-in" + ("?expired=1" if known else ""), 303)
    if problem.status == 422 and request.method == "GET":
        problem = Problem(404, problem.detail, problem.mend)  # an address, then, that is none
    heading, text = _explained(problem, words)
    if is_part(request):
        return Response(None, problem.status, said(text) if problem.status == 409 else {})
    return page(request, "error.html", status=problem.status, heading=heading, text=text)


def _explained(problem: Problem, words: Words) -> tuple[str, str]:
    """A heading and what to do, in the reader's language: problems themselves speak English."""
    _ = words.gettext
    if problem.status == 409:
        changed = "current_version" in problem.more
        return _("Someone was faster"), _changed(words) if changed else _refused(words)
    known = {
        403: (_("You may not do that"), _("Ask an organiser of the event.")),
        404: (
            _("There is nothing here"),
            _("It is gone, or it is not shown to you. Check the address, or sign in as another."),
        ),
        413: (_("That is too large"), _("Send fewer or smaller files at a time.")),
        422: (_("Something is missing or wrong"), _("Go back, check the form, and send it again.")),
        429: (_("That was too often"), _("Wait a moment, then try again.")),
        503: (_("We are away for a moment"), _("The database cannot be reached. Try again soon.")),
    }
    broken = _("That did not work, and it is our fault. Nothing was changed; try again.")
    return known.get(problem.status, (_("Something went wrong"), broken))


def _changed(words: Words) -> str:
    return words.gettext("Someone else changed this meanwhile. Here is what is there now.")


def _refused(words: Words) -> str:
    return words.gettext(
        "That cannot be: it contradicts what was decided before. Nothing was changed."
    )
