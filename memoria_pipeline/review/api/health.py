"""`/health`: whether the server answers, for whoever watches it."""

from fastapi import APIRouter
from pydantic import BaseModel

from memoria_pipeline import __version__
from memoria_pipeline.review.callers import Here

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """As INTERFACES has it."""

    status: str
    version: str
    model_loaded: bool
    gpu_available: bool


@router.get("/health")
def health(parts: Here) -> Health:
    """Whether the server answers; it says nothing of anybody."""
    return Health(
        status="healthy",
        version=__version__,
        model_loaded=parts.models.is_loaded,
        gpu_available=parts.models.detector.shown[1] == "cuda",
    )
