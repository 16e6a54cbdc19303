"""Pictures of numbers: small, readable as PNG, and drawn without a screen."""

import base64
import io
import re

from PIL import Image

from memoria_pipeline import plots


def opened(markdown: str) -> Image.Image:
    found = re.fullmatch(r"!\[[A-Z][^]]+\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", markdown)
    assert found
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


def test_a_histogram_of_similarities_is_a_small_png() -> None:
    drawn = plots.similarity([0.6, 0.7, 0.72] * 40, [0.1, 0.2, 0.33] * 50)
    assert opened(drawn).size[0] > 200
    assert len(drawn) < 20_000


def test_people_of_twenty_faces_and_more_are_drawn_together() -> None:
    assert plots.sizes([1, 2, 20]) == plots.sizes([1, 2, 900])
    assert plots.sizes([1, 2, 19]) != plots.sizes([1, 2, 900])


def test_an_event_without_people_has_empty_plots() -> None:
    assert opened(plots.similarity([], [])).format == "PNG"
    assert opened(plots.sizes([])).format == "PNG"
    assert opened(plots.similarity([], [0.3])).format == "PNG"
