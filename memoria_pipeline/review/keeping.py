"""What else people do in an event: make and change it, add members and photos, tag by hand, answer
runs, ask for analysis, erase. As actions.py: each once, in the caller's transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from memoria_pipeline.errors import ConsentError, DecisionError
from memoria_pipeline.privacy import texts
from memoria_pipeline.review.deciding import in_event, organising
from memoria_pipeline.review.mail import require_address
from memoria_pipeline.review.problems import NotFound, Problem
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import (
    asked,
    callers,
    consents,
    event_changes,
    manual_tags,
    members,
    photo_files,
)
from memoria_pipeline.store import events as event_rows
from memoria_pipeline.store.asked import JobShown, JobType
from memoria_pipeline.store.event_changes import NewEvent
from memoria_pipeline.store.photo_files import Upload
from memoria_pipeline.store.shown import events, photos, runs, tags
from memoria_pipeline.store.shown import members as shown_members
from memoria_pipeline.store.shown.events import EventShown, Role
from memoria_pipeline.store.shown.members import MemberShown
from memoria_pipeline.work.jobs import Priority


@dataclass(frozen=True, slots=True)
class Uploaded:
    """New photos, in the order they came; job_id: of their analysis, None with the switch off."""

    event_id: UUID
    media_ids: list[UUID]
    job_id: UUID | None


def uploads_of(settings: Settings) -> Path:
    """Below which folder events have one of their own."""
    return settings.uploads or settings.home / "photos"


def create_event(
    conn: sa.Connection,
    settings: Settings,
    user: UUID,
    name: str,
    code: str | None,
    *,
    consent: bool,
    language: str,
) -> EventShown:
    """A new event with a folder for uploads; the user is its organiser.

    consent: that faces may be looked for: goes into the ledger. Raises IntegrityError where the
    code is taken.
    """
    root = photo_files.new_root(uploads_of(settings))
    try:
        with callers.stepping_back(conn, user):
            version = texts.current("grouping")
            new = NewEvent(name, code or None, consent, version, language, str(root))
            made = event_changes.create(conn, user, new)
        return in_event(conn, made)
    except Exception:
        root.rmdir()
        raise


def change_event(
    conn: sa.Connection, event_id: UUID, changes: Mapping[str, Any], language: str
) -> EventShown:
    """Change what is said of an event; what the switch is turned to goes into the ledger, in the
    name of whose transaction this is.

    Raises ConsentError for turning it on where the event is over.
    """
    organising(conn, event_id)
    before = in_event(conn, event_id)
    if changes:
        consents.saying(conn, texts.current("grouping"), language)
        _change(conn, event_id, changes)
    if changes.get("face_recognition_enabled") and not before.face_recognition_enabled:
        event_rows.require_consent(conn, event_id)
    return in_event(conn, event_id)


class TooLateError(ConsentError):
    """The event keeps faces that a mode which forgets would never have taken."""


def _change(conn: sa.Connection, event_id: UUID, changes: Mapping[str, Any]) -> None:
    try:
        with conn.begin_nested():
            event_changes.change(conn, event_id, changes)
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != "55000":
            raise
        raise TooLateError(
            f"Event {event_id}: faces of people who did not agree are stored already. Choose how it"
            " is analysed before its photos come, or archive it first."
        ) from None


def add_member(
    conn: sa.Connection,
    event_id: UUID,
    role: Role,
    *,
    name: str | None = None,
    email: str | None = None,
    user: UUID | None = None,
) -> MemberShown:
    """A new member: a user that is known, or whoever has this address, or somebody new by name.

    Raises IntegrityError where the member is there already.
    """
    organising(conn, event_id)
    if user is not None and email:
        raise DecisionError("Name a user or an address, not both: the address says who it is.")
    if email:
        require_address(email)
    made = members.add(conn, event_id, role, name=name, email=email, user=user)
    found = shown_members.one(conn, event_id, made)
    assert found is not None  # an organiser sees everybody
    return found


def tag(
    conn: sa.Connection, user: UUID, media: UUID, tagged: UUID, bbox: Mapping[str, float] | None
) -> list[tags.TagShown]:
    """Say that a member is on a photo; the photo's tags then. Twice does no harm."""
    event_id = _photo_event(conn, media)
    event = in_event(conn, event_id, "organiser", "photographer", "member")
    if event.role == "member" and tagged != user:
        mend = "Ask an organiser or a photographer of the event."
        raise Problem(403, "Members tag nobody but themselves.", mend)
    # Others are not shown to a member or photographer, but an organiser knows who is there.
    if event.role == "organiser" and shown_members.one(conn, event_id, tagged) is None:
        raise NotFound("member of this event")
    manual_tags.add(conn, event_id, media, tagged, by=user, bbox=bbox)
    return tags.of_photo(conn, event_id, media)


