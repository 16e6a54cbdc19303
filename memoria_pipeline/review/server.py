"""The review's server: uvicorn, until it is asked to stop."""

import logging
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from memoria_pipeline import logs
from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.review.app import create_app
from memoria_pipeline.review.parts import Parts, parts_of
from memoria_pipeline.settings import Settings

_GRACE = 10  # seconds that requests under way may take when it is asked to stop


def serve(settings: Settings, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` hears of the port, which 0 leaves to chance.

    Raises MemoriaError where the port is taken, and what `parts_of` raises.
    """
    _log_to_the_screen(settings)
    parts = parts_of(settings)
    listening = _bound(host, port)
    ready(listening.getsockname()[1])
    try:
        with suppress(KeyboardInterrupt):  # which uvicorn raises again once it has stopped
            uvicorn.Server(config_of(parts)).run(sockets=[listening])
    finally:
        listening.close()
        parts.engine.dispose()


def config_of(parts: Parts) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        create_app(parts),
        lifespan="off",
        access_log=False,  # it would write addresses: links' secrets, names that are looked for
        log_config=None,
        server_header=False,
        forwarded_allow_ips=parts.settings.trusted_proxies,
        timeout_graceful_shutdown=_GRACE,
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(2048)  # now: whoever hears of the port may come at once
    except OSError as error:
        made.close()
        raise MemoriaError(
            f"The review cannot be served on port {port} ({error.strerror}): free it, or choose"
            " another with --port or MEMORIA_REVIEW_PORT."
        ) from error
    return made


def _log_to_the_screen(settings: Settings) -> None:
    if settings.log_format == "json":
        logs.install()
    # Ours alone: httpx, for one, writes the addresses that it asks, with the tokens in them.
    ours = logging.getLogger("memoria_pipeline")
    ours.setLevel(logging.INFO)
    if not ours.handlers:
        screen = logging.StreamHandler()
        screen.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        if settings.log_format == "json":
            screen.setFormatter(logs.JsonFormatter())
        ours.addHandler(screen)
