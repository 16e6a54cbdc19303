"""What a process of Dagster loads before it knows what there is to do."""

import subprocess
import sys

LATER = ("scipy.optimize", "scipy.stats", "great_expectations", "pandas", "matplotlib", "hdbscan")
"""Each costs a quarter of a CPU-second or more, and a run with nothing new needs few of them."""


def test_definitions_load_without_what_only_a_grouping_a_check_or_a_plot_needs() -> None:
    code = (
        "import sys; from memoria_pipeline.definitions import defs; defs();"
        f" print(*[each for each in {LATER!r} if each in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.split() == []


def test_a_process_ends_without_taking_apart_what_it_held() -> None:
    code = (
        "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 10_000))\n"
        "import memoria_pipeline.defs.storage"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout == "True\n"


def test_a_process_loads_without_looking_through_all_it_holds_again_and_again() -> None:
    code = (
        "import gc, memoria_pipeline.defs.storage\n"
        "begun = gc.get_stats()[2]['collections']\n"
        "from memoria_pipeline.definitions import defs; defs()\n"
        "print(gc.get_stats()[2]['collections'] - begun)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout == "0\n"
