"""Photos and who is on them; uploads."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, UploadFile
from pydantic import BaseModel

from memoria_pipeline.review import keeping
from memoria_pipeline.review.api.deciding import User
from memoria_pipeline.review.api.shapes import NewTag, Part
from memoria_pipeline.review.api.shown import (
    Listed,
    Photo,
    Tag,
    WholePhoto,
    face_of,
    listed,
    photo_of,
    tag_of,
)
from memoria_pipeline.review.callers import Conn, Eyes, Here
from memoria_pipeline.review.deciding import in_event
from memoria_pipeline.review.permitted import PermittedCall
from memoria_pipeline.review.problems import NotFound, Problem
from memoria_pipeline.review.routes import routes
from memoria_pipeline.store.photo_files import Upload
from memoria_pipeline.store.shown import faces, photos, tags
from memoria_pipeline.store.shown.photos import PhotoShown, Wanted

router = routes("photos")
uploads = routes("photos", route_class=PermittedCall)
AT_ONCE = 20
"""Photos of one upload: a browser sends several uploads."""
LARGEST_UPLOAD = 500_000_000
"""Bytes of one upload, whatever is in it."""


class Uploaded(BaseModel):
    """New photos in the order they were sent; job_id: of their analysis, where the switch is on."""

    event_id: UUID
    media_ids: list[UUID]
    job_id: UUID | None


@router.get("/event/{event_id}/media", response_model=Listed[Photo])
def photos_of_event(
    event_id: UUID,
    conn: Conn,
    signer: Eyes,
    part: Part,
    status: Literal["pending", "analysed", "failed", "duplicate", "missing"] | None = None,
    tagged_user_id: Annotated[UUID | None, Query(description="With this member on them.")] = None,
) -> Any:
    """The event's photos with their tags; a guest sees those with the guest on them."""
    in_event(conn, event_id)
    page = photos.page(conn, event_id, Wanted(status, tagged_user_id), part)
    on = tags.of_photos(conn, event_id, [each.id for each in page.items])
    return listed(page, [photo_of(signer, each, on[each.id]) for each in page.items])


@uploads.post("/event/{event_id}/photos", status_code=201, max_body_size=LARGEST_UPLOAD)
def upload(
    event_id: UUID, files: list[UploadFile], conn: Conn, user: User, parts: Here
) -> Uploaded:
    """Add photos, as an organiser or photographer; all or none, at most 20 at a time."""
    if not 0 < len(files) <= AT_ONCE:
        raise Problem(422, f"{len(files)} photos at once.", f"Send 1 to {AT_ONCE} at a time.")
    most = parts.settings.max_bytes
    sent = (Upload(each.filename or "", each.file.read(most + 1)) for each in files)
    made = keeping.upload(conn, parts.settings, user, event_id, sent)
    return Uploaded(event_id=made.event_id, media_ids=made.media_ids, job_id=made.job_id)


router.include_router(uploads)


def found(conn: Conn, media_id: UUID) -> PhotoShown:
    """The photo. Raises NotFound."""
    photo = photos.one(conn, media_id)
    if photo is None:
        raise NotFound("photo")
    return photo


@router.get("/media/{media_id}")
def photo(media_id: UUID, conn: Conn, signer: Eyes) -> WholePhoto:
    """One photo, with the faces and names that the caller may see."""
    one = found(conn, media_id)
    shown = photo_of(signer, one, tags.of_photo(conn, one.event_id, one.id))
    on = [face_of(signer, each) for each in faces.of_photo(conn, one.event_id, one.id)]
    return WholePhoto(**shown.model_dump(), faces=on)


@router.get("/media/{media_id}/tags")
def tags_of_photo(media_id: UUID, conn: Conn, signer: Eyes) -> list[Tag]:
    """Who is on the photo, as far as the caller may see."""
    one = found(conn, media_id)
    return [tag_of(signer, each) for each in tags.of_photo(conn, one.event_id, one.id)]


@router.post("/media/{media_id}/tags", status_code=201)
def tag(media_id: UUID, body: NewTag, conn: Conn, user: User, signer: Eyes) -> list[Tag]:
    """Say that a member is on the photo; the photo's tags then. Members tag themselves only."""
    box = body.bbox.model_dump() if body.bbox else None
    shown = keeping.tag(conn, user, media_id, body.user_id, box)
    return [tag_of(signer, each) for each in shown]


@router.delete("/media/{media_id}/tags/{user_id}", status_code=204)
def untag(media_id: UUID, user_id: UUID, conn: Conn) -> None:
    """Take a tag off a photo: one's own, or as an organiser anyone's."""
    keeping.untag(conn, media_id, user_id)


@router.get("/user/{user_id}/tags", response_model=Listed[Tag])
def tags_of_user(
    user_id: UUID, event_id: Annotated[UUID, Query()], conn: Conn, signer: Eyes, part: Part
) -> Any:
    """The photos of an event that a member is on: one's own, or as an organiser anyone's."""
    in_event(conn, event_id)
    page = tags.of_user(conn, event_id, user_id, part)
    return listed(page, [tag_of(signer, each) for each in page.items])
