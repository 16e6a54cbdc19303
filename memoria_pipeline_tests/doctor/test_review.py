"""What can be wrong with the review: its login, its secrets, its address."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from memoria_pipeline.doctor import review
from memoria_pipeline.settings import Settings

ONE, TWO = "0123456789abcdef" * 2, "fedcba9876543210" * 2


def url_of(engine: sa.Engine, user: str) -> str:
    return engine.url.set(username=user).render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("user", "status"), [("memoria_api", "ok"), ("owner", "fail"), ("postgres", "fail")]
)
def test_a_login_that_passes_row_level_security_fails(
    module_database: sa.Engine, user: str, status: str
) -> None:
    given = Settings(api_database_url=url_of(module_database, user))
    said = review.login(given, "")
    assert said.status == status
    assert bool(said.mend) == (status == "fail")


def test_the_embedded_login_is_looked_at_too_and_none_is_no_fault(
    module_database: sa.Engine,
) -> None:
    assert review.login(Settings(), url_of(module_database, "postgres")).status == "ok"
    other = Settings(database_url="postgresql://u@127.0.0.1:1/x")
    assert "no review" in review.login(other, "").what


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, "ok"),
        ({"jwt_secret": ONE, "signing_secret": TWO}, "ok"),
        ({"jwt_secret": ONE, "signing_secret": ONE}, "fail"),
        ({"jwt_secret": ONE, "callback_secret": ONE}, "fail"),
        ({"jwt_secret": "changeme" * 4}, "fail"),
    ],
)
def test_secrets_are_different_and_no_pattern(
    tmp_path: Path, given: dict[str, Any], status: str
) -> None:
    said = review.secrets(Settings(home=tmp_path, **given))
    assert said.status == status
    assert not any(value in str(said) for value in given.values())


def test_a_file_of_a_secret_that_others_can_read_fails(tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "jwt"
    file.parent.mkdir()
    file.write_text(ONE)
    file.chmod(0o644)
    assert "chmod" in review.secrets(Settings(home=tmp_path)).mend
    file.chmod(0o600)
    assert review.secrets(Settings(home=tmp_path)).status == "ok"


@pytest.mark.parametrize(
    ("url", "smtp", "status"),
    [
        ("http://127.0.0.1:8000", None, "ok"),
        ("http://photos.example.org", "smtp://h", "fail"),
        ("https://photos.example.org", None, "warn"),
        ("https://photos.example.org", "smtp://h", "ok"),
    ],
)
def test_people_elsewhere_need_https_and_mails(url: str, smtp: str | None, status: str) -> None:
    said = review.address(Settings(review_url=url, smtp_url=smtp))
    assert (said.status, bool(said.mend)) == (status, status != "ok")
