"""Logs as lines of JSON, with nothing in them that a stranger's error says about somebody.

Our own messages are written so that they hold nothing personal. Those of Python, the drivers and
the libraries quote what they were given: a path, and with it the name of whoever is in the photo.
"""

import functools
import inspect
import json
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TextIO, TypeVar, cast

_PACKAGE = __name__.partition(".")[0]
_TRUSTED = (_PACKAGE, "dagster")  # whose messages are shown; Dagster's repeat only ours
_SPEAKERS = (_PACKAGE.partition("_")[0], "dagster", "uvicorn.error", "alembic")  # whose lines are
P = ParamSpec("P")

REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
"""The number of the request that is being answered: of nobody, and in its answer's headers."""

R = TypeVar("R")


class WithheldError(Exception):
    """Stands in for an error of somebody else's code: its kind and place, not its words."""


def withheld(error: BaseException) -> BaseException:
    """The error as it may be kept: ours as it is, another one without its message.

    What caused it is treated likewise; the traceback stays, which quotes code and no values.
    """
    kept = error if _is_trusted(error) else _stand_in(error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    kept.__cause__ = withheld(cause) if isinstance(cause, Exception) else None
    kept.__suppress_context__ = True
    return kept.with_traceback(error.__traceback__)


def _is_trusted(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _TRUSTED


def _stand_in(error: BaseException) -> WithheldError:
    kind = type(error).__name__
    # The system's word for the number, such as "No space left on device": it names no file.
    reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return WithheldError(
        f"{kind}{reason}{_place(error)}. Its own words are withheld, as they may name a person: "
        "see the lines above, and report it where it stays."
    )


def _place(error: BaseException) -> str:
    """Where in our code it came through last, as ` in store/photos.py:42`."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        f for f in frames if f"/{_PACKAGE}/" in f.filename and Path(f.filename) != Path(__file__)
    ]
    if not ours:
        return ""
    return f" in {ours[-1].filename.rpartition(f'/{_PACKAGE}/')[2]}:{ours[-1].lineno}"


@contextmanager
def discretion() -> Iterator[None]:
    """What is raised in this block says nothing that `withheld` would not."""
    try:
        yield
    except Exception as error:
        kept = withheld(error)
        raise kept from kept.__cause__


def discreet(body: Callable[P, R]) -> Callable[P, R]:
    """The body of an asset, a check or a sensor: Dagster keeps what it raises, for good."""
    if inspect.isgeneratorfunction(body):

        @functools.wraps(body)
        def generating(*args: P.args, **kwargs: P.kwargs) -> Any:
            with discretion():
                yield from body(*args, **kwargs)

        return cast("Callable[P, R]", generating)

    @functools.wraps(body)
    def plain(*args: P.args, **kwargs: P.kwargs) -> R:
        with discretion():
            return body(*args, **kwargs)

    return plain


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message; event_id, run_id, step in a run,
    request_id in a request.

    Of an error: `error` is its kind and words as `withheld` leaves them, `where` the places.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, whatever it holds."""
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": REQUEST.get(),
            **_said_in_a_run(record),
            **_said_of_an_error(record),
        }
        return json.dumps({name: each for name, each in said.items() if each}, default=str)


def _said_in_a_run(record: logging.LogRecord) -> Mapping[str, Any]:
    """What Dagster hangs on a record: which run, which step, which of its own events."""
    about: Mapping[str, Any] = getattr(record, "dagster_meta", None) or {}
    happened = about.get("dagster_event")
    tags: Mapping[str, str] = about.get("job_tags") or {}
    return {
        "message": about.get("orig_message") or _words(record),
        "event_id": tags.get("dagster/partition"),
        "run_id": about.get("run_id"),
        "job": about.get("job_name"),
        "step": about.get("step_key"),
        "happened": getattr(happened, "event_type_value", None),
        "error": _first_words(getattr(happened, "event_specific_data", None)),
    }


def _words(record: logging.LogRecord) -> str:
    """What is said, where it is ours or Dagster's to say: a library's line quotes what it was
    given, such as asyncio's of a read that nobody waited for; of it, only the place is kept."""
    if record.name.startswith(_SPEAKERS):
        return record.getMessage()
    return f"Withheld, as it may name a person: {Path(record.pathname).name}:{record.lineno}"


def _first_words(data: object) -> str | None:
    """The messages of an event's error and of what caused it; its stack is in the event log."""
    words, error = [], getattr(data, "error", None)
    while error is not None:
        words.append(str(error.message).strip())
        error = error.cause
    return " < ".join(words) or None


def _said_of_an_error(record: logging.LogRecord) -> Mapping[str, Any]:
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return {}
    kept = error if _is_trusted(error) else _stand_in(error)
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": f"{type(error).__name__}: {kept}",
        "where": [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames],
    }


class JsonLogger(logging.Logger):
    """A logger whose handlers write JSON to the screen, whoever adds them.

    Dagster and uvicorn set up handlers of their own, colours included, and cannot be told another
    format; but every handler goes through here.
    """

    def addHandler(self, hdlr: logging.Handler) -> None:
        """As every logger's; one that writes to a stream gets our format."""
        _as_json(hdlr)
        super().addHandler(hdlr)


def _as_json(handler: logging.Handler) -> None:
    if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
        handler.setFormatter(JsonFormatter())


def install(stream: TextIO | None = None) -> None:
    """From now on this process writes JSON; once is enough, more do no harm.

    stream: for what nobody else handles; stderr by default.
    """
    logging.setLoggerClass(JsonLogger)
    known = list(logging.root.manager.loggerDict.values())
    for logger in [logging.root, *(each for each in known if isinstance(each, logging.Logger))]:
        if type(logger) is logging.Logger:  # there before us: it must learn, handlers come later
            logger.__class__ = JsonLogger
        for handler in logger.handlers:
            _as_json(handler)
    last = logging.StreamHandler(stream)
    last.setLevel(logging.WARNING)
    last.setFormatter(JsonFormatter())
    logging.lastResort = last
