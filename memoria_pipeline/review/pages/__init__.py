"""The pages: Jinja templates and htmx, one module per page.

Here: what a page shows and where its forms go. Not here: what an action does (review/actions.py).
"""

from fastapi import APIRouter

from memoria_pipeline.review.pages import (
    audit,
    decide,
    event,
    events,
    invitation,
    mine,
    person,
    photo,
    progress,
    questions,
    runs,
    sign_in,
)

router = APIRouter(include_in_schema=False)
"""All pages; a module's router is included here."""

for each in (
    sign_in,
    events,  # before event: /review/new is no event
    event,
    progress,
    questions,
    decide,
    person,
    photo,
    runs,
    mine,
    audit,
    invitation,
):
    router.include_router(each.router)
