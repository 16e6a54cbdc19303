"""`make verify-speed`: the figures of speed, asked and reached.

Twenty to thirty-five minutes on two cores that have nothing else to do. Nothing is measured here:
the parts of the suite that hold asked figures are run and kept in its history, and those figures
are shown; `--only NAME` runs some of them.
"""

import argparse
import sys
from collections.abc import Sequence

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline_tests.bench.speed.parts import PARTS, Part, chosen
from memoria_pipeline_tests.bench.speed.suite import run


def asked(names: Sequence[str]) -> list[Part]:
    """The parts that hold asked figures, or those of them that are named. Raises MemoriaError."""
    return [each for each in chosen(names or [p.name for p in PARTS if p.asked]) if each.asked]


def main(arguments: Sequence[str]) -> int:
    """The exit status: 1 where a figure falls short."""
    reader = argparse.ArgumentParser(prog="make verify-speed", description=__doc__)
    reader.add_argument("--only", action="append", default=[], metavar="NAME")
    try:
        parts = asked(reader.parse_args(arguments).only)
    except MemoriaError as error:
        reader.error(str(error))
    return run("Speed", parts, asked=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
