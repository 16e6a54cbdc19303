"""The application: every call and every page, with what all answers have in common."""

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from memoria_pipeline import __version__
from memoria_pipeline.review import api, pages, pictures, problems
from memoria_pipeline.review.api.document import ABOUT, TAGS, Documented
from memoria_pipeline.review.armour import Armour
from memoria_pipeline.review.pages.layout import STATIC, problem_page
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.review.routes import ProblemBody
from memoria_pipeline.review.sessions import is_https

LARGEST_BODY = 1_000_000  # bytes; routes that take photos say more


class _Review(Documented):
    """With Armour around everything, also around what the framework answers by itself."""

    def build_middleware_stack(self) -> ASGIApp:
        https = is_https(self.state.parts.settings)
        return Armour(super().build_middleware_stack(), https)


def create_app(parts: Parts) -> FastAPI:
    """The review, made of these parts. Keeps nothing outside them."""
    app = _Review(
        title="Memoria",
        version=__version__,
        description=ABOUT,
        openapi_tags=TAGS,
        max_body_size=LARGEST_BODY,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.parts = parts
    problems.install(app, problem_page)
    app.include_router(api.router)
    app.include_router(pictures.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.openapi = partial(_document, app, app.openapi)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI, made: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """FastAPI's document, with the shape of errors that every call refers to."""
    if app.openapi_schema is None:
        schemas = made().setdefault("components", {}).setdefault("schemas", {})
        schemas["ProblemBody"] = ProblemBody.model_json_schema()
    return made()
