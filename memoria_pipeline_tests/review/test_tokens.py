"""Tokens that are not what they say: each is refused, whatever the reason, with the same words."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from memoria_pipeline.review.tokens import Claims, KeySet, Tokens

SECRET = "t" * 64
USER = uuid4()


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"sub": str(USER), "aud": "authenticated", "role": "authenticated", "exp": now + 60}
    return {name: value for name, value in (said | more).items() if value is not None}


def signed(secret: str = SECRET, **more: Any) -> str:
    return jwt.encode(claims(**more), secret, algorithm="HS256")


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens(SECRET, service_key="k" * 48)


def test_a_token_of_ours_stands_for_its_user(tokens: Tokens) -> None:
    assert tokens.read(signed()) == tokens.read(tokens.make(USER, 60)) == Claims(USER)
    assert tokens.read(signed(aud=["other", "authenticated"], role=None)) == Claims(USER)


def test_a_servers_token_or_key_stands_for_a_server(tokens: Tokens) -> None:
    made = tokens.make(None, 60, service=True)
    # a Supabase project's service key names no audience
    plain = signed(role="service_role", aud=None, sub=None)
    for token in (made, plain, "k" * 48):
        assert tokens.read(token) == Claims(None, service=True)


now = int(time.time())


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "k" * 47,
        signed("u" * 64),
        signed(exp=now - 60),
        signed(exp=None),
        signed(nbf=now + 600),
        signed(aud="anon"),
        signed(aud=None),
        signed(aud=7),
        signed(role="anon"),
        signed(role="memoria_service"),
        signed(role="service_role", aud="somebody else's"),
        signed(sub="1; drop table faces"),
        signed(sub=None),
        signed(sub=["a"]),
        jwt.encode(claims(), "", algorithm="none"),
        jwt.encode(claims(), SECRET, algorithm="HS512"),
        signed()[:-2] + "AA",
        signed().rpartition(".")[0] + ".",
    ],
)
def test_a_token_that_is_not_ours_is_nobodys(tokens: Tokens, token: str) -> None:
    assert tokens.read(token) is None


@pytest.fixture(scope="module")
def project() -> Iterator[tuple[str, ec.EllipticCurvePrivateKey, list[str]]]:
    """A project's address of keys, its private key, and the calls that came."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key()))
    body = json.dumps({"keys": [{**public, "kid": "one", "alg": "ES256", "use": "sig"}]})
    calls: list[str] = []

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/keys", private, calls
    server.shutdown()
    server.server_close()


def test_a_projects_own_keys_are_believed_and_no_others(
    project: tuple[str, ec.EllipticCurvePrivateKey, list[str]],
) -> None:
    url, private, _ = project
    tokens = Tokens(SECRET, KeySet(url))

    def made(key: Any, kid: str, algorithm: str = "ES256") -> str:
        return jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": kid})

    assert tokens.read(made(private, "one")) == Claims(USER)
    assert tokens.read(made(ec.generate_private_key(ec.SECP256R1()), "one")) is None
    assert tokens.read(made(private, "two")) is None


def test_a_public_key_is_no_secret_to_sign_with(
    project: tuple[str, ec.EllipticCurvePrivateKey, list[str]],
) -> None:
    url, private, _ = project
    tokens = Tokens(SECRET, KeySet(url))
    public = json.dumps(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key()))
    forged = jwt.encode(claims(), public, algorithm="HS256", headers={"kid": "one"})
    assert tokens.read(forged) is None


def test_made_up_key_ids_do_not_send_us_to_the_project_each_time(
    project: tuple[str, ec.EllipticCurvePrivateKey, list[str]],
) -> None:
    url, private, calls = project
    tokens = Tokens(SECRET, KeySet(url))
    calls.clear()
    for number in range(20):
        tokens.read(jwt.encode(claims(), private, algorithm="ES256", headers={"kid": str(number)}))
    assert len(calls) <= 2


def test_a_project_that_is_away_makes_a_token_nobodys_not_an_error() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    token = jwt.encode(claims(), private, algorithm="ES256", headers={"kid": "one"})
    assert Tokens(SECRET, KeySet("http://127.0.0.1:9/keys")).read(token) is None


def test_secrets_do_not_show() -> None:
    assert "ttt" not in repr(Tokens(SECRET, service_key="ttt" * 12))


def test_a_user_token_carries_the_users_id_alone(tokens: Tokens) -> None:
    said = jwt.decode(tokens.make(USER, 60), options={"verify_signature": False})
    assert set(said) == {"aud", "iat", "exp", "role", "sub"}
    assert UUID(said["sub"]) == USER
