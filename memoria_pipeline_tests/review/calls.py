"""A good request for each call, made anew for each role: what one does, the next does not find."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from memoria_pipeline.review.sessions import hashed
from memoria_pipeline.store import db, decisions, invitations, manual_tags
from memoria_pipeline.store.invitations import Draft
from memoria_pipeline_tests.review.seeded import Seeded
from memoria_pipeline_tests.store.factories import PACK


@dataclass(frozen=True)
class Call:
    """A request: its address, and what httpx sends along."""

    path: str
    sent: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """The event of the matrix, with who is whom in it."""

    seeded: Seeded
    linked: UUID
    free: UUID
    decision: UUID
    question: UUID

    def call(self, method: str, path: str, role: str) -> Call:
        """A request for this call that the organiser may well make."""
        make = _MADE.get(f"{method} {path}")
        sent = make(self, role) if make else {}
        names = self._names() | sent.pop("names", {})
        address = path
        for name, value in names.items():
            address = address.replace("{" + name + "}", str(value))
        return Call(address, sent)

    def _names(self) -> dict[str, Any]:
        event = self.seeded.event
        return {
            "event_id": event,
            "event": event,
            "person_id": self.linked,
            "media_id": self.seeded.photos[1],
            "media": self.seeded.photos[1],
            "face": self.seeded.faces[1][0],
            "user_id": self.seeded.users["member"],
            "decision_id": self.decision,
            "question_id": self.question,
            "face_id": self.seeded.faces[1][1],
            "other_id": self.free,
            "answer": "turn-down",
            "run_id": uuid4(),
            "token": "t" * 43,
        }

    def run(self, query: str, **values: Any) -> Any:
        """Write as the owner; the first value that comes back, if any."""
        with db.connect(self.seeded.engine) as conn:
            result = conn.execute(sa.text(query), values)
            return result.scalar() if result.returns_rows else None


def stage(seeded: Seeded) -> Stage:
    """Link the member; ask one question; invite somebody."""
    linked, free = seeded.persons
    event, organiser = seeded.event, seeded.users["organiser"]
    with db.connect(seeded.engine) as conn:
        member = seeded.users["member"]
        decision = decisions.assign(conn, event, linked, member, actor=organiser).id
        question = conn.execute(
            _QUESTION, {"event": event, "person": free, "face": seeded.faces[0][1]}
        ).scalar_one()
        conn.execute(_FORECAST, {"event": event})
        draft = Draft(free, "first@example.org", hashed("first"), None, [], "en", 600)
        invitations.insert(conn, event, organiser, draft)
    return Stage(seeded, linked, free, decision, question)


_QUESTION = sa.text(
    "insert into memoria.questions (event_id, rank, kind, persons, faces, p, gain)"
    " values (:event, 0, 'name', array[cast(:person as uuid)], array[cast(:face as uuid)], 1, 0)"
    " returning id"
)
_FORECAST = sa.text(
    "insert into memoria.forecasts (event_id, right_now, answers, total, asked_at)"
    """ values (:event, 0.9, '{"0.95": 1, "0.99": 2}', 3, now() - interval '1 minute')"""
)


def an_invitation(stage: Stage) -> str:
    """A fresh link for the person whom nobody is linked to; as of a person that is invited."""
    token, organiser = uuid4().hex, stage.seeded.users["organiser"]
    with db.connect(stage.seeded.engine) as conn:
        decisions.invite(conn, stage.seeded.event, stage.free, "x@example.org", actor=organiser)
        draft = Draft(stage.free, f"{token}@example.org", hashed(token), "Hé", [], "en", 600)
        invitations.insert(conn, stage.seeded.event, organiser, draft)
    return token


def a_run(stage: Stage, _role: str) -> dict[str, Any]:
    """A run that waits."""
    stage.run("delete from memoria.cluster_runs where status = 'proposed'")
    run = stage.run(
        "insert into memoria.cluster_runs (event_id, method, model, fingerprint, status)"
        " values (:event, 'constrained', :pack, 'x', 'proposed') returning id",
        event=stage.seeded.event,
        pack=PACK,
    )
    return {"names": {"run_id": run, "answer": "turn-down"}}


def a_job(stage: Stage, _role: str) -> dict[str, Any]:
    """A job that nobody works on."""
    job = stage.run(
        "insert into memoria.ml_jobs (event_id, job_type) values (:event, 'cluster') returning id",
        event=stage.seeded.event,
    )
    event = str(stage.seeded.event)
    return {
        "names": {"job_id": job},
        "json": {"job_id": str(job), "event_id": event, "status": "failed"},
    }


def _cluster(stage: Stage, role: str) -> dict[str, Any]:
    sent = a_job(stage, role)
    del sent["json"]["status"]
    return sent | {"params": {"wait": 0}}


def _tagged(stage: Stage, _role: str) -> dict[str, Any]:
    """A tag by hand of the member, set by the organiser."""
    users, photo = stage.seeded.users, stage.seeded.photos[1]
    with db.connect(stage.seeded.engine) as conn:
        manual_tags.add(conn, stage.seeded.event, photo, users["member"], by=users["organiser"])
    return {}


def _faces(stage: Stage, _role: str) -> dict[str, Any]:
    return {"json": {"face_ids": [str(stage.seeded.faces[0][0])]}}


def _moved(stage: Stage, _role: str) -> dict[str, Any]:
    faces = [str(stage.seeded.faces[0][0])]
    return {"json": {"face_ids": faces, "to_person_id": str(stage.free)}}


def _purged(stage: Stage, role: str) -> dict[str, Any]:
    """Somebody of the event of whom there is nothing."""
    gone = stage.run(
        "insert into memoria.event_members (event_id, user_id, role)"
        " values (:event, gen_random_uuid(), 'guest') returning user_id",
        event=stage.seeded.event,
    )
    return {"json": {"user_id": str(gone), "event_id": str(stage.seeded.event)}}


def _answer(stage: Stage, _role: str) -> dict[str, Any]:
    user = str(stage.seeded.users["photographer"])
    return {"json": {"answer": "yes", "user_id": user}}


def _photo(stage: Stage, _role: str) -> dict[str, Any]:
    data = (stage.seeded.root / "000.jpg").read_bytes()
    return {"files": [("files", ("new.jpg", data, "image/jpeg"))]}


def _selfie(stage: Stage, _role: str) -> dict[str, Any]:
    data = (stage.seeded.root / "000.jpg").read_bytes()
    return {"files": {"file": ("me.jpg", data, "image/jpeg")}, "data": {"text_version": "1999-1"}}


def _taken_back(_stage: Stage, _role: str) -> dict[str, Any]:
    return {"params": {"purpose": "own_photos"}}


def _token(stage: Stage, _role: str) -> dict[str, Any]:
    return {"json": {"token": an_invitation(stage), "name": "Xavier"}}


def _look(stage: Stage, _role: str) -> dict[str, Any]:
    return {"json": {"token": an_invitation(stage)}}


def _enqueue(stage: Stage, _role: str) -> dict[str, Any]:
    return {"json": {"type": "detect", "event_id": str(stage.seeded.event)}}


def _process(stage: Stage, _role: str) -> dict[str, Any]:
    ids = {each: str(uuid4()) for each in ("job_id", "media_id")}
    event = str(stage.seeded.event)
    return {"json": ids | {"event_id": event, "media_url": "https://127.0.0.1/photo.jpg"}}


def _link(stage: Stage, _role: str) -> dict[str, Any]:
    return {"json": {"user_id": str(stage.seeded.users["member"])}}


def _merge(stage: Stage, _role: str) -> dict[str, Any]:
    return {"json": {"other_person_id": str(stage.free)}}


def _action(stage: Stage, role: str) -> dict[str, Any]:
    said = {"action": "merge", "person_id": str(stage.linked)}
    return {"json": _merge(stage, role)["json"] | said}


def _picture(_stage: Stage, _role: str) -> dict[str, Any]:
    return {"params": {"size": 320, "exp": 4_000_000_000, "sig": "x" * 43}}


def _said(**body: Any) -> Callable[[Stage, str], dict[str, Any]]:
    return lambda _stage, _role: {"json": json.loads(json.dumps(body))}


_MADE: dict[str, Callable[[Stage, str], dict[str, Any]]] = {
    "POST /events": _said(name="Another"),
    "PATCH /event/{event_id}": _said(name="Fête"),
    "POST /event/{event_id}/members": _said(display_name="Zoé"),
    "POST /run/{run_id}/{answer}": a_run,
    "GET /face-persons": lambda stage, _: {"params": {"event_id": str(stage.seeded.event)}},
    "GET /user/{user_id}/tags": lambda stage, _: {"params": {"event_id": str(stage.seeded.event)}},
    "POST /person/{person_id}/link-user": _link,
    "POST /person/{person_id}/invite": _said(email="somebody@example.org"),
    "POST /person/{person_id}/merge": _merge,
    "POST /person/{person_id}/split": _faces,
    "POST /person/{person_id}/reject": _faces,
    "POST /event/{event_id}/move": _moved,
    "POST /event/{event_id}/not-a-face": _faces,
    "POST /event/{event_id}/ignore-faces": _faces,
    "POST /face-person-actions": _action,
    "POST /question/{question_id}/answer": _answer,
    "POST /event/{event_id}/photos": _photo,
    "POST /media/{media_id}/tags": _link,
    "DELETE /media/{media_id}/tags/{user_id}": _tagged,
    "POST /event/{event_id}/hidden": lambda stage, _: {
        "json": {"user_id": str(stage.seeded.users["member"])}
    },
    "GET /event/{event_id}/audit": lambda *_: {"params": {"per_page": 1}},
    "POST /event/{event_id}/consents": _said(purpose="other_events", text_version="2026-1"),
    "DELETE /event/{event_id}/consents": _taken_back,
    "POST /event/{event_id}/selfie": _selfie,
    "POST /invitation/look": _look,
    "POST /invitation/accept": _token,
    "POST /ml/enqueue": _enqueue,
    "POST /ml-enqueue": _enqueue,
    "POST /ml/callback": a_job,
    "POST /ml-callback": a_job,
    "POST /cluster": _cluster,
    "GET /ml/jobs/{job_id}": a_job,
    "POST /privacy/purge": _purged,
    "POST /process": _process,
    "GET /pictures/photo/{event}/{media}": _picture,
    "GET /pictures/face/{event}/{face}": _picture,
    "POST /review/{event_id}/run/{run_id}/{answer}": a_run,
    "DELETE /review/{event_id}/photo/{media_id}/tags/{user_id}": _tagged,
}
