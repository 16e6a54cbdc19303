"""Addresses that somebody names for us to fetch from: of our own networks, and other traps.

Names resolve as somebody hostile would have them; a server on this machine counts who comes.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

import anyio

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.review.download import download
from memoria_pipeline.review.problems import Problem

NAMES = {
    "here.example": ["127.0.0.1"],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "half.example": ["93.184.216.34", "10.1.2.3"],
    "metadata.example": ["169.254.169.254"],
    "translated.example": ["64:ff9b::a9fe:a9fe"],
    "multicast.example": ["224.0.0.251"],
    "nowhere.example": ["0.0.0.0"],
    "carrier.example": ["100.100.100.200"],
    "documents.example": ["192.0.2.7"],
    "unique.example": ["fd00:ec2::254"],
}


def of(port: int) -> list[str]:
    """Addresses that no photo may come from. port: where our own server listens."""
    return [
        *(f"https://{name}:{port}/a.jpg" for name in NAMES),
        f"https://127.0.0.1:{port}/a.jpg",
        f"https://localhost:{port}/a.jpg",
        f"https://localhost.:{port}/a.jpg",
        f"https://[::1]:{port}/a.jpg",
        f"https://[::ffff:127.0.0.1]:{port}/a.jpg",
        f"https://[::ffff:7f00:1]:{port}/a.jpg",
        f"https://[0:0:0:0:0:ffff:127.0.0.1]:{port}/a.jpg",
        f"https://[::127.0.0.1]:{port}/a.jpg",
        f"https://[64:ff9b::7f00:1]:{port}/a.jpg",
        f"https://[64:ff9b:1::7f00:1]:{port}/a.jpg",
        f"https://[2002:7f00:1::]:{port}/a.jpg",
        f"https://[fe80::1%25lo]:{port}/a.jpg",
        f"https://2130706433:{port}/a.jpg",
        f"https://0x7f000001:{port}/a.jpg",
        f"https://0177.0.0.1:{port}/a.jpg",
        f"https://017700000001:{port}/a.jpg",
        f"https://127.1:{port}/a.jpg",
        f"https://0:{port}/a.jpg",
        f"https://127.0.0.1.:{port}/a.jpg",
        f"https://１２７.０.０.１:{port}/a.jpg",
        f"https://①②⑦.⓪.⓪.①:{port}/a.jpg",
        f"https://93.184.216.34@127.0.0.1:{port}/a.jpg",
        f"https://93.184.216.34:443@127.0.0.1:{port}/",
        f"https://127.0.0.1:{port}#@93.184.216.34/",
        f"https://127.0.0.1:{port}\\@93.184.216.34/",
        f"http://127.0.0.1:{port}/a.jpg",
        f"http://93.184.216.34:{port}/a.jpg",
        f"HTTP://127.0.0.1:{port}/a.jpg",
        f"//127.0.0.1:{port}/a.jpg",
        "https://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "https://[fd00:ec2::254]/latest/meta-data/",
        "https://100.100.100.200/latest/meta-data/",
        "https://metadata.google.internal/computeMetadata/v1/",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        f"gopher://127.0.0.1:{port}/_GET%20/",
        f"ftp://127.0.0.1:{port}/a.jpg",
        "data:image/png;base64,iVBORw0KGgo=",
        "s3://bucket/a.jpg",
        f"https://127.0.0.1:{port}\r\nHost: 93.184.216.34/",
        "https://127.0.0.1:99999/a.jpg",
        "https://:443/a.jpg",
    ]


@dataclass
class Visits:
    """Who came to the server on this machine, and which names were looked up."""

    port: int = 0
    came: list[str] = field(default_factory=list)


@contextmanager
def server() -> Iterator[Visits]:
    """One that redirects to itself, and remembers every connection."""
    visits = Visits()

    class Here(BaseHTTPRequestHandler):
        def setup(self) -> None:
            visits.came.append(str(self.client_address[0]))
            super().setup()

        def do_GET(self) -> None:
            self.send_response(302 if self.path.startswith("/to/") else 200)
            if self.path.startswith("/to/"):
                self.send_header("location", self.path.removeprefix("/to/"))
            self.end_headers()
            self.wfile.write(b"secret")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Here) as here:
        visits.port = here.server_port
        threading.Thread(target=here.serve_forever, args=(0.02,), daemon=True).start()
        yield visits
        here.shutdown()


def _looked_up(known: Callable[..., Any], host: Any, port: Any, *more: Any, **named: Any) -> Any:
    """As socket.getaddrinfo, but no name server is asked."""
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in NAMES:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in NAMES[name]]
    flags = 0 if name.rstrip(".") == "localhost" else socket.AI_NUMERICHOST
    return known(host, port, type=socket.SOCK_STREAM, flags=flags)


def fetched(url: str, *, allow_private: bool = False) -> str:
    """What came of fetching it: `refused`, `away` (tried, nothing came), or `accepted`."""
    lookup = partial(_looked_up, socket.getaddrinfo)
    try:
        with patch("socket.getaddrinfo", lookup):
            anyio.run(partial(download, url, 10_000, allow_private=allow_private))
    except Problem as error:
        return "refused" if error.status == 422 else "away"
    except MemoriaError:
        return "refused"
    return "accepted"


def tried() -> tuple[int, list[str]]:
    """How many were tried; those that were not refused, and what else should not have been."""
    with server() as visits:
        urls = of(visits.port)
        wrong = [f"{fetched(url)}: {url}" for url in urls]
        wrong = [each for each in wrong if not each.startswith("refused")]
        wrong += [f"came: {each}" for each in visits.came]
        for to in ("file:///etc/passwd", f"http://127.0.0.1:{visits.port}/a", "//here.example/"):
            visits.came.clear()
            said = fetched(f"http://127.0.0.1:{visits.port}/to/{to}", allow_private=True)
            if said != "away" or len(visits.came) != 1:
                wrong.append(f"{said}, {len(visits.came)} visits: a redirect to {to}")
    return len(urls) + 3, wrong
