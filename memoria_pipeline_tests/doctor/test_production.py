"""What `memoria doctor` refuses where it is for the public: defaults, weak secrets, open doors."""

from pathlib import Path
from typing import Any

import pytest

from memoria_pipeline.doctor import production
from memoria_pipeline.settings import Settings

SECRETS = [f"{number:x}{'0123456789abcdef' * 2}" for number in range(1, 6)]
RIGHT: dict[str, Any] = {
    "production": True,
    "review_url": "https://photos.example.org",
    "jwt_secret": SECRETS[0],
    "signing_secret": SECRETS[1],
    "master_key": SECRETS[2],
    "smtp_url": "smtp://user:pw@mail.example.org:587",
    "database_url": "postgresql://memoria:x9@db.example.org/m?sslmode=verify-full",
    "api_database_url": "postgresql://memoria_api:y8@db.example.org/m?sslmode=verify-full",
}


def said(**changed: Any) -> list[str]:
    found = list(production.findings(Settings(**{**RIGHT, **changed})))
    assert all(each.mend for each in found if each.status == "fail")
    text = str(found)
    hidden = [v for k, v in {**RIGHT, **changed}.items() if k.endswith(("secret", "key", "_url"))]
    assert not [each for each in hidden if each and len(str(each)) > 20 and str(each) in text]
    return [each.what for each in found if each.status == "fail"]


def test_what_is_set_as_it_should_be_is_well() -> None:
    assert said() == []
    assert said(database_url="postgresql:///m?host=/run/postgresql") == []


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"review_url": "http://photos.example.org"}, "https"),
        ({"callback_allow_private": True}, "ALLOW_PRIVATE"),
        ({"jwks_url": "http://auth.example.org/keys"}, "JWKS"),
        ({"smtp_url": None}, "outbox"),
        ({"jwt_secret": None}, "MEMORIA_JWT_SECRET"),
        ({"signing_secret": None}, "MEMORIA_SIGNING_SECRET"),
        ({"master_key": None}, "MEMORIA_MASTER_KEY"),
        ({"jwt_secret": "a" * 40}, "guessed"),
        ({"master_key": "changeme-0123456789-0123456789-xyz"}, "guessed"),
        ({"service_key": SECRETS[0]}, "the same"),
        ({"callback_url": "https://a.example.org"}, "not signed"),
        ({"database_url": None}, "embedded"),
        ({"database_url": "postgresql://u:x9@db.example.org/m"}, "MEMORIA_DATABASE_URL"),
        (
            {"api_database_url": "postgresql://u:postgres@db.example.org/m?sslmode=require"},
            "MEMORIA_API_DATABASE_URL",
        ),
    ],
)
def test_each_default_and_each_open_door_fails_by_its_name(
    changed: dict[str, Any], what: str
) -> None:
    [only] = said(**changed)
    assert what in only


def test_faces_without_a_date_are_a_warning_and_a_date_for_all_events_ends_it() -> None:
    def warned(days: int | None) -> list[str]:
        found = production.findings(Settings(**RIGHT, retention_days=days))
        return [each.about for each in found if each.status == "warn"]

    assert warned(None) == ["retention"]
    assert warned(30) == []


def test_whoever_only_tries_it_out_is_left_alone(tmp_path: Path) -> None:
    [found] = production.findings(Settings(home=tmp_path))
    assert (found.status, found.mend) == ("ok", "")


def test_an_address_for_others_means_production_whether_it_is_said_or_not() -> None:
    assert production.is_meant(Settings(review_url="https://photos.example.org"))
    assert len(list(production.findings(Settings(review_url="http://10.0.0.8:8000")))) > 3
