"""Mails: by SMTP where there is a server, else files that a person can open."""

import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from memoria_pipeline.errors import MemoriaError, SettingsError
from memoria_pipeline.review.problems import Problem
from memoria_pipeline.settings import Settings

_TIMEOUT = 20.0  # seconds
_PORTS = {"smtp": 587, "smtps": 465}


class MailError(MemoriaError):
    """A mail was not taken by the server."""


class Mail(Protocol):
    """Whatever sends mails."""

    def send(self, to: str, subject: str, text: str, html: str | None = None) -> None:
        """Send one. Raises MailError, without the address."""


def can_send_to(email: str) -> bool:
    """Whether a mail to this address goes there: some are none that a mail can be written to, and
    of some (a comment, quotes) another address would be made, which is another user's here."""
    try:
        return Address(addr_spec=email).addr_spec == email and email.isascii()
    except (ValueError, IndexError, MessageError):
        return False


def require_address(email: str) -> None:
    """Raises Problem 422 for an address that no mail goes to."""
    if not can_send_to(email.strip()):
        raise Problem(422, "No mail can be sent to this address.", "Check how it is written.")


def message(sender: str, to: str, subject: str, text: str, html: str | None) -> EmailMessage:
    """One mail, in text and perhaps in HTML. Raises MailError for an address that is none."""
    mail = EmailMessage()
    try:
        mail["From"], mail["To"] = sender, Address(addr_spec=to)
        mail["Subject"] = " ".join(subject.split())
    except (ValueError, IndexError, MessageError):
        raise MailError("The mail's address cannot be used: check it, and send again.") from None
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="memoria.invalid")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    if html is not None:
        mail.add_alternative(html, subtype="html")
    return mail


@dataclass(frozen=True, slots=True)
class Outbox:
    """One file per mail, in a folder that only we can enter."""

    folder: Path
    sender: str

    def send(self, to: str, subject: str, text: str, html: str | None = None) -> None:
        """Written beside and renamed: who looks finds whole mails only."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mail = message(self.sender, to, subject, text, html)
        path = self.folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:8]}.eml"
        fresh = path.with_suffix(".part")
        fresh.touch(mode=0o600)
        fresh.write_bytes(mail.as_bytes())
        fresh.rename(path)


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server, always by TLS where it asks for a password."""

    host: str
    port: int
    sender: str
    implicit_tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def send(self, to: str, subject: str, text: str, html: str | None = None) -> None:
        """Send one mail. Raises MailError."""
        mail = message(self.sender, to, subject, text, html)
        try:
            with self._connected() as server:
                if self.user is not None:
                    server.login(self.user, self.password or "")
                server.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise MailError(
                f"The mail server did not take a mail ({type(error).__name__}): see"
                " MEMORIA_SMTP_URL, and send it again."
            ) from None

    def _connected(self) -> smtplib.SMTP:
        tls = ssl.create_default_context()
        if self.implicit_tls:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_TIMEOUT, context=tls)
        server = smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=tls)
        elif self.user is not None:
            server.close()
            raise MailError("The mail server offers no TLS, and the password was not sent to it.")
        return server


def mail_of(settings: Settings) -> Mail:
    """What sends mails, by MEMORIA_SMTP_URL. Raises SettingsError where that is no address."""
    if settings.smtp_url is None:
        return Outbox(settings.home / "outbox", settings.mail_from)
    url = urlsplit(settings.smtp_url)
    try:
        port = url.port or _PORTS[url.scheme]
    except (KeyError, ValueError):
        port = 0
    if not url.hostname or not port:
        raise SettingsError("MEMORIA_SMTP_URL is not smtp://user:password@host:587; mend it.")
    user = unquote(url.username) if url.username else None
    password = unquote(url.password) if url.password else None
    return Smtp(url.hostname, port, settings.mail_from, url.scheme == "smtps", user, password)
