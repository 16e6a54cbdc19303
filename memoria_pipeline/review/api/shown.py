"""What answers show: rows as the store reads them, with signed addresses of their pictures."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from memoria_pipeline.review.signed import Signer
from memoria_pipeline.store.shown.faces import FaceShown
from memoria_pipeline.store.shown.page import Page
from memoria_pipeline.store.shown.people import PersonShown
from memoria_pipeline.store.shown.photos import PhotoShown
from memoria_pipeline.store.shown.tags import TagShown

FACE, PREVIEW, PHOTO = 256, 640, 2048  # pixels; pictures.py has the list of sizes
T = TypeVar("T")
Status = Literal["pending", "linked", "invited", "ignored", "merged"]


class Shown(BaseModel):
    """Read from a row of the store."""

    model_config = ConfigDict(from_attributes=True)


class Listed(BaseModel, Generic[T]):
    """One part of a list; total: of all of it."""

    items: list[T]
    total: int
    page: int
    per_page: int


class Person(Shown):
    """A person of an event: a group of faces, and who they are once a human said so."""

    id: UUID
    event_id: UUID
    status: Status
    cluster_label: int | None
    representative_face_id: UUID | None
    linked_user_id: UUID | None
    name: str | None = Field(description="Of the member that the person is linked to.")
    invitation_email: str | None
    merged_into_id: UUID | None
    version: int = Field(description="For `expected_version`.")
    face_count: int
    photo_count: int
    avg_quality: float | None
    manual_edits: int
    updated_at: datetime
    face_url: str | None = Field(None, description="Signed; good for half an hour at least.")


class People(Listed[Person]):
    """People, and how many there are of each status."""

    counts: dict[str, int]


class Face(Shown):
    """A face: where it is, whose, and what a human said of it."""

    id: UUID
    event_id: UUID
    media_id: UUID
    person_id: UUID | None
    bbox: dict[str, float]
    quality_score: float
    quality_class: str
    probability: float | None
    verdict: Literal["person", "ignored", "not_a_face"] | None
    lost: bool
    person_status: Status | None
    linked_user_id: UUID | None
    name: str | None
    face_url: str | None = None
    photo_url: str | None = None


class Tag(Shown):
    """Who is on a photo, who said so, and from what."""

    id: UUID
    event_id: UUID
    media_id: UUID
    tagged_user_id: UUID
    name: str | None
    tagged_by_user_id: UUID
    source: Literal["manual", "face_clustering", "imported", "suggested"]
    bbox: dict[str, Any] | None
    face_id: UUID | None
    created_at: datetime
    photo_url: str | None = None


class Photo(Shown):
    """A photo of an event."""

    id: UUID
    event_id: UUID
    name: str
    status: Literal["pending", "analysed", "failed", "duplicate", "missing"]
    width: int | None
    height: int | None
    faces_found: int | None
    error_code: str | None
    error: str | None
    created_at: datetime
    analysed_at: datetime | None
    preview_url: str | None = None
    photo_url: str | None = None
    tags: list[Tag] = []


class WholePhoto(Photo):
    """A photo with the faces on it that the caller may see."""

    faces: list[Face]


class Done(BaseModel):
    """What an action did: its decisions, and the people it was about as they are now."""

    event_id: UUID
    decision_ids: list[UUID]
    persons: list[Person]


def person_of(signer: Signer, row: PersonShown) -> Person:
    """With the address of the face that stands for it."""
    shown = Person.model_validate(row)
    if row.representative_face_id is not None:
        shown.face_url = signer.url("face", row.event_id, row.representative_face_id, FACE)
    return shown


def face_of(signer: Signer, row: FaceShown) -> Face:
    """With the addresses of itself and of its photo."""
    shown = Face.model_validate(row)
    shown.face_url = signer.url("face", row.event_id, row.id, FACE)
    shown.photo_url = signer.url("photo", row.event_id, row.media_id, PHOTO)
    return shown


def tag_of(signer: Signer, row: TagShown) -> Tag:
    """With the address of its photo."""
    shown = Tag.model_validate(row)
    shown.photo_url = signer.url("photo", row.event_id, row.media_id, PREVIEW)
    return shown


def photo_of(signer: Signer, row: PhotoShown, tags: list[TagShown]) -> Photo:
    """With its addresses and tags."""
    shown = Photo.model_validate(row)
    shown.preview_url = signer.url("photo", row.event_id, row.id, PREVIEW)
    shown.photo_url = signer.url("photo", row.event_id, row.id, PHOTO)
    shown.tags = [tag_of(signer, each) for each in tags]
    return shown


def listed(page: Page[Any], items: list[T]) -> dict[str, Any]:
    """The members of a Listed, with these items."""
    return {"items": items, "total": page.total, "page": page.page, "per_page": page.per_page}
