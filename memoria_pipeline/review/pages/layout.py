"""What all pages share: templates with words in the caller's language, and the page of an error."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from memoria_pipeline.review.problems import Problem
from memoria_pipeline.review.words import words_of

ROOM = Path(__file__).parents[1]
STATIC = ROOM / "static"

_templates = Environment(
    loader=FileSystemLoader(ROOM / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A template with `_`, `ngettext`, `language` and what is given."""
    words = words_of(request)
    text = _templates.get_template(template).render(
        request=request,
        language=words.language,
        _=words.gettext,
        ngettext=words.ngettext,
        **context,
    )
    return HTMLResponse(text, status, {"content-language": words.language, "vary": "Cookie"})


def problem_page(request: Request, problem: Problem) -> Response:
    """An error, said to a person."""
    return page(request, "problem.html", problem.status, problem=problem)