def untag(conn: sa.Connection, media: UUID, tagged: UUID) -> None:
    """Take a member's tag off a photo: their own, or as an organiser anyone's."""
    event_id = _photo_event(conn, media)
    there = {each.tagged_user_id for each in tags.of_photo(conn, event_id, media)}
    if tagged not in there:
        raise NotFound("tag")
    if not manual_tags.remove(conn, event_id, media, tagged):
        mend = "Ask an organiser of the event."
        raise Problem(403, "You may not take this tag away.", mend)


def _photo_event(conn: sa.Connection, media: UUID) -> UUID:
    found = photos.one(conn, media)
    if found is None:
        raise NotFound("photo")
    return found.event_id


def answer_run(
    conn: sa.Connection, user: UUID, run_id: UUID, answer: Literal["publish", "turn_down"]
) -> runs.RunShown:
    """What the organiser wants of a run that waits; the pipeline does it within seconds."""
    run = runs.one(conn, run_id)
    if run is None:
        raise NotFound("run")
    organising(conn, run.event_id)
    run = runs.one(conn, run_id) or run
    if run.status != "proposed":
        raise DecisionError(f"Run {run_id} is {run.status} already; it waits for nobody.")
    if run.answer is not None and run.done_at is None:
        raise DecisionError(f"Run {run_id} was answered already; the pipeline is about to do it.")
    asked.answer_run(conn, run.event_id, run_id, answer, user)
    return runs.one(conn, run_id) or run


def ask_for(
    conn: sa.Connection,
    event_id: UUID,
    job_type: JobType,
    media_ids: Sequence[UUID] = (),
    priority: Priority = "normal",
) -> JobShown:
    """A job for the pipeline, as an organiser or photographer."""
    in_event(conn, event_id, "organiser", "photographer")
    return asked.enqueue(conn, event_id, job_type, media_ids, priority)


def upload(
    conn: sa.Connection,
    settings: Settings,
    user: UUID,
    event_id: UUID,
    files: Iterable[Upload],
) -> Uploaded:
    """Store new photos and ask for their analysis, all or none.

    Raises PhotoError for what is no photo; Problem 409 where the event's photos are elsewhere.
    """
    event = in_event(conn, event_id, "organiser", "photographer")
    root = _upload_root(conn, settings, user, event)
    found = photo_files.write(root, files, settings.max_bytes)
    try:
        media_ids = photo_files.register(conn, event_id, found)
        job = _analysis(conn, event, media_ids)
    except Exception:
        photo_files.remove([root / each.storage_key for each in found])
        raise
    return Uploaded(event_id, media_ids, job)


def _upload_root(conn: sa.Connection, settings: Settings, user: UUID, event: EventShown) -> Path:
    if event.status != "active":
        raise DecisionError(f"The event is {event.status}: it takes no photos any more.")
    with callers.stepping_back(conn, user):
        root = asked.photo_root(conn, event.id)
    if root is None or not photo_files.takes_uploads(root, uploads_of(settings)):
        mend = "Add photos to the folder or bucket that the event reads; they are found there."
        raise Problem(409, "The photos of this event are in a place of their own.", mend)
    return Path(root)


def _analysis(conn: sa.Connection, event: EventShown, media_ids: Sequence[UUID]) -> UUID | None:
    if not event.face_recognition_enabled:
        return None
    return asked.enqueue(conn, event.id, "detect", media_ids).id


def purge(conn: sa.Connection, event_id: UUID, user: UUID) -> dict[str, int | str]:
    """Erase a member's faces and tags from the event; the receipt. Members themselves, or an
    organiser, may."""
    if events.one(conn, event_id) is None:
        raise NotFound("event")
    return asked.purge(conn, event_id, user)
