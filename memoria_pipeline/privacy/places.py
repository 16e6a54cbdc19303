"""Every place where something personal can be, in one list; a test fails where one is missing.

Of each column of each table, and of each place outside the database: what kind of thing it holds,
and what becomes of it when a person is erased, an event is, or an event is archived.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Store = Literal["table", "view", "dagster", "files"]
# fmt: off
Kind = Literal[
    "none", "subject id", "member id", "actor id", "person id", "face id", "photo id", "e-mail",
    "name", "vector", "box", "photo", "free text", "label", "secret", "shadow",
]
# fmt: on
"""subject id: of the user that a row is about; member id: of a user as a member, which who runs an
event stays; actor id: of who did it. shadow: ids that mean nobody any more, kept so that nothing
makes them again, or only while the work is under way: not counted as left. label: what the
organiser calls the event, its folder and its files: theirs to rename, whomever it names, and not
counted either, or an erasure would be open until they did."""

GO, STAY, HUSK = "goes", "stays", "emptied"
FREE = "says no more of whom"
EMPTY = "is empty between transactions"
"""What becomes of it: the row goes; it stays as it is; it stays, without what is personal in it; it
stays, without the ids, addresses and texts of whoever is erased."""


@dataclass(frozen=True, slots=True)
class Place:
    """One column ("memoria.media.error") or another place, in words."""

    store: Store
    name: str
    holds: Kind
    person: str
    event: str
    archive: str


def _table(name: str, person: str, event: str, archive: str, **columns: str) -> Iterator[Place]:
    """columns: kind, with _ for a blank → names, in one text."""
    for kind, names in columns.items():
        holds = _KINDS[kind]
        for column in names.split():
            yield Place("table", f"memoria.{name}.{column}", holds, person, event, archive)


# fmt: off
_KINDS: dict[str, Kind] = {
    "none": "none", "subject": "subject id", "member": "member id", "actor": "actor id",
    "person_id": "person id", "face": "face id", "photo_id": "photo id", "email": "e-mail",
    "name_": "name", "vector": "vector", "box": "box", "text": "free text",
    "label": "label", "secret": "secret", "shadow": "shadow",
}
# fmt: on
_FACE = "bbox landmarks"
_SEEN = "det_score quality_score quality_class model embedded_at event_id"

# fmt: off
_TABLES = (
    *_table("events", STAY, HUSK, STAY, label="name code photo_root",
        none="id status face_recognition_enabled starts_at ends_at retention_days face_model"
        " created_at updated_at archived_at wanted_face_model epoch keep_tombstones erased_at"
        " analysis_mode"),
    *_table("event_members", "goes; who runs the event stays", GO, STAY, member="user_id",
        name_="display_name", email="email", none="event_id role created_at"),
    *_table("event_keys", STAY, GO, STAY, secret="wrapped", none="event_id master created_at"),
    *_table("media", FREE, GO, STAY, photo_id="id duplicate_of", label="storage_key",
        text="etag error",
        none="event_id byte_size modified_at sha256 width height status error_code attempts"
        " face_model analysed_at faces_found seconds created_at arrived arrived_at"
        " faces_erased_at"),
    *_table("media_beside", FREE, GO, GO, photo_id="media_id", text="etag error",
        none="event_id model seen sha256 width height faces_found seconds attempts error_code"
        " done_at"),
    *_table("faces", GO, GO, GO, face="id evidence", vector="embedding", box=_FACE,
        photo_id="media_id", person_id="face_person_id machine_person_id not_person_ids",
        none=f"{_SEEN} probability margin human_touched lost created_at erased_at verdict"),
    *_table("faces_beside", GO, GO, GO, face="id face_id", vector="embedding", box=_FACE,
        photo_id="media_id", none=_SEEN),
    *_table("face_persons", GO, GO, STAY, person_id="id merged_into_id", subject="linked_user_id",
        face="representative_face_id", email="invitation_email", text="metadata",
        none="event_id cluster_label status model version created_at updated_at human_touched"),
    *_table("media_tags", GO, GO, STAY, subject="tagged_user_id", actor="tagged_by_user_id",
        face="face_id", box="bbox", photo_id="media_id", none="id event_id source created_at"),
    *_table("untagged", GO, GO, STAY, subject="user_id", photo_id="media_id",
        none="event_id untagged_at"),
    *_table("hidden", FREE, GO, STAY, member="user_id", none="event_id since by_self"),
    *_table("hidden_boxes", FREE, GO, STAY, subject="user_id", box="bbox", photo_id="media_id",
        none="id event_id sha256"),
    *_table("decisions", FREE, GO, STAY, subject="subject_user_id", actor="actor_id",
        person_id="person_id other_person_id person_ids affected_person_ids",
        face="face_ids rest_face_ids affected_face_ids", photo_id="media_id",
        text="details reason before", none="id seq event_id kind supersedes created_at"),
    *_table("consents", "stays as a proof; says no more of whom", GO, STAY, member="user_id",
        actor="recorded_by guardian_user_id", none="id event_id purpose given text_version"
        " language recorded_at seq minor guardian"),
    *_table("invitations", GO, GO, STAY, email="email", subject="used_by", actor="invited_by",
        person_id="person_id", photo_id="media_ids", text="message", secret="token_hash",
        none="id event_id language created_at expires_at sent_at used_at"),
    *_table("links", "go where no event knows the user", GO, STAY, member="user_id",
        secret="token_hash", none="kind event_id created_at expires_at used_at"),
    *_table("sessions", "go where no event knows the user", "as of a person", STAY,
        member="user_id", secret="token_hash csrf", none="created_at expires_at"),
    *_table("idempotency", FREE, FREE, STAY, actor="user_id", text="key body",
        none="fingerprint status created_at"),
    *_table("questions", GO, GO, GO, person_id="persons", face="faces", text="detail answer",
        none="id event_id rank kind p gain asked_at decisions_seq answered_at decision_id"
        " skipped_at"),
    *_table("forecasts", GO, GO, GO,
        none="event_id right_now answers total decisions_seq asked_at"),
    *_table("run_answers", FREE, GO, STAY, actor="by_user", text="problem",
        none="id run_id event_id answer created_at done_at"),
    *_table("cluster_runs", "what was measured of faces goes", GO, "numbers stay",
        text="plan diff reason failures", none="id event_id method parameters measures model"
        " fingerprint seen status created_at published_at kind turned_down"),
    *_table("face_changes", "numbers stay", GO, GO,
        none="id event_id came which other"),
    *_table("cluster_proposals", GO, GO, GO, face="face_id evidence", person_id="person_id",
        none="run_id event_id probability margin"),
    *_table("comparisons", GO, GO, STAY,
        none="id event_id model fingerprint parameters groupings similarities created_at"),
    *_table("ml_jobs", FREE, HUSK, "stay without faces", photo_id="media_ids", text="error result",
        none="id job_type event_id status priority attempts claim_token lease_until"
        " next_attempt_at created_at started_at completed_at"),
    *_table("callbacks", FREE, GO, "stay without faces", text="payload last_error",
        none="id job_id event_id attempts claim_token next_attempt_at last_status created_at"
        " delivered_at dead_at"),
    *_table("uploads", STAY, GO, STAY, text="reason", none="event_id first_at last_at quiet_since"
        " photos gone version asked_key asked_at tried due_at"),
    *_table("watched", STAY, GO, GO, label="root", text="signature problem",
        none="event_id kind looked_at next_look_at changed_at registered_at quick"),
    *_table("moves", STAY, GO, GO, text="reason",
        none="event_id face_model wanted_at version asked_key asked_at tried due_at"),
    *_table("backfills", STAY, GO, GO, none="event_id model started_at"),
    *_table("audit", FREE, FREE, STAY, actor="actor_id thing_id",
        none="id at verb event_id thing via times"),
    *_table("erasures", "is made", "is made", "is made", none="id event_id scope subject_hash"
        " status receipt requested_at completed_at source reason due_at rows_at counts attempts"
        " error signature key_id"),
    *_table("erasure_requests", "goes at the end", "goes at the end", "goes at the end",
        shadow="user_id person_ids face_ids media_ids emails requested_by photo_root",
        none="id event_id kept"),
    *_table("tombstones", "is made, where the event keeps them", GO, STAY, box="bbox",
        photo_id="media_id", none="id event_id sha256 erasure_id"),
    *_table("erased_persons", "is made", GO, STAY, shadow="person_id", none="event_id erased_at"),
    *_table("opened", EMPTY, EMPTY, EMPTY, shadow="id",
        none="transaction event_id what"),
    *_table("lookouts", STAY, STAY, STAY, none="name looked_at next_look_at signature problem"),
    *_table("canaries", STAY, STAY, STAY, none="model settings missed surplus looked_at"),
    *_table("migrations", STAY, STAY, STAY, none="name sha256 applied_at"),
)
# fmt: on

_FIGURES = {
    "clusterings": "event_id cluster_run_id kind method model status created_at published_at faces"
    " persons single noise_ratio silhouette cohesion separation churn impure merge_threshold"
    " seconds",
    "comparisons": "event_id compared_at model method threshold in_use faces persons single"
    " noise_ratio impure silhouette cohesion separation agreement seconds",
    "decisions": "event_id minute kind decisions",
    "detection": "event_id face_model photos mean_seconds_per_photo mean_faces_per_photo",
    "event_coverage": "event_id photos analysed failed photos_with_faces coverage",
    "events_with_recognition": "status events switched_on",
    "failed_jobs": "id event_id job_type attempts error created_at completed_at",
    "job_hours": "hour job_type status jobs median_seconds slow_seconds",
    "jobs": "job_type pending processing completed failed failure_rate mean_seconds",
    "last_clustering": "event_id cluster_run_id method model published_at silhouette noise_ratio",
    "people": "event_id status clusters faces",
    "photo_failures": "event_id error_code photos attempts",
    "review": "event_id people awaiting reviewed linked invited ignored faces faces_awaiting",
    "similarities": "event_id compared_at model similarity one_photo same_person other_person",
    "throughput": "event_id minute photos faces seconds",
}
_VIEWS = tuple(
    Place("view", f"analytics.{name}.{column}", "none", "counts follow", GO, "counts stay")
    for name, columns in _FIGURES.items()
    for column in columns.split()
)

# Ids of events, never of people, and no texts of theirs: a test of Dagster's logs sees to that.
_HISTORY = (
    *("runs", "run_tags", "event_logs", "asset_check_executions", "asset_event_tags", "asset_keys"),
    *("dynamic_partitions", "bulk_actions", "backfill_tags", "instigators", "jobs", "job_ticks"),
    *("kvs", "snapshots", "concurrency_slots", "concurrency_limits", "pending_steps"),
    *("asset_daemon_asset_evaluations", "daemon_heartbeats", "instance_info", "secondary_indexes"),
    "alembic_version",
)
_DAGSTER = tuple(Place("dagster", f"dagster.{t}", "none", STAY, GO, STAY) for t in _HISTORY)


def _file(name: str, holds: Kind, person: str, event: str, archive: str = STAY) -> Place:
    return Place("files", name, holds, person, event, archive)


_FILES = (
    _file("photos that were uploaded to us", "photo", STAY, GO),
    _file("photos in the organiser's own folder or bucket", "photo", STAY, "left, and said so"),
    _file("uploads that are being received", "photo", "end with the request", "as of a person"),
    _file("mails that wait in the outbox", "e-mail", GO, GO),
    _file("exports and downloads", "photo", "left, and said so", "cannot be read any more"),
    _file("logs of the services", "none", "ids are masked", "ids are masked"),
    _file("compute logs of Dagster's runs", "none", STAY, GO),
    _file("outputs of notebooks", "none", "are not kept", "are not kept"),
    _file("crops of faces", "photo", "are never written", "are never written"),
    _file("the ledger of receipts", "none", "is made", "is made"),
    _file("the database's own files and log", "vector", "rewritten", "rewritten", "rewritten"),
    _file("backups and replicas", "vector", "replayed after a restore", "as of a person"),
)

PLACES: tuple[Place, ...] = (*_TABLES, *_VIEWS, *_DAGSTER, *_FILES)


def columns(store: Store = "table") -> dict[str, Place]:
    """schema.table.column → its place, of the tables or the views."""
    return {each.name: each for each in PLACES if each.store == store}
