"""The second of three layers of retries: a step whose surroundings failed it for a moment.

First a photo: a read that failed is tried again by itself, so that it stops nobody. Third a run:
one whose process was killed (dagster.yaml). Between them a step: the database was restarted, the
bucket did not answer. What would fail again the same way is not tried again: consent that is
missing, a model that is not there, a fault of ours.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import dagster as dg

from memoria_pipeline.errors import DatabaseError, MemoriaError, PhotoError
from memoria_pipeline.logs import discretion

# A server is back within seconds; full jitter, or all runs that it failed ask it again at once.
TRANSIENT = dg.RetryPolicy(
    max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
)

_PASSES = (DatabaseError, PhotoError, OSError)  # what may be better in a moment
_DAGSTERS = (dg.Failure, dg.RetryRequested)

P = ParamSpec("P")
T = TypeVar("T")


def only_transient(body: Callable[P, T]) -> Callable[P, T]:
    """The body of a step, whose errors are tried again only where that may help.

    Goes with `retry_policy=TRANSIENT`. The others fail the step at once, as dg.Failure with the
    error as its cause.
    """

    @wraps(body)
    def plain(*args: P.args, **kwargs: P.kwargs) -> T:
        with _sorted():
            return body(*args, **kwargs)

    @wraps(body)
    def generator(*args: P.args, **kwargs: P.kwargs) -> Iterator[Any]:
        with _sorted():
            yield from cast(Iterator[Any], body(*args, **kwargs))

    return cast(Callable[P, T], generator) if inspect.isgeneratorfunction(body) else plain


@contextmanager
def _sorted() -> Iterator[None]:
    with discretion():  # Dagster keeps what is raised: a stranger's words may name a person
        try:
            yield
        except (*_PASSES, *_DAGSTERS):
            raise
        except Exception as error:
            said = str(error) if isinstance(error, MemoriaError) else type(error).__name__
            raise dg.Failure(
                description=f"{said} (Not tried again: it would fail the same way.)",
                allow_retries=False,
            ) from error
