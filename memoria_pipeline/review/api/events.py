"""Events: which there are, how far they are, who belongs to them, what was decided in them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import Field

from memoria_pipeline.review import keeping
from memoria_pipeline.review.api.deciding import User
from memoria_pipeline.review.api.shapes import Email, Moment, Name, Part, Said, Sought
from memoria_pipeline.review.api.shown import Listed, Shown
from memoria_pipeline.review.callers import Conn, Here, limited_user
from memoria_pipeline.review.deciding import in_event
from memoria_pipeline.review.routes import routes
from memoria_pipeline.review.words import Words, words_of
from memoria_pipeline.store import invitations
from memoria_pipeline.store.invitations import InvitationShown
from memoria_pipeline.store.shown import events, history, members, progress, runs
from memoria_pipeline.store.shown.events import EventShown, Mode, Role
from memoria_pipeline.store.shown.history import DecisionShown
from memoria_pipeline.store.shown.members import MemberShown
from memoria_pipeline.store.shown.runs import RunShown

router = routes("events")


class NewEvent(Said):
    """An event to make. face_recognition_enabled: the organiser agrees to face analysis."""

    name: Name
    code: Name | None = None
    face_recognition_enabled: bool = Field(
        False, description="The consent switch: off, no face is looked for."
    )


class EventChanges(Said):
    """What is to change; what is left out stays."""

    name: Name | None = None
    code: Name | None = None
    face_recognition_enabled: bool | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    retention_days: Annotated[int, Field(ge=0, le=36_500)] | None = None
    analysis_mode: Mode | None = Field(
        None, description="match_and_forget: only faces of members who agreed are ever stored."
    )


class NewMember(Said):
    """A member: a user that is known, or whoever has the address, or somebody by name alone."""

    role: Role = "guest"
    user_id: UUID | None = None
    display_name: Name | None = None
    email: Email | None = None


class Progress(Shown):
    """How far the event is, of what the caller sees; answers_left: until so many are right."""

    photos: int
    analysed: int
    failed: int
    faces: int
    people: int
    identified: int
    invited: int
    ignored: int
    tags: int
    right_now: float | None
    answers_left: dict[str, int | None]
    text: str = ""


@router.get("/events")
def events_of_caller(conn: Conn) -> list[EventShown]:
    """The caller's events, and the caller's role in each."""
    return events.mine(conn)


@router.post("/events", status_code=201, dependencies=[Depends(limited_user("event"))])
def new_event(body: NewEvent, conn: Conn, user: User, parts: Here, request: Request) -> EventShown:
    """Make an event that takes uploads; the caller is its organiser."""
    return keeping.create_event(
        conn,
        parts.settings,
        user,
        body.name,
        body.code,
        consent=body.face_recognition_enabled,
        language=words_of(request).language,
    )


@router.get("/event/{event_id}")
def event(event_id: UUID, conn: Conn) -> EventShown:
    """One event, and the caller's role in it."""
    return in_event(conn, event_id)


@router.patch("/event/{event_id}")
def change_event(event_id: UUID, body: EventChanges, conn: Conn, request: Request) -> EventShown:
    """Change an event; an organiser may. A null takes a date, the code or the days away."""
    given = body.model_dump(exclude_unset=True)
    kept = {"name", "face_recognition_enabled", "analysis_mode"}
    changes = {
        each: value for each, value in given.items() if value is not None or each not in kept
    }
    return keeping.change_event(conn, event_id, changes, words_of(request).language)


@router.get("/event/{event_id}/progress")
def progress_of_event(event_id: UUID, conn: Conn, request: Request) -> Progress:
    """How far the event is; `text` says it in a sentence."""
    in_event(conn, event_id)
    found = progress.progress(conn, event_id)
    shown = Progress.model_validate(found)
    shown.text = _line(words_of(request), shown)
    return shown


def _line(words: Words, progress: Progress) -> str:
    """As the page says it: 45 of 120 photos analysed · 15 people, 3 identified · …"""
    _, left = words.gettext, progress.answers_left.get("0.99")
    people = words.ngettext("%(num)d person", "%(num)d people", progress.people)
    said = [
        _("%(done)s of %(all)s photos analysed")
        % {"done": progress.analysed, "all": progress.photos},
        people % {"num": progress.people}
        + ", "
        + _("%(n)s identified") % {"n": progress.identified},
    ]
    if left:
        text = words.ngettext("about %(num)d answer left", "about %(num)d answers left", left)
        said.append(text % {"num": left})
    return " · ".join(said)


@router.get("/event/{event_id}/members")
def members_of_event(
    event_id: UUID,
    conn: Conn,
    q: Sought = "",
    unassigned: bool = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[MemberShown]:
    """Members by name, whose name or address holds `q`. unassigned: those without a person."""
    in_event(conn, event_id)
    return members.search(conn, event_id, q, limit=limit, unassigned=unassigned)


@router.post("/event/{event_id}/members", status_code=201)
def new_member(event_id: UUID, body: NewMember, conn: Conn, user: User) -> MemberShown:
    """Add a member; an organiser may. No mail is sent: whoever has an address can sign in."""
    return keeping.add_member(
        conn,
        event_id,
        body.role,
        name=body.display_name,
        email=body.email,
        user=body.user_id,
    )


@router.get("/event/{event_id}/decisions", response_model=Listed[DecisionShown])
def decisions_of_event(event_id: UUID, conn: Conn, part: Part) -> Any:
    """The event's log, the latest first; undone: the decision does not count."""
    in_event(conn, event_id)
    return history.of_event(conn, event_id, part)


@router.get("/event/{event_id}/invitations")
def invitations_of_event(event_id: UUID, conn: Conn) -> list[InvitationShown]:
    """Who was invited, and whether the mail went and the link was used."""
    in_event(conn, event_id)
    return invitations.of_event(conn, event_id)


@router.get("/event/{event_id}/runs")
def runs_of_event(event_id: UUID, conn: Conn) -> list[RunShown]:
    """Runs of grouping: what waits for the organiser first; `diff` says what each changes."""
    in_event(conn, event_id)
    return runs.of_event(conn, event_id)


@router.post("/run/{run_id}/{answer}", status_code=202)
def answer_run(
    run_id: UUID, answer: Literal["publish", "turn-down"], conn: Conn, user: User
) -> RunShown:
    """Publish a run that waits, or turn it down: the pipeline does it within seconds."""
    said: Literal["publish", "turn_down"] = "publish" if answer == "publish" else "turn_down"
    return keeping.answer_run(conn, user, run_id, said)
