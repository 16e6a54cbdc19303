"""`/process`: another server's photo and its faces; addresses that nobody may send us to."""

import gzip
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from memoria_pipeline.review.app import create_app
from memoria_pipeline.review.models import Models
from memoria_pipeline.store import db, events
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline_tests.fakes import BLACK, GREEN, WHITE, ColourModel, picture
from memoria_pipeline_tests.review.seeded import InProcess, Seeded, parts_for


class ColourDetector(Detector):
    """Loads the model that sees a face in what is not green; counts nothing, keeps nothing."""

    def load(self, model: str) -> ColourModel:
        return ColourModel(name=model)


SERVED = {
    "/white.png": (200, picture(WHITE), {}),
    "/green.png": (200, picture(GREEN), {}),
    "/black.png": (200, picture(BLACK), {}),
    "/text": (200, b"no photo", {}),
    "/large": (200, b"x" * 200_001, {}),
    "/gone": (404, b"", {}),
    "/elsewhere": (302, b"", {"location": "/white.png"}),
    "/bomb": (200, gzip.compress(b"\0" * 10_000_000), {"content-encoding": "gzip"}),
}


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """A server of photos, as a bucket with signed addresses is."""

    class Bucket(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = SERVED[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def service(
    seeded: Seeded, module_database: sa.Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A server's client, of a review that may ask private addresses."""
    folder = tmp_path_factory.mktemp("process")
    parts = parts_for(module_database, folder, callback_allow_private=True)
    parts = replace(parts, models=Models(ColourDetector("dlib", max_bytes=200_000)))
    headers = {"authorization": f"Bearer {'k' * 48}"}
    with httpx.Client(
        transport=InProcess(create_app(parts), seeded.portal),
        base_url="http://memoria.test",
        headers=headers,
    ) as client:
        yield client
    assert [each for each in folder.rglob("*") if each.is_file()] == []  # nothing is kept
    parts.engine.dispose()


def asked(event: UUID, url: str) -> dict[str, str]:
    return {
        "job_id": str(uuid4()),
        "media_id": str(uuid4()),
        "event_id": str(event),
        "media_url": url,
    }


def test_a_photos_faces_are_told_as_applications_know_them(
    service: httpx.Client, seeded: Seeded, storage: str
) -> None:
    body = asked(seeded.event, f"{storage}/white.png")
    said = service.post("/process", json=body)
    assert said.status_code == 200
    answer = said.json()
    [face] = answer.pop("faces")
    assert answer.pop("processing_time_seconds") >= 0
    body.pop("media_url")
    assert answer == {**body, "faces_detected": 1, "status": "completed"}
    assert face["bbox"] == {"x": 0.25, "y": 0.25, "w": 0.5, "h": 0.5}
    assert (len(face["embedding"]), sum(x * x for x in face["embedding"])) == (512, 1.0)
    assert len(face["landmarks"]) == 5
    assert 0 <= face["quality_score"] <= 1
    assert service.get("/health").json()["model_loaded"] is True


def test_a_photo_without_faces_is_no_error(
    service: httpx.Client, seeded: Seeded, storage: str
) -> None:
    said = service.post("/process", json=asked(seeded.event, f"{storage}/green.png"))
    assert (said.status_code, said.json()["faces"]) == (200, [])


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/text", 422, "unsupported"),
        ("/large", 422, "too_large"),
        ("/black.png", 422, "crashed"),
        ("/bomb", 422, "unsupported"),
        ("/gone", 502, None),
        ("/elsewhere", 502, None),
    ],
)
def test_what_is_no_photo_is_told_as_what_it_is(
    service: httpx.Client, seeded: Seeded, storage: str, path: str, status: int, reason: str | None
) -> None:
    said = service.post("/process", json=asked(seeded.event, f"{storage}{path}"))
    assert (said.status_code, said.json().get("reason")) == (status, reason)
    assert path not in said.text
    assert "Lovelace" not in said.text  # which the model put into its error


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/a.jpg",
        "https://localhost/a.jpg",
        "https://[::1]/a.jpg",
        "https://[::ffff:127.0.0.1]/a.jpg",
        "https://[64:ff9b::7f00:1]/a.jpg",
        "https://10.0.0.1/a.jpg",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1%25eth0]/a.jpg",
        "https://0.0.0.0/a.jpg",
        "https://2130706433/a.jpg",
        "https://0x7f.1/a.jpg",
        "https://127.1/a.jpg",
        "http://example.org/a.jpg",
        "http://8.8.8.8/a.jpg",
        "file:///etc/passwd",
        "gopher://8.8.8.8/",
        "ftp://8.8.8.8/a.jpg",
        "//8.8.8.8/a.jpg",
        "https://",
        "https://user@/",
        "not an address",
        "https://a\nb/",
    ],
)
def test_no_private_address_and_nothing_but_https_is_asked(seeded: Seeded, url: str) -> None:
    said = seeded.client_of("service").post("/process", json=asked(seeded.event, url))
    assert (said.status_code, said.json()["status"]) == (422, 422)
    assert "media_url" in said.json()["detail"]


@pytest.mark.parametrize(
    ("role", "status"), [("nobody", 401), ("organiser", 403), ("guest", 403), ("stranger", 403)]
)
def test_only_servers_may_ask(seeded: Seeded, role: str, status: int) -> None:
    said = seeded.client_of(role).post("/process", json=asked(seeded.event, "https://8.8.8.8/"))
    assert said.status_code == status


def test_without_the_organisers_consent_nothing_is_looked_at(
    service: httpx.Client, seeded: Seeded, storage: str, tmp_path: Path
) -> None:
    with db.connect(seeded.engine) as conn:
        other = events.ensure(
            conn, name="Other", photo_root=str(tmp_path), face_model=None, consent=False
        )
    said = service.post("/process", json=asked(other, f"{storage}/white.png"))
    assert said.status_code == 409
    assert service.post("/process", json=asked(uuid4(), f"{storage}/white.png")).status_code == 404


def test_a_storage_that_is_away_is_told_without_its_address(
    service: httpx.Client, seeded: Seeded
) -> None:
    said = service.post("/process", json=asked(seeded.event, "http://127.0.0.1:9/secret-token"))
    assert said.status_code == 502
    assert "secret-token" not in said.text
