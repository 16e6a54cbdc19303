"""Who may not send photos is told so before any of them is read."""

from typing import Any
from uuid import uuid4

import pytest

from memoria_pipeline_tests.review.seeded import Seeded

_BOUNDARY = b"multipart/form-data; boundary=x"


def asked(seeded: Seeded, role: str, path: str) -> tuple[int, bool]:
    """The status of the answer to an upload, and whether any of its body was read."""
    token = seeded.client_of(role).headers.get("authorization", "")
    headers = [(b"content-type", _BOUNDARY), (b"content-length", b"400000000")]
    headers += [(b"authorization", token.encode())] if token else []
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": headers, "client": ("127.0.0.1", 1)}
    scope |= {"server": ("memoria.test", 80), "scheme": "http", "root_path": ""}
    told: list[int] = []
    read: list[bool] = []

    async def receive() -> dict[str, Any]:
        read.append(True)
        return {"type": "http.request", "body": b"--x--", "more_body": False}

    async def send(message: Any) -> None:
        told.append(message.get("status", 0))

    seeded.portal.call(seeded.app, scope, receive, send)
    return told[0], bool(read)


@pytest.mark.parametrize("path", ["/event/{}/photos", "/review/{}/photos"])
@pytest.mark.parametrize(
    ("role", "status"),
    [("nobody", 401), ("service", 403), ("stranger", 404), ("guest", 403), ("member", 403)],
)
def test_nothing_is_read_of_photos_from_somebody_who_may_not_send_any(
    seeded: Seeded, path: str, role: str, status: int
) -> None:
    assert asked(seeded, role, path.format(seeded.event)) == (status, False)


def test_photos_for_no_event_are_not_read_and_a_photographers_are(seeded: Seeded) -> None:
    assert asked(seeded, "photographer", f"/event/{uuid4()}/photos") == (404, False)
    assert asked(seeded, "photographer", "/event/x/photos") == (404, False)
    assert asked(seeded, "photographer", f"/event/{seeded.event}/photos") == (422, True)
