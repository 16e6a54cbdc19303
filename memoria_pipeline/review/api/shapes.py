"""What requests say: strict and bounded, so that nothing odd gets as far as the database."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from memoria_pipeline.store.shown.page import Paging

# PostgreSQL takes no NUL in a text; other control characters belong in no name.
_PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
Text = Annotated[str, StringConstraints(max_length=2000, pattern=_PRINTABLE)]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE, strip_whitespace=True),
]
Sought = Annotated[str, Query(max_length=200, pattern=_PRINTABLE)]
Email = Annotated[
    str,
    StringConstraints(
        min_length=3,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s.\x00-\x1f]{2,}$",
    ),
]
Faces = Annotated[list[UUID], Field(min_length=1, max_length=10_000)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
_SINCE, _UNTIL = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
Moment = Annotated[AwareDatetime, Field(ge=_SINCE, le=_UNTIL)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def _paging(
    page: Annotated[int, Query(ge=1, le=100_000, description="From 1 on.")] = 1,
    per_page: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Paging:
    return Paging(page, per_page)


Part = Annotated[Paging, Depends(_paging)]
"""Which part of a list: `page` and `per_page`."""


class Said(BaseModel):
    """A request's body: nothing in it that is not known."""

    model_config = ConfigDict(extra="forbid")


class Expected(Said):
    """What every action on a person may say."""

    expected_version: Version | None = Field(
        None, description="The person's version that was shown: another one there now is a 409."
    )


class LinkUser(Expected):
    """The person is this member; who is none becomes a guest."""

    user_id: UUID


class Invite(Expected):
    """Whoever has this address is asked whether the person is them."""

    email: Email
    message: Text | None = None
    language: Annotated[str, Field(pattern="^(en|fr)$")] | None = None


class Merge(Expected):
    """The other person is this one, and leads to it from now on."""

    other_person_id: UUID
    other_expected_version: Version | None = None


class OfFaces(Expected):
    """Some faces of the person."""

    face_ids: Faces


class Confirm(Expected):
    """The faces that are the person; without: all it has. twice: even two of one photo."""

    face_ids: Faces | None = None
    twice: bool = False


class Move(Said):
    """Faces, whose they are, and whose they were so far."""

    face_ids: Faces
    to_person_id: UUID
    from_person_id: UUID | None = None


class FaceIds(Said):
    """Faces of the event."""

    face_ids: Faces


class KeepFaces(Said):
    """The faces of the photo that are not ignored."""

    keep_face_ids: Annotated[list[UUID], Field(max_length=10_000)] = []


class Box(Said):
    """In [0, 1] of the upright photo."""

    x: Share
    y: Share
    w: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    h: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class NewTag(Said):
    """Who is on the photo, and where."""

    user_id: UUID
    bbox: Box | None = None
