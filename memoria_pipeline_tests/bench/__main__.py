"""`make bench`: the ratios of bench/speed.py; a few minutes."""

import sys

from memoria_pipeline_tests.bench.figures import show
from memoria_pipeline_tests.bench.speed import rows

if __name__ == "__main__":
    sys.exit(show("Benchmarks, as ratios within this run", rows()))
