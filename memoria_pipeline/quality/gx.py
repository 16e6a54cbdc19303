"""The declared expectations with Great Expectations: one row, whose columns are what was observed.

Importing it costs four CPU-seconds, so it is imported by the function that uses it: once per
process, and never before people are published.
"""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from memoria_pipeline.quality.expectations import Expectation, Observed


def evaluate(observed: Observed, expectations: Sequence[Expectation]) -> dict[str, bool]:
    """Name of each expectation → whether it is met."""
    if not expectations:
        return {}
    results = _batch(observed, expectations).validate(_suite(expectations)).results
    met = dict.fromkeys((each.name for each in expectations), True)
    for result in results:
        name = result.expectation_config.meta["name"]
        met[name] = met[name] and bool(result.success)
    return met


def _library() -> Any:
    # Jupyter brings this one; jsonschema does without it, and building its grammar takes 2.5 s.
    with warnings.catch_warnings(), _unseen("rfc3987_syntax"):
        warnings.simplefilter("ignore")  # it imports modules that Python 3.11 calls deprecated
        import great_expectations

        return great_expectations


@contextmanager
def _unseen(module: str) -> Iterator[None]:
    """Whoever would import this optional module does without it, unless it is there already."""
    absent: Any = None  # as Python has it: importing it raises ImportError
    mine = sys.modules.setdefault(module, absent) is None
    try:
        yield
    finally:
        if mine:
            sys.modules.pop(module, None)


def _batch(observed: Observed, expectations: Sequence[Expectation]) -> Any:
    import pandas as pd

    columns = {each.column: [observed.get(each.column)] for each in expectations}
    frame = pd.DataFrame(columns, dtype="float64")
    return _rows().get_batch(batch_parameters={"dataframe": frame})


@cache
def _rows() -> Any:
    """Where rows are handed in, in memory: nothing is written, nothing is sent."""
    context = _library().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("memoria")
    return source.add_dataframe_asset("observed").add_batch_definition_whole_dataframe("row")


def _suite(expectations: Sequence[Expectation]) -> Any:
    made = [one for each in expectations for one in _rules(each)]
    return _library().ExpectationSuite(name="memoria", expectations=made)


def _rules(of: Expectation) -> list[Any]:
    """A number that is missing counts as met to a range, so that it must be there is a rule."""
    kinds, meta = _library().expectations, {"name": of.name}
    rules = []
    if of.least is not None or of.most is not None:
        bounds = {"min_value": of.least, "max_value": of.most}
        rules += [kinds.ExpectColumnValuesToBeBetween(column=of.column, meta=meta, **bounds)]
    if not of.optional:
        rules += [kinds.ExpectColumnValuesToNotBeNull(column=of.column, meta=meta)]
    return rules
