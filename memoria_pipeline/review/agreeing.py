"""What people agree to for themselves, and take back; and the selfie by which they are found."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import anyio.from_thread
import sqlalchemy as sa

from memoria_pipeline.errors import ConsentError, PhotoError
from memoria_pipeline.privacy import consent
from memoria_pipeline.privacy.consent import Said
from memoria_pipeline.privacy.texts import Purpose
from memoria_pipeline.review.deciding import in_event
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.store import callers, consents
from memoria_pipeline.store import events as event_rows
from memoria_pipeline.vision.model import Face


def agree(conn: sa.Connection, user: UUID, event_id: UUID, said: Said) -> None:
    """Into the ledger. Raises ConsentError for a minor without a guardian, for another text than
    the one that is shown, and for what is agreed to at the event itself."""
    in_event(conn, event_id)
    _require_own(said)
    consents.give(conn, event_id, user, said)


def take_back(conn: sa.Connection, event_id: UUID, purpose: Purpose, source: str) -> UUID | None:
    """The caller agrees no more: what rested on it is erased. The erasure's id, if there is one."""
    in_event(conn, event_id)
    return consents.take_back(conn, event_id, purpose, source)


def give_selfie(
    conn: sa.Connection, parts: Parts, user: UUID, event_id: UUID, photo: bytes, said: Said
) -> UUID:
    """Describe the one face of this photo, which is kept nowhere, and say that it is the caller's.

    said: the consent that it rests on. Raises ConsentError where that is none, or where faces of
    the event may not be looked for; PhotoError where there is no one good face.
    """
    in_event(conn, event_id)
    _require_own(said)
    event = event_rows.require_consent(conn, event_id)
    model = event.face_model or parts.models.detector.pack
    with _one_of_few(parts):  # before anything is written: nobody waits for a model
        face = only_face(parts.models.analyse(model, photo).faces)
    consents.give(conn, event_id, user, said)
    with callers.stepping_back(conn, user):
        return consents.keep_selfie(conn, event_id, user, face, model)


def only_face(faces: tuple[Face, ...]) -> Face:
    """The face of a selfie. Raises PhotoError where there is none, another one, or too weak a one.

    Reasons: no_face, several_faces, weak_face.
    """
    if not faces:
        raise PhotoError("no_face", "No face was found on it. Come closer, with light in front.")
    if len(faces) > 1:
        raise PhotoError("several_faces", "There is more than one face on it. Be alone on it.")
    if faces[0].quality_class == "C":
        raise PhotoError(
            "weak_face", "The face is too small, blurred or turned. Look straight at the camera."
        )
    return faces[0]


def _require_own(said: Said) -> None:
    if said.purpose == "grouping":
        raise ConsentError("The analysis of an event is allowed at the event, by its organiser.")
    consent.require(said)


@contextmanager
def _one_of_few(parts: Parts) -> Iterator[None]:
    """As many photos in memory as for everybody who sends one to be analysed."""
    anyio.from_thread.run(parts.processing.acquire)
    try:
        yield
    finally:
        anyio.from_thread.run_sync(parts.processing.release)
