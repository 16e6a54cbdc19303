"""`/process`: one photo's faces for another server; nothing of it is kept."""

import time
from typing import Literal
from uuid import UUID

import numpy as np
from fastapi import Depends
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from memoria_pipeline.errors import ConsentError
from memoria_pipeline.review.callers import Here, Service, limited_user
from memoria_pipeline.review.download import download
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.review.problems import NotFound
from memoria_pipeline.review.routes import problems, routes
from memoria_pipeline.store import asked as stored
from memoria_pipeline.store import callers, tombstones
from memoria_pipeline.store.faces import STORED_DIMENSIONS
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.model import Face

router = routes("operations")


class Asked(BaseModel):
    """media_url: https, public; it is read once and not kept."""

    model_config = ConfigDict(extra="ignore")
    job_id: UUID
    media_id: UUID
    event_id: UUID
    media_url: str = Field(min_length=1, max_length=4096)


class BBox(BaseModel):
    """In [0, 1] of the upright photo."""

    x: float
    y: float
    w: float
    h: float


class FoundFace(BaseModel):
    """embedding: 512 numbers of unit length, padded with zeros. landmarks: five [x, y]."""

    bbox: BBox
    embedding: list[float]
    quality_score: float
    landmarks: list[tuple[float, float]]


class Processed(BaseModel):
    """As INTERFACES has it."""

    job_id: UUID
    media_id: UUID
    event_id: UUID
    faces_detected: int
    faces: list[FoundFace]
    processing_time_seconds: float
    status: Literal["completed"]


@router.post("/process", dependencies=[Depends(limited_user("ml"))], responses=problems(502))
async def process(_caller: Service, parts: Here, asked: Asked) -> Processed:
    """The faces of one photo, where the event's organiser agreed to face analysis."""
    started = time.perf_counter()
    pack = await _allowed(parts, asked.event_id)
    limit = parts.models.detector.max_bytes
    allow_private = parts.settings.callback_allow_private
    async with parts.processing:  # as many photos in memory, whoever asks
        data = await download(asked.media_url, limit, allow_private=allow_private)
        outcome = await run_in_threadpool(parts.models.analyse, pack, data)
        faces = await run_in_threadpool(_left, parts, asked, outcome)
    return Processed(
        **asked.model_dump(exclude={"media_url"}),
        faces_detected=len(faces),
        faces=[_shown(each) for each in faces],
        processing_time_seconds=round(time.perf_counter() - started, 3),
        status="completed",
    )


async def _allowed(parts: Parts, event: UUID) -> str:
    """The event's pack. Raises NotFound, ConsentError."""

    def look() -> stored.Allowed:
        with callers.as_server(parts.engine) as conn:
            return stored.allowed(conn, event)

    async with parts.gate:
        found = await run_in_threadpool(look)
    if not found.exists:
        raise NotFound("event")
    if not found.allowed:
        raise ConsentError(
            f"Event {event}: face analysis is switched off, or the event is over. Once the"
            " organiser agrees, the switch is on its page."
        )
    if found.forgets:
        raise ConsentError(
            f"Event {event}: faces of who did not agree are given to nobody. Upload its photos; the"
            " pipeline compares them in memory and forgets the others."
        )
    return found.face_model or ""


def _left(parts: Parts, asked: Asked, outcome: Outcome) -> list[Face]:
    """Without whom was erased from the photo, or from its copies: also since it was asked for."""
    about = (asked.event_id, asked.media_id, outcome.sha256)
    with callers.as_server(parts.engine) as conn:
        return tombstones.answered(conn, *about, outcome.faces)


def _shown(face: Face) -> FoundFace:
    x, y, w, h = face.detection.box
    vector = np.zeros(STORED_DIMENSIONS, np.float32)
    vector[: len(face.embedding)] = face.embedding
    points = [(float(px), float(py)) for px, py in face.detection.landmarks]
    return FoundFace(
        bbox=BBox(x=x, y=y, w=w, h=h),
        embedding=[float(each) for each in vector],
        quality_score=face.quality,
        landmarks=points,
    )
