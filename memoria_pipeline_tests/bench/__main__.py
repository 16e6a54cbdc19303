"""`make bench`: the suite of bench/speed/, part by part; `--only NAME` for some of it."""

import sys

from memoria_pipeline_tests.bench.speed.suite import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
