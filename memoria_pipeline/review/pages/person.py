"""A person: the faces, who it is, and what was decided."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Form, Query
from fastapi.responses import RedirectResponse, Response

from memoria_pipeline.review import actions, inviting, keeping
from memoria_pipeline.review.callers import limited_user
from memoria_pipeline.review.pages.decide import told
from memoria_pipeline.review.pages.frame import Frame, Framed, Ids, Organised
from memoria_pipeline.review.pages.sentences import history_lines
from memoria_pipeline.review.pages.views import LARGE, named
from memoria_pipeline.review.problems import NotFound, Problem
from memoria_pipeline.review.words import LANGUAGES, Words
from memoria_pipeline.store import asked, invitations
from memoria_pipeline.store.shown import faces, history, members, people
from memoria_pipeline.store.shown.page import Paging
from memoria_pipeline.store.shown.people import PersonShown

router = APIRouter()
_HERE = "/review/{event_id}/person/{person_id}"
_FACES, _HISTORY, _FOUND, _BESIDE = 120, 30, 12, 6

Sought = Annotated[str, Query(max_length=120)]
Version = Annotated[int | None, Form()]


def _person(frame: Frame, person_id: UUID) -> PersonShown:
    """The person, or whom it has become. Raises NotFound."""
    found = people.one(frame.conn, person_id)
    if found is None or found.event_id != frame.event.id:
        raise NotFound("person")
    return found


def _at(frame: Frame, person_id: UUID) -> str:
    return f"/review/{frame.event.id}/person/{person_id}"


@router.get(_HERE)
def person(
    frame: Organised, person_id: UUID, page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> Response:
    """All of a person. A link to one that was merged leads to whom it has become."""
    found = _person(frame, person_id)
    if found.id != person_id:
        return RedirectResponse(_at(frame, found.id), 303)
    return frame.page("person.html", **_shown(frame, found, page))


def _shown(frame: Frame, found: PersonShown, page: int) -> dict[str, Any]:
    conn, event, views = frame.conn, frame.event.id, frame.views
    shown = faces.of_person(conn, event, found.id, Paging(page, _FACES), "doubtful")
    log = history.of_person(conn, event, found.id, Paging(1, _HISTORY))
    preview = invitations.preview(conn, event, found.id, inviting.PHOTOS)
    return {
        "person": views.person(found),
        "shown": [views.face(each) for each in shown.items],
        "more": page + 1 if page * _FACES < shown.total else None,
        "preview": [views.photo(each) for each in preview],
        "history": history_lines(frame, log.items),
    }


@router.get(_HERE + "/members")
def candidates(frame: Organised, person_id: UUID, q: Sought = "") -> Response:
    """Members by a part of their name, those without a person first."""
    found = members.search(frame.conn, frame.event.id, q, limit=_FOUND)
    some = [each for each in found if each.display_name or each.email]
    shown = [named(each) for each in sorted(some, key=lambda each: each.person_id is not None)]
    exact = any(each.name.casefold() == q.strip().casefold() for each in shown)
    person = frame.views.person(_person(frame, person_id))
    return frame.page("_members.html", person=person, members=shown, q=q.strip(), exact=exact)


@router.get(_HERE + "/others")
def others(frame: Organised, person_id: UUID, q: Sought = "") -> Response:
    """Whom the person may be merged with."""
    found = people.page(
        frame.conn, frame.event.id, people.Wanted((), q.strip()), Paging(1, _FOUND + 1)
    )
    rest = [frame.views.person(each) for each in found.items if each.id != person_id][:_FOUND]
    return frame.page(
        "_others.html", person=frame.views.person(_person(frame, person_id)), people=rest
    )


@router.get(_HERE + "/merge/{other_id}")
def side_by_side(frame: Organised, person_id: UUID, other_id: UUID) -> Response:
    """Two people, to look at before they become one."""
    pair = [_person(frame, each) for each in (person_id, other_id)]
    if pair[0].id == pair[1].id:
        return RedirectResponse(_at(frame, pair[0].id), 303)
    best = faces.best_of(frame.conn, frame.event.id, [each.id for each in pair], _BESIDE)
    sides = [
        {
            "person": frame.views.person(each, LARGE),
            "faces": [frame.views.face(face) for face in best[each.id]],
        }
        for each in pair
    ]
    return frame.page("merge.html", sides=sides)


@router.post(_HERE + "/assign")
def assign(
    frame: Framed,
    person_id: UUID,
    user_id: Annotated[UUID | None, Form()] = None,
    new_name: Annotated[str, Form(max_length=120)] = "",
    version: Version = None,
) -> Response:
    """This person is that member, or a new one of that name; who has a person already is merged."""
    if user_id is None:
        name = new_name.strip() or None
        user_id = keeping.add_member(frame.conn, frame.event.id, "guest", name=name).user_id
    member = members.one(frame.conn, frame.event.id, user_id)
    has = member.person_id if member else None
    if has is not None and has != person_id:
        done = actions.merge(frame.conn, frame.user, has, person_id, other_expected=version)
        return told(frame.words.gettext("They are one person now."), done, go=_at(frame, has))
    done = actions.assign(frame.conn, frame.user, person_id, user_id, version)
    name = member.display_name if member else None
    text = frame.words.gettext("Identified as %(name)s; the photos are tagged.")
    return told(text % {"name": name or "—"}, done)


@router.post(_HERE + "/unassign")
def unassign(frame: Framed, person_id: UUID, version: Version = None) -> Response:
    """This person is no member; tags go."""
    done = actions.unassign(frame.conn, frame.user, person_id, version)
    return told(frame.words.gettext("Not identified any more; the tags are gone."), done)


@router.post(_HERE + "/invite", dependencies=[Depends(limited_user("invite"))])
def invite(
    frame: Framed,
    after: BackgroundTasks,
    person_id: UUID,
    email: Annotated[str, Form(max_length=254)],
    message: Annotated[str, Form(max_length=1000)] = "",
    language: Annotated[str, Form()] = "",
    version: Version = None,
) -> Response:
    """A mail asks whoever has this address whether the person is them."""
    words = Words(language) if language in LANGUAGES else frame.words
    done, letter = inviting.invite(
        frame.conn,
        frame.parts,
        frame.user,
        person_id,
        email,
        words,
        message.strip() or None,
        version,
    )
    after.add_task(inviting.post, frame.parts, frame.user, letter)
    return told(frame.words.gettext("The invitation is on its way."), done)


@router.post(_HERE + "/erase", dependencies=[Depends(limited_user("purge"))])
def erase(frame: Organised, person_id: UUID, sure: Annotated[bool, Form()] = False) -> Response:
    """All of a person goes, with the member that they are; nothing brings it back."""
    found = _person(frame, person_id)
    if not sure:
        mend = "Send sure=yes: what is erased does not come back."
        raise Problem(422, "Erasing a person has to be confirmed.", mend)
    user = found.linked_user_id
    receipt = asked.erase(frame.conn, frame.event.id, user, [found.id])
    return frame.page("erased.html", receipt=receipt, oneself=False)


@router.post(_HERE + "/split")
def split(frame: Framed, person_id: UUID, face_ids: Ids, version: Version = None) -> Response:
    """These faces are somebody new."""
    done = actions.split(frame.conn, frame.user, person_id, face_ids, version)
    return told(frame.words.gettext("They are a person of their own now."), done)


@router.post(_HERE + "/reject")
def reject(frame: Framed, person_id: UUID, face_ids: Ids, version: Version = None) -> Response:
    """These faces are not this person."""
    done = actions.reject(frame.conn, frame.user, person_id, face_ids, version)
    return told(frame.words.gettext("Noted: not this person."), done)
