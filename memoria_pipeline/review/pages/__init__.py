"""The pages: Jinja templates and htmx, one module per page.

Here: what a page shows and where its forms go. Not here: what an action does (review/actions.py).
"""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
"""All pages; a module's router is included here."""
