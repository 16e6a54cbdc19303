"""Callbacks over real HTTP to a receiver in this process; nothing leaves the machine."""

import hashlib
import hmac
import http.server
import socket
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoria_pipeline import webhooks
from memoria_pipeline.errors import CallbackError
from memoria_pipeline.webhooks import Call, Receiver, headers, is_public, sign, verify

SECRET = "a secret of the tests, thirty-two or more"
NOW = 1_700_000_000
BODY = b'{"type":"ml_job.completed"}'


def test_the_signature_is_that_of_the_published_standard() -> None:
    """The example of the specification's own reference libraries."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    signed = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_plain_secret_is_used_as_it_is() -> None:
    right = hmac.new(SECRET.encode(), b"id.5." + BODY, hashlib.sha256).digest()
    assert sign(SECRET, "id", 5, BODY) == "v1," + b64encode(right).decode()


def test_a_whsec_secret_that_is_no_base64_is_refused() -> None:
    with pytest.raises(CallbackError, match="base64"):
        sign("whsec_not base64 at all, not at all!", "id", 5, BODY)


@given(st.text(min_size=1), st.binary(), st.floats(-300, 300))
def test_what_was_signed_is_verified_within_the_window(
    message_id: str, body: bytes, off: float
) -> None:
    assert verify(SECRET, headers(SECRET, message_id, NOW, body), body, NOW + off) == message_id


def test_one_of_several_signatures_is_enough_so_that_a_secret_can_be_changed() -> None:
    given_ = headers(SECRET, "id", NOW, BODY)
    given_["webhook-signature"] = f"v1,{'A' * 44} {given_['webhook-signature']}"
    assert verify(SECRET, given_, BODY, NOW) == "id"


@pytest.mark.parametrize("late", [301, -301])
def test_a_call_outside_the_replay_window_is_refused(late: int) -> None:
    with pytest.raises(CallbackError, match="five minutes"):
        verify(SECRET, headers(SECRET, "id", NOW, BODY), BODY, NOW + late)


@pytest.mark.parametrize("what", ["body", "id", "timestamp", "secret", "signature"])
def test_a_call_that_was_changed_is_refused(what: str) -> None:
    given_, body, secret = headers(SECRET, "id", NOW, BODY), BODY, SECRET
    if what == "body":
        body += b" "
    elif what == "id":
        given_["webhook-id"] = "other"
    elif what == "timestamp":
        given_["webhook-timestamp"] = str(NOW + 1)
    elif what == "secret":
        secret = SECRET + "!"
    else:
        given_["webhook-signature"] = "v1,é"
    with pytest.raises(CallbackError, match="wrong signature") as refused:
        verify(secret, given_, body, NOW)
    assert sign(SECRET, "id", NOW, BODY).removeprefix("v1,") not in str(refused.value)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_call_without_its_headers_is_refused(missing: str) -> None:
    given_ = headers(SECRET, "id", NOW, BODY)
    del given_[missing]
    with pytest.raises(CallbackError, match="without the headers"):
        verify(SECRET, given_, BODY, NOW)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("2001:0:4136:e378:8000:63bf:f5ff:fffe", "not an address"),
    ],
)
def test_an_address_that_is_not_everybodys_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700::1111"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@dataclass
class Inbox:
    """A receiver: what it was sent, and what it answers."""

    port: int = 0
    status: int = 204
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Inbox]:
    inbox = Inbox()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            inbox.seen.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(inbox.status)
            self.send_header("location", "http://127.0.0.1/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        inbox.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield inbox
        server.shutdown()


def to(inbox: Inbox, **more: float) -> Receiver:
    return Receiver(f"http://localhost:{inbox.port}/hook?t=1", SECRET, allow_private=True, **more)


CALL = Call("the-id", NOW, BODY)


def test_a_call_arrives_signed_under_its_name_and_is_verified(receiver: Inbox) -> None:
    answers = to(receiver).send([CALL, Call("another", NOW, BODY)])
    assert [(each.status, each.taken) for each in answers] == [(204, True)] * 2
    assert {verify(SECRET, given_, body, NOW) for given_, body in receiver.seen} == {
        "the-id",
        "another",
    }
    assert receiver.seen[0][0]["host"] == f"localhost:{receiver.port}"
    assert receiver.seen[0][0]["content-type"] == "application/json"


@pytest.mark.parametrize("status", [302, 404, 500])
def test_any_other_answer_is_a_refusal_and_no_redirect_is_followed(
    receiver: Inbox, status: int
) -> None:
    receiver.status = status
    [answer] = to(receiver).send([CALL])
    assert (answer.status, answer.taken) == (status, False)
    assert str(status) in (answer.error or "")
    assert len(receiver.seen) == 1


def test_nothing_is_sent_to_a_private_network_unless_that_is_allowed(receiver: Inbox) -> None:
    url = f"https://localhost:{receiver.port}/"
    [answer] = Receiver(url, SECRET).send([CALL])
    assert "private network" in (answer.error or "")
    assert receiver.seen == []


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    receiver: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    [answer] = Receiver("https://two.example", SECRET).send([CALL])
    assert "private network" in (answer.error or "")


def test_a_name_is_looked_up_once_so_that_its_second_answer_leads_nowhere(
    receiver: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def first_here_then_away(host: str, port: int, *_: object, **__: object) -> object:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "203.0.113.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", first_here_then_away)
    url = f"http://rebinding.example:{receiver.port}/"
    [answer] = Receiver(url, SECRET, allow_private=True).send([CALL])
    assert answer.taken
    assert "rebinding.example" in asked
    assert receiver.seen[0][0]["host"] == f"rebinding.example:{receiver.port}"


@pytest.mark.parametrize("url", ["http://example.com/", "ftp://example.com/", "https://", "x", ":"])
def test_only_https_is_an_address_for_callbacks(url: str) -> None:
    [answer] = Receiver(url, SECRET).send([CALL])
    assert "https://" in (answer.error or "")


def test_a_receiver_that_is_away_or_silent_costs_the_timeout_and_names_no_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"http://127.0.0.1:{port}/token-of-somebody"
        [answer] = Receiver(url, SECRET, allow_private=True, timeout=0.3).send([CALL])
    assert answer.error == "No answer within 0.3 seconds."
    [answer] = Receiver(url, SECRET, allow_private=True).send([CALL])
    assert answer.error == "No connection to the receiver (ConnectError)."


def test_the_body_of_a_payload_is_the_same_whatever_the_order_of_its_keys() -> None:
    assert webhooks.body_of({"b": 1, "a": {"d": None, "c": "é"}}) == webhooks.body_of(
        {"a": {"c": "é", "d": None}, "b": 1}
    )
    assert b64decode(sign(SECRET, "id", 1, b"").removeprefix("v1,"))
