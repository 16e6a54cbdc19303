"""The notebooks, executed on a real database as an analyst would; and what they may not hold."""

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import sqlalchemy as sa
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from memoria_pipeline.settings import child_variables
from memoria_pipeline_tests.analyst.seeded import PERSONAL, seed

BOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
CHARTS = {"event_overview": 3, "cluster_quality": 2, "threshold_explorer": 2, "review_progress": 2}


def test_the_four_notebooks_are_there() -> None:
    assert {book.stem for book in BOOKS} == set(CHARTS)


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_notebook_is_short_and_has_no_outputs(book: Path) -> None:
    cells = json.loads(book.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert all(cell["metadata"] == {} for cell in cells)
    assert sum("".join(cell["source"]).count("\n") + 1 for cell in code) <= 20


@pytest.fixture
def kernel(database: sa.Engine) -> Iterator[KernelManager]:
    """A Python that reads the seeded database; one for all notebooks, as each takes seconds."""
    with database.begin() as conn:
        seed(conn)
    manager = KernelManager(kernel_name="python3")
    url = database.url.render_as_string(hide_password=False)
    manager.start_kernel(env=child_variables(MEMORIA_DATABASE_URL=url))
    yield manager
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def _executed(book: Path, kernel: KernelManager) -> list[dict[str, str]]:
    """The outputs of a notebook, each by its kinds; without what another one has defined."""
    notebook = nbformat.read(book, as_version=4)  # type: ignore[no-untyped-call]
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))  # type: ignore[no-untyped-call]
    client = NotebookClient(notebook, km=kernel, timeout=120)
    client.execute(cleanup_kc=False)  # the kernel is the next one's too
    if client.kc is not None:
        client.kc.stop_channels()
    return [
        output["data"]
        for cell in client.nb.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]


def test_every_notebook_runs_shows_its_charts_and_names_nobody(kernel: KernelManager) -> None:
    for book in BOOKS:
        outputs = _executed(book, kernel)
        assert sum("image/png" in each for each in outputs) == CHARTS[book.stem]
        text = json.dumps([{k: v for k, v in each.items() if k != "image/png"} for each in outputs])
        assert not [one for one in PERSONAL if one in text]
