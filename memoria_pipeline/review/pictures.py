"""Photos and faces by signed addresses."""

from fastapi import APIRouter

router = APIRouter(tags=["pictures"])
