"""Photos: all of them, uploads, and one with boxes and names."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, UploadFile
from fastapi.responses import RedirectResponse, Response

from memoria_pipeline.errors import PhotoError
from memoria_pipeline.review import actions, keeping
from memoria_pipeline.review.pages.decide import told
from memoria_pipeline.review.pages.frame import Frame, Framed, Organised
from memoria_pipeline.review.pages.layout import decided, is_part, said
from memoria_pipeline.review.pages.views import WHOLE, named
from memoria_pipeline.review.permitted import PermittedPage
from memoria_pipeline.review.problems import NotFound, Problem
from memoria_pipeline.store.photo_files import Upload
from memoria_pipeline.store.shown import faces, members, people, photos, tags
from memoria_pipeline.store.shown.page import Paging
from memoria_pipeline.store.shown.photos import PhotoShown

router = APIRouter()
uploads = APIRouter(route_class=PermittedPage)
_HERE = "/review/{event_id}/photo/{media_id}"
_PER_PAGE, _FOUND, _MEMBERS = 60, 12, 500
LARGEST_UPLOAD = 600_000_000  # bytes of one request; each photo has a limit of its own


@router.get("/review/{event_id}/photos")
def all_photos(
    frame: Framed, page: Annotated[int, Query(ge=1, le=10_000)] = 1, failed: bool = False
) -> Response:
    """The photos that the caller may see."""
    wanted = photos.Wanted("failed" if failed else None)
    found = photos.page(frame.conn, frame.event.id, wanted, Paging(page, _PER_PAGE))
    shown: dict[str, Any] = {
        "photos": frame.views.photos(found.items, (page - 1) * _PER_PAGE + 1),
        "next_page": page + 1 if page * _PER_PAGE < found.total else None,
        "failed": failed,
    }
    if page > 1 and is_part(frame.request):
        return frame.page("_photo_tiles.html", **shown)
    return frame.whole("photos.html", **shown)


@uploads.post("/review/{event_id}/photos", max_body_size=LARGEST_UPLOAD)
def upload(frame: Framed, files: Annotated[list[UploadFile], File(alias="photos")]) -> Response:
    """New photos; their faces are looked for by the pipeline."""
    most = frame.parts.settings.max_bytes + 1  # one more is too large, however much more there is
    given = (Upload(each.filename or "", each.file.read(most)) for each in files)
    try:
        with frame.conn.begin_nested():
            done = keeping.upload(
                frame.conn, frame.parts.settings, frame.user, frame.event.id, given
            )
    except PhotoError:
        return _refused(frame, 422)
    except Problem as problem:
        if problem.status != 409:
            raise
        return _refused(frame, 409)
    if not is_part(frame.request):
        return RedirectResponse(f"/review/{frame.event.id}/photos", 303)
    n = len(done.media_ids)
    text = frame.words.ngettext("%(num)d photo added.", "%(num)d photos added.", n)
    return decided(text % {"num": n})


router.include_router(uploads)


def _refused(frame: Frame, status: int) -> Response:
    _ = frame.words.gettext
    texts = {
        422: _("One of the files is no photo that can be read here; it was not added."),
        409: _("The photos of this event are in a place of their own; add new ones there."),
    }
    if is_part(frame.request):
        return Response(None, status, said(texts[status]))
    heading = _("Something is missing or wrong")
    return frame.page("error.html", status, heading=heading, text=texts[status])


def _photo(frame: Frame, media_id: UUID) -> PhotoShown:
    found = photos.one(frame.conn, media_id)
    if found is None or found.event_id != frame.event.id:
        raise NotFound("photo")
    return found


@router.get(_HERE)
def one_photo(frame: Framed, media_id: UUID) -> Response:
    """A photo with the faces and names that the caller may see."""
    found = _photo(frame, media_id)
    conn, event, views = frame.conn, frame.event.id, frame.views
    photo = {
        "id": found.id,
        "url": views.photo(found.id, WHOLE),
        "status": found.status,
        "width": found.width,
        "height": found.height,
    }
    boxes = [views.face(each) for each in faces.of_photo(conn, event, media_id) if not each.lost]
    return frame.page(
        "photo.html", photo=photo, boxes=boxes, editor=frame.is_organiser, **_tags(frame, media_id)
    )


def _tags(frame: Frame, media_id: UUID) -> dict[str, Any]:
    there = tags.of_photo(frame.conn, frame.event.id, media_id)
    known = {each.tagged_user_id for each in there}
    unknown = frame.words.gettext("somebody")
    own = frame.user
    return {
        "tags": [
            {
                "user_id": each.tagged_user_id,
                "name": each.name or unknown,
                "removable": frame.is_organiser or each.tagged_user_id == own,
            }
            for each in there
        ],
        "taggable": [each for each in _taggable(frame) if each.user_id not in known],
    }


def _taggable(frame: Frame) -> list[Any]:
    if frame.event.role == "guest":
        return []
    found = members.search(frame.conn, frame.event.id, limit=_MEMBERS)
    mine = frame.event.role == "member"
    some = [each for each in found if each.display_name or each.email]
    return [named(each) for each in some if not mine or each.user_id == frame.user]


@router.get(_HERE + "/face/{face_id}")
def face(frame: Organised, media_id: UUID, face_id: UUID) -> Response:
    """What may be said of one face."""
    return frame.page("_face.html", face=_face(frame, media_id, face_id), photo={"id": media_id})


@router.get(_HERE + "/face/{face_id}/people")
def moves(
    frame: Organised,
    media_id: UUID,
    face_id: UUID,
    q: Annotated[str, Query(max_length=120)] = "",
) -> Response:
    """Who else it may be: people of the event."""
    about = _face(frame, media_id, face_id)
    wanted = people.Wanted(("linked", "invited", "pending"), q.strip())
    found = people.page(frame.conn, frame.event.id, wanted, Paging(1, _FOUND))
    shown = [frame.views.person(each) for each in found.items if each.id != about.person_id]
    return frame.page("_moves.html", face=about, people=shown)


def _face(frame: Frame, media_id: UUID, face_id: UUID) -> Any:
    found = faces.these(frame.conn, frame.event.id, [face_id]).get(face_id)
    if found is None or found.media_id != media_id:
        raise NotFound("face")
    return frame.views.face(found)


@router.post(_HERE + "/ignore-others")
def ignore_others(
    frame: Framed,
    media_id: UUID,
    keep_face_ids: Annotated[tuple[UUID, ...], Form(max_length=500)] = (),
) -> Response:
    """Everyone else in the photo is nobody's business."""
    done = actions.ignore_others(frame.conn, frame.user, media_id, keep_face_ids)
    return told(frame.words.gettext("Everyone else in this photo is ignored."), done)


@router.post(_HERE + "/tags")
def tag(frame: Framed, media_id: UUID, user_id: Annotated[UUID, Form()]) -> Response:
    """A tag by hand."""
    keeping.tag(frame.conn, frame.user, media_id, user_id, None)
    return decided(frame.words.gettext("Tagged."))


@router.delete(_HERE + "/tags/{user_id}")
def untag(frame: Framed, media_id: UUID, user_id: UUID) -> Response:
    """A tag taken away."""
    keeping.untag(frame.conn, media_id, user_id)
    return decided(frame.words.gettext("The tag is gone."))
