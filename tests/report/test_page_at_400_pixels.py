"""The page of a design on a telephone: whole at 400 pixels, in headless Chromium."""

import pytest

from mathdesign.report.html import Trained, page
from mathdesign.result import Design
from tests.browsing import browser as browser
from tests.places import ROOT

DRAWN = ("chain", "mobile")
TRAINING = {
    "test_accuracy": 0.9944, "test_loss": 0.021, "data": "digits", "images": [1259, 179, 359],
    "options": {"epochs": 5, "seed": 0}, "batch_size": 64, "seconds": 69.04, "device": "cpu",
}  # fmt: skip


def png() -> bytes:
    """A picture wider than the screen."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (1200, 500), "white").save(out, "png")
    return out.getvalue()


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("width", [400, 320, 1200])
def test_nothing_is_cut_or_to_be_pushed_aside(browser, tmp_path, name, width):
    pytest.importorskip("PIL")
    design = Design.load(ROOT / f"tests/saved/{name}.yaml")
    path = tmp_path / "report.html"
    path.write_text(page(design, Trained(TRAINING, png())))
    opened = browser.new_page(viewport={"width": width, "height": 800})
    opened.goto(path.as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    cut = opened.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.scrollWidth > e.clientWidth + 1"
        " && getComputedStyle(e).overflowX !== 'visible' && !e.matches('thead, thead *'))"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert cut == []
    edges = opened.evaluate(
        "[...document.querySelectorAll('main td, main img, main .stage')]"
        ".map(e => e.getBoundingClientRect()).filter(r => r.right > innerWidth || r.left < 0).length"
    )
    assert edges == 0
    text = opened.locator("main").inner_text()
    for row in design.kind.table(design.network).rows:
        assert all(cell in text for cell in row)
    assert "99.44%" in text
    opened.close()
