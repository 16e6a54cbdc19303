"""Mails: as files, or by a server; addresses and words that would make them something else."""

import socket
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from memoria_pipeline.errors import SettingsError
from memoria_pipeline.review.mail import MailError, Outbox, Smtp, mail_of
from memoria_pipeline.settings import Settings


class Server(threading.Thread):
    """A mail server that speaks as much SMTP as one mail needs; offers no TLS."""

    def __init__(self, refuses: bool = False) -> None:
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.refuses = refuses
        self.heard: list[str] = []

    def run(self) -> None:
        known, _ = self.listening.accept()
        with known, known.makefile("rwb", 0) as line:
            line.write(b"220 here\r\n")
            body = False
            while said := line.readline().decode():
                self.heard.append(said.strip())
                body = self._answer(line, said.strip().upper(), body)

    def _answer(self, line: socket.SocketIO, said: str, body: bool) -> bool:
        if body and said != ".":
            return True
        if said == "DATA":
            line.write(b"354 go on\r\n")
            return True
        if said == "QUIT":
            line.write(b"221 bye\r\n")
            return False
        refused = self.refuses and said.startswith("RCPT")
        line.write(b"550 who is Ada?\r\n" if refused else b"250 fine\r\n")
        return False


@pytest.fixture(params=[False, True])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    made = Server(refuses=request.param)
    made.start()
    yield made
    made.listening.close()
    made.join(10)


def test_a_server_gets_the_mail_or_says_why_not_without_the_address(server: Server) -> None:
    mail = mail_of(Settings(smtp_url=f"smtp://127.0.0.1:{server.port}", mail_from="m@example.org"))
    if server.refuses:
        with pytest.raises(MailError) as refused:
            mail.send("ada@example.org", "Hello", "It is you.")
        assert "ada" not in str(refused.value).lower()
    else:
        mail.send("ada@example.org", "Hello", "It is you.", "<p>It is you.</p>")
        assert "rcpt TO:<ada@example.org>" in server.heard
        assert "Subject: Hello" in server.heard


def test_a_password_is_not_sent_without_tls() -> None:
    server = Server()
    server.start()
    mail = Smtp("127.0.0.1", server.port, "m@example.org", False, "user", "hunter2")
    with pytest.raises(MailError, match="no TLS"):
        mail.send("ada@example.org", "Hello", "It is you.")
    server.join(10)
    server.listening.close()
    assert not [each for each in server.heard if "AUTH" in each.upper()]
    assert "hunter2" not in repr(mail)


def test_a_server_that_is_away_is_told() -> None:
    mail = mail_of(Settings(smtp_url="smtp://127.0.0.1:9"))
    with pytest.raises(MailError, match="MEMORIA_SMTP_URL"):
        mail.send("ada@example.org", "Hello", "It is you.")


@pytest.mark.parametrize("url", ["mail.example.org", "http://h", "smtp://", "smtp://h:x"])
def test_an_address_that_is_no_mail_servers_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="MEMORIA_SMTP_URL"):
        mail_of(Settings(smtp_url=url))


def test_who_and_where_are_read_from_the_address() -> None:
    found = mail_of(Settings(smtp_url="smtps://a%40b:p%2Fw@mail.example.org"))
    assert found == Smtp("mail.example.org", 465, "memoria@localhost", True, "a@b", "p/w")
    assert mail_of(Settings(home=Path("/h"))) == Outbox(Path("/h/outbox"), "memoria@localhost")


def test_a_file_is_a_whole_mail_in_text_and_pictures(tmp_path: Path) -> None:
    Outbox(tmp_path / "outbox", "m@example.org").send(
        "ada@example.org", "Fête:\n Bcc: all@example.org", "Voilà.", "<p>Voilà.</p>"
    )
    [path] = (tmp_path / "outbox").iterdir()
    mail = message_from_bytes(path.read_bytes(), policy=default)
    assert mail["Subject"] == "Fête: Bcc: all@example.org"  # a subject, and no second header
    assert mail["Bcc"] is None
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    "to",
    [
        "a@b\nBcc: all@example.org",
        "a@b\r\n\r\nhello",
        "",
        "a@b, c@d",
        "a@b@c",
        "<a@b>",
        "Ada <a@b>",
    ],
)
def test_an_address_that_would_be_more_than_one_is_refused(tmp_path: Path, to: str) -> None:
    with pytest.raises(MailError):
        Outbox(tmp_path, "m@example.org").send(to, "Hello", "It is you.")
    assert not list(tmp_path.glob("*.eml"))
