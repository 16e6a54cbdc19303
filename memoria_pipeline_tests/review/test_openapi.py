"""The document of the API: complete enough for a stranger, and true of what the server does."""

from typing import Any

import pytest

from memoria_pipeline.review.api.document import BY_THEMSELVES
from memoria_pipeline_tests.review.fuzz import fuzz
from memoria_pipeline_tests.review.seeded import Seeded


@pytest.fixture(scope="module")
def document(seeded: Seeded) -> dict[str, Any]:
    found: dict[str, Any] = seeded.client_of("nobody").get("/openapi.json").json()
    return found


def calls(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", call)
        for path, methods in document["paths"].items()
        for method, call in methods.items()
    ]


def test_every_call_says_what_it_does_and_how_it_fails(document: dict[str, Any]) -> None:
    for name, call in calls(document):
        assert call["description"], name
        if name != "GET /health" and "/pictures/" not in name:
            assert {"401", "403", "404", "409", "422", "429"} <= set(call["responses"]), name


def test_every_answer_has_a_shape(document: dict[str, Any]) -> None:
    for name, call in calls(document):
        for status, answer in call["responses"].items():
            if status.startswith("2") and status != "204" and "/pictures/" not in name:
                assert answer["content"]["application/json"]["schema"], name


def test_a_grouping_that_takes_longer_is_in_the_document(document: dict[str, Any]) -> None:
    assert {"200", "202"} <= set(document["paths"]["/cluster"]["post"]["responses"])


def test_every_write_takes_an_idempotency_key_unless_it_may_be_repeated(
    document: dict[str, Any],
) -> None:
    for name, call in calls(document):
        method, path = name.split(" ", 1)
        taken = [each["name"] for each in call.get("parameters", ())]
        wanted = method != "GET" and path not in BY_THEMSELVES
        assert ("Idempotency-Key" in taken) == wanted, name


def test_every_body_is_strict(document: dict[str, Any]) -> None:
    shapes = document["components"]["schemas"]
    for name, call in calls(document):
        content = call.get("requestBody", {}).get("content", {})
        reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
        shape = shapes.get(reference.rsplit("/", 1)[-1], {"additionalProperties": False})
        workers = "callback" in name or "process" in name  # theirs may say more
        assert workers or shape.get("additionalProperties") is False, name


def test_no_request_made_from_the_document_breaks_the_server(seeded: Seeded) -> None:
    tally = fuzz(seeded)
    assert tally.requests > 100
    assert tally.broken == []
