"""Settings, read once from the environment; the only reader of it.

Every setting is `MEMORIA_<NAME>`; those that people already have keep their old name beside it. An
empty value counts as unset. A secret may be in a file, which `MEMORIA_<NAME>_FILE` names.
"""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

from memoria_pipeline.errors import SettingsError
from memoria_pipeline.parsing import (
    address,
    between,
    content,
    count,
    number,
    one_of,
    path,
    secret,
    share,
    truth,
)


def _setting(
    default: Any, parse: Callable[[str], Any], help_: str, old: str = "", *, secret: bool = False
) -> Any:
    about = {"parse": parse, "help": help_, "old": old}
    return field(default=default, metadata=about, repr=not secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """All of them, with what each means; README's table is made from these."""

    home: Path = _setting(
        Path("~/.memoria"), path, "where the embedded database and Dagster keep their files"
    )
    database_url: str | None = _setting(
        None, str, "a PostgreSQL 14+ with pgvector; unset: the embedded one", secret=True
    )
    dagster_database_url: str | None = _setting(
        None,
        str,
        "Dagster's storage; unset: beside our own (a second database, or schema `dagster`)",
        secret=True,
    )
    face_model: str = _setting("auto", str, "`auto`, `dlib` or `insightface:<name or folder>`")
    device: str = _setting("auto", one_of("auto", "cpu", "cuda"), "`auto`, `cpu` or `cuda`")
    use_gpu: bool = _setting(False, truth, "true: the same as `MEMORIA_DEVICE=cuda`", old="USE_GPU")
    backend: str = _setting(
        "auto",
        one_of("auto", "onnxruntime", "openvino", "cuda", "tensorrt"),
        "what runs an InsightFace pack: `auto`, `onnxruntime`, `openvino`, `cuda` or `tensorrt`",
    )
    precision: str = _setting(
        "auto",
        one_of("auto", "fp32", "bf16", "int8"),
        "`auto` (the fastest that `memoria model guard` permits), `fp32`, `bf16` or `int8`",
    )
    workers: int = _setting(0, between(0, 256), "photos analysed at once; 0: one per core")
    detection_threshold: float = _setting(
        0.5, share, "lowest detection score that counts as a face", old="DETECTION_THRESHOLD"
    )
    det_size: int = _setting(
        640,
        between(64, 2560),
        "how closely an InsightFace detector looks: 320 is faster and misses small faces",
        old="DET_SIZE",
    )
    tiles: str = _setting(
        "auto",
        one_of("auto", "off", "always"),
        "large photos are looked at in parts: `auto` where small faces are, `off` or `always`",
    )
    max_bytes: int = _setting(100_000_000, count, "largest photo file that is read, in bytes")
    max_pixels: int = _setting(128_000_000, count, "largest photo that is decoded, in pixels")
    cluster_method: Literal["constrained", "hdbscan"] = _setting(
        "constrained", one_of("constrained", "hdbscan"), "`constrained` or `hdbscan`"
    )
    min_cluster_size: int = _setting(
        3, between(2, 10_000), "of the HDBSCAN method", old="MIN_CLUSTER_SIZE"
    )
    min_samples: int = _setting(2, count, "of the HDBSCAN method", old="MIN_SAMPLES")
    cluster_epsilon: float = _setting(
        0.4, share, "of the HDBSCAN method, as a cosine distance", old="CLUSTER_EPSILON"
    )
    churn_limit: float = _setting(
        0.01,
        share,
        "a re-grouping that gives more than this share of the faces other mates waits for approval",
    )
    watch: str | None = _setting(
        None, str, "a folder, or `s3://bucket/prefix`, whose sub-folders are one event each"
    )
    s3_queue_url: str | None = _setting(
        None, str, "the SQS queue that the bucket's events go to; unset: the bucket is listed"
    )
    quiet_seconds: float = _setting(
        5.0, number(0, 86_400), "an event without a new photo for so long is processed"
    )
    burst_photos: int = _setting(200, count, "or as soon as so many new photos wait")
    sensor_seconds: int = _setting(10, between(1, 3_600), "seconds between two looks of a sensor")
    photo_attempts: int = _setting(3, count, "runs that try a photo that could not be read")
    job_attempts: int = _setting(5, count, "tries of a job of `ml_jobs` before it has failed")
    noise_limit: float = _setting(0.98, share, "most people seen once, of the faces: a warning")
    silhouette_least: float = _setting(-0.2, number(-1, 1), "least silhouette: a warning")
    cohesion_least: float = _setting(0.3, number(-1, 1), "least cohesion of people: a warning")
    weak_limit: float = _setting(0.8, share, "most faces of a weak class: a warning")
    coverage_least: float = _setting(0.1, share, "least photos with faces: a warning")
    failed_limit: float = _setting(
        0.25, share, "a larger share of unreadable photos holds new people back"
    )
    overdue_hours: float = _setting(
        24.0, number(0, 10_000), "a job, an erasure or an event that waits longer is overdue"
    )
    retention_days: int | None = _setting(
        None,
        between(0, 36_500),
        "days after its end that an event keeps faces, where it says none; unset: until archived",
    )
    callback_url: str | None = _setting(
        None, str, "told when a job of `ml_jobs` ends", old="CALLBACK_URL"
    )
    callback_secret: str | None = _setting(
        None, secret, "signs that call; 32 characters at least", old="CALLBACK_SECRET", secret=True
    )
    callback_allow_private: bool = _setting(
        False, truth, "true: that address may be in a private network, and plain http"
    )
    metrics_port: int = _setting(9464, between(1, 65_535), "where `/metrics` is served")
    log_format: Literal["text", "json"] = _setting("text", one_of("text", "json"), "of the logs")
    review_port: int = _setting(8000, between(1, 65_535), "where the review is served")
    review_url: str = _setting(
        "http://127.0.0.1:8000", address, "what people's browsers call it; https:// in public"
    )
    api_database_url: str | None = _setting(
        None,
        str,
        "the review's own login, `memoria_api`; unset: that of the embedded database",
        secret=True,
    )
    jwt_secret: str | None = _setting(
        None, secret, "signs tokens (HS256), 32 characters; unset: a random file", secret=True
    )
    jwks_url: str | None = _setting(
        None, str, "the public keys of whoever else signs tokens, such as a Supabase project"
    )
    service_key: str | None = _setting(
        None, secret, "what a server may show instead of a token; 32 characters", secret=True
    )
    signing_secret: str | None = _setting(
        None,
        secret,
        "signs addresses of pictures, 32 characters; unset: a random file",
        secret=True,
    )
    master_key: str | None = _setting(
        None, secret, "wraps the keys of exports, 32 characters; unset: a random file", secret=True
    )
    production: bool = _setting(
        False, truth, "true: `memoria doctor` fails where something is only fit for trying out"
    )
    trusted_proxies: str = _setting(
        "127.0.0.1", str, "whose `X-Forwarded-For` is believed: addresses or networks, by commas"
    )
    smtp_url: str | None = _setting(
        None,
        str,
        "`smtp://user:password@host:587` or `smtps://…`; unset: files in `outbox/`",
        secret=True,
    )
    mail_from: str = _setting("memoria@localhost", str, "the sender of mails")
    uploads: Path | None = _setting(
        None, path, "photos of events that are made on the page; unset: `photos/` in the home"
    )
    erasure_ledger: Path | None = _setting(
        None, path, "signed receipts of erasures; unset: `erasures.jsonl` in the home; back it up"
    )
    erasure_key: str | None = _setting(
        None, secret, "signs receipts of erasures, 32 characters; unset: a random file", secret=True
    )
    subject_key: str | None = _setting(
        None, secret, "hashes whom receipts are about; unset: a random file; keep it", secret=True
    )
    rewrite_mb: int = _setting(
        256, count, "after an erasure, tables up to so many MB are rewritten at once, not at night"
    )
    supabase_url: str | None = _setting(
        None, str, "a Supabase project (storage: from a later release on)", old="SUPABASE_URL"
    )
    supabase_service_role_key: str | None = _setting(
        None, str, "its service key", old="SUPABASE_SERVICE_ROLE_KEY", secret=True
    )

    @property
    def ledger(self) -> Path:
        """Where receipts of erasures are written down, apart from the database."""
        return self.erasure_ledger or self.home / "erasures.jsonl"

    @property
    def models(self) -> Path:
        """Where int8 networks and what was measured of packs are kept."""
        return self.home / "models"

    @property
    def wanted_device(self) -> str:
        """`device`, with the older switch taken into account."""
        return "cuda" if self.use_gpu and self.device == "auto" else self.device

    @property
    def detector(self) -> dict[str, Any]:
        """The arguments of `vision.detector.Detector`."""
        return {
            "setting": self.face_model,
            "device": self.wanted_device,
            "workers": self.workers,
            "threshold": self.detection_threshold,
            "det_size": self.det_size,
            "tiles": self.tiles,
            "max_bytes": self.max_bytes,
            "max_pixels": self.max_pixels,
            "backend": self.backend,
            "precision": self.precision,
            "store": self.models,
        }

    @property
    def limits(self) -> dict[str, float]:
        """The arguments of `quality.expectations.Limits`."""
        return {
            "churn": self.churn_limit,
            "failed": self.failed_limit,
            "noise": self.noise_limit,
            "silhouette": self.silhouette_least,
            "cohesion": self.cohesion_least,
            "weak": self.weak_limit,
            "coverage": self.coverage_least,
        }

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Read every setting. Raises SettingsError, naming the variable and what it takes."""
        given = {}
        for each in fields(cls):
            for name in (f"MEMORIA_{each.name.upper()}", each.metadata["old"]):
                text = _text(environment, name, is_secret=not each.repr) if name else ""
                if text:
                    given[each.name] = _parsed(name, text, each.metadata)
                    break
        if "review_port" in given:
            given.setdefault("review_url", f"http://127.0.0.1:{given['review_port']}")
        read = cls(**given)
        return cls(**{**given, "home": path(str(read.home))})


def _text(environment: Mapping[str, str], name: str, *, is_secret: bool) -> str:
    """A variable's text; of a secret also that of the file which <name>_FILE names."""
    text = environment.get(name, "").strip()
    file = environment.get(f"{name}_FILE", "").strip() if is_secret and not text else ""
    try:
        return content(file) if file else text
    except (OSError, ValueError) as error:
        why = f"{name}_FILE names a file that cannot be used ({type(error).__name__})"
        raise SettingsError(f"{why}: check the path, its rights and its text.") from None


def _parsed(name: str, text: str, about: Mapping[str, Any]) -> Any:
    try:
        return about["parse"](text)
    except (ValueError, KeyError):
        # The value may be a secret: it is not repeated.
        message = f"{name} has a value that cannot be used; it is: {about['help']}."
        raise SettingsError(f"{message} Mend it or unset it.") from None


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings.of(os.environ)


def child_variables(*, without: Collection[str] = (), **more: str) -> dict[str, str]:
    """This process's environment with more in it, and less, for a program that we start."""
    gone = {*without, *(f"{name}_FILE" for name in without)}
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    return {**kept, **more}


def let_idle_threads_sleep() -> None:
    """Unless the environment says otherwise; numpy's OpenBLAS asks it when it is loaded.

    They spin for 0.1 s, on import too, where other workers need the core; asleep they answer a few
    microseconds later.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
