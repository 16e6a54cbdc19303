"""The suite by itself: `python -m memoria_pipeline_tests.bench.speed [--only NAME]…`."""

import sys

from memoria_pipeline_tests.bench.speed.suite import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
