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

from memoria_pipeline.errors import DatabaseError, PhotoError

# A server is back within seconds; full jitter, or all runs that it failed ask it again at once.
TRANSIENT = dg.RetryPolicy(
    max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
)
_PASSES = (DatabaseError, PhotoError, OSError)  # what may be better in a moment

P = ParamSpec("P")
T = TypeVar("T")


def retried(body: Callable[P, T], policy: dg.RetryPolicy = TRANSIENT) -> Callable[P, T]:
    """The body of a step, tried again by `policy` where that may help, and only there.

    In place of the decorators' own `retry_policy`, which tries everything again: what our code
    refuses, and a step that somebody cancelled, who then waits for it to be cancelled three times.
    """

    @wraps(body)
    def plain(*args: P.args, **kwargs: P.kwargs) -> T:
        with _sorted(args[0], policy):
            return body(*args, **kwargs)

    @wraps(body)
    def generator(*args: P.args, **kwargs: P.kwargs) -> Iterator[Any]:
        with _sorted(args[0], policy):
            yield from cast(Iterator[Any], body(*args, **kwargs))

    return cast(Callable[P, T], generator) if inspect.isgeneratorfunction(body) else plain


@contextmanager
def _sorted(context: Any, policy: dg.RetryPolicy) -> Iterator[None]:
    try:
        yield
    except _PASSES as error:
        if getattr(error, "lasting", False):
            raise
        wait = policy.calculate_delay(context.retry_number + 1)
        raise dg.RetryRequested(policy.max_retries, wait) from error
