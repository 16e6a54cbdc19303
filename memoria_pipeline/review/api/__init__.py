"""The API: one module per group of calls, `/openapi.json` describes them.

Here: shapes of requests and answers. Not here: what an action does (review/actions.py).
"""

from fastapi import APIRouter

from memoria_pipeline.review.api import (
    consents,
    deciding,
    events,
    health,
    hidden,
    invitations,
    media,
    ml,
    people,
    process,
    questions,
)

router = APIRouter()
"""All calls; a module's router, made by `routes.routes`, is included here."""

for each in (
    events,
    people,
    deciding,
    questions,
    media,
    consents,
    hidden,
    invitations,
    ml,
    process,
    health,
):
    router.include_router(each.router)
