"""The page as its reader has it: opened in headless Chromium, by mouse and by keyboard."""

import re
from pathlib import Path

import pandas as pd
import pytest

import mathdesign
from mathdesign.tables.page import write_page
from tests.browsing import browser as browser
from tests.tables.small import solved

HOSTILE = "</script><img src=x onerror='window.hacked=1'>=1+1"


@pytest.fixture(scope="module")
def table():
    rows, designs = solved(params=(30_000, 100_000))
    lost = {
        "name": HOSTILE, "status": "infeasible", "folder": "../../outside", "reason": HOSTILE,
        "space.family": "basic", "budgets.macs": 10, "request_sha256": "0" * 64,
    }  # fmt: skip
    return pd.concat([rows, pd.DataFrame([lost])], ignore_index=True), designs


@pytest.fixture(scope="module")
def report(table, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("a table's folder")
    return write_page(*table, folder / "report.html", title=HOSTILE, downloads=["table.csv"])


@pytest.fixture
def page(browser, report):
    """The page, opened anew; whatever it asks for beyond itself, or says to the console, fails."""
    opened = browser.new_page(viewport={"width": 1600, "height": 1000})
    asked, said = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(report.as_uri())
    opened.wait_for_selector("html[data-ready]")
    yield opened
    allowed = [url for url in asked if url == report.as_uri() or url.startswith("data:")]
    assert asked == allowed and said == []
    opened.close()


def names(page) -> list[str]:
    return page.locator(".opener").all_inner_texts()


def test_a_header_sorts_and_turns_round(page, table):
    rows, _ = table
    expected = rows.sort_values("objective", ascending=False, kind="stable")["name"].tolist()
    page.get_by_role("button", name="objective", exact=True).click()
    assert names(page) == expected  # more is better: on top; the row without a value is last
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("objective")
    page.locator("#rows .sorter", has_text="objective").click()
    assert page.locator("th[aria-sort=ascending]").count() == 1
    ascending = rows.sort_values("objective", kind="stable")["name"].tolist()
    assert names(page) == ascending


def test_numbers_words_and_statuses_filter(page, table):
    rows, _ = table
    page.locator("#filters summary").click()
    fields = page.locator("#fields")
    macs = fields.get_by_label("macs", exact=True)
    macs.fill("<= 0.9M")
    fits = rows[rows["macs"] <= 900_000]
    assert names(page) == fits["name"].tolist()
    fields.get_by_label("space.family").select_option("bottleneck")
    assert names(page) == fits[fits["space.family"] == "bottleneck"]["name"].tolist()
    assert "of 17 rows" in page.locator("#count").inner_text()
    macs.fill("many")
    assert macs.get_attribute("aria-invalid") == "true"
    page.locator("#reset").click()
    assert len(names(page)) == 17
    fields.get_by_label("budgets.macs").fill("0.5M..1M")
    assert len(names(page)) == 8
    page.locator("#reset").click()
    page.locator("#statuses button", has_text="infeasible").click()
    assert names(page) == [HOSTILE]
    page.locator("#reset").click()
    page.locator("#search").fill("BASIC 4000k")
    assert names(page) == ["basic-4000k-30k", "basic-4000k-100k"]


def test_pointing_at_a_design_shows_it_and_a_click_opens_its_row(page):
    x, y = page.evaluate(
        """() => { const b = document.getElementById('plot').getBoundingClientRect();
        const c = document.querySelectorAll('#plot .on-front')[1];
        return [b.x + +c.getAttribute('cx'), b.y + +c.getAttribute('cy')]; }"""
    )
    page.mouse.move(x + 3, y + 3)
    tip = page.locator("#tip")
    assert tip.is_visible()
    text = tip.inner_text()
    assert "bottleneck-500k" in text and "macs 476.3k, objective 1915.6" in text
    assert "proven optimal" in text and tip.locator(".bars i").count() == 7
    page.mouse.click(x + 3, y + 3)
    assert page.locator("tr.opened").count() == 1
    assert "bottleneck-500k" in page.evaluate("document.activeElement.textContent")
    page.mouse.move(0, 0)
    assert tip.is_hidden()


def test_the_front_is_the_one_of_python(page, table):
    rows, _ = table
    front = mathdesign.pareto(rows, ["macs", "objective"])
    assert page.locator("#front-title").inner_text().lower() == f"{len(front)} on the front"
    starred = page.locator("tr:has(.star) .opener").all_inner_texts()
    assert sorted(starred) == sorted(front["name"])
    distinct = front.drop_duplicates(["macs", "objective"])
    assert page.locator("#front button strong").all_inner_texts() == distinct["name"].tolist()


def test_an_opened_row_shows_drawing_certificate_and_files_by_keyboard(page, table):
    rows, designs = table
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.locator(".opener").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    row = rows.iloc[1]
    design = designs[row["request_sha256"]]
    detail = page.locator("tr.opened")
    text = detail.inner_text()
    assert row["request_sha256"] in text and f"{design['certificate']['bound']:,.6f}" in text
    for budget in design["budgets"]:
        assert f"≤ {budget['upper']:,}" in text
    drawn = [s for s in design["network"]["stages"] if s["role"] != "classifier"]
    heights = detail.locator(".stage").evaluate_all(
        "all => all.map(s => s.querySelector('i').offsetHeight)"
    )
    widest = max(stage["width"] for stage in drawn)
    for stage, height in zip(drawn, heights):
        assert abs(height / max(heights) - stage["width"] / widest) < 0.02  # to scale
    bars = detail.locator(".stage").evaluate_all(
        "all => all.map(s => s.querySelectorAll('i').length)"
    )
    assert bars == [stage["depth"] for stage in drawn]
    links = detail.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert links == [f"./{row['folder']}/design.yaml", f"./{row['folder']}/model.py"]
    page.keyboard.press("Enter")
    assert page.locator("tr.opened").count() == 0
    assert page.evaluate("document.activeElement.textContent") == row["name"]


def test_arrows_walk_along_the_front(page):
    page.locator("#plot").focus()
    page.keyboard.press("End")
    assert "bottleneck-1000k-30k" in page.locator("#tip").inner_text()
    page.keyboard.press("ArrowLeft")
    assert "bottleneck-500k" in page.locator("#tip").inner_text()
    page.keyboard.press("Enter")
    assert page.locator("tr.opened").count() == 1
    assert "bottleneck-500k" in page.evaluate("document.activeElement.textContent")


def test_everything_that_acts_can_be_reached_by_tab(page):
    actors = (
        page.locator("main")
        .locator("button, input, select, summary, #plot")
        .evaluate_all("all => all.filter(e => e.checkVisibility() && !e.disabled).length")
    )
    page.locator("#axis-x").focus()
    reached = 1
    for _ in range(actors + 20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        reached += page.evaluate("!!document.activeElement.closest('main')")
    assert reached >= actors


def luminance(colour: str) -> float:
    """Relative luminance of ``rgb(r, g, b)`` (WCAG 2.2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.locator(".opener").first.click()
    back = luminance(
        page.locator(".card").first.evaluate("e => getComputedStyle(e).backgroundColor")
    )
    assert (back < 0.1) == (scheme == "dark")
    for place in ("td", ".soft", "dt", "a", ".sorter", "#legend"):
        ink = luminance(
            page.locator(f"main {place}").first.evaluate("e => getComputedStyle(e).color")
        )
        contrast = (max(ink, back) + 0.05) / (min(ink, back) + 0.05)
        assert contrast >= 4.5, (place, contrast)


@pytest.mark.parametrize("width", [400, 1600])
def test_nothing_is_wider_than_the_screen(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.locator(".opener").nth(1).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cards = page.locator("thead").first.is_hidden()
    assert cards == (width == 400)
    if cards:
        label = page.locator("td[data-label=objective]").first.evaluate(
            "e => getComputedStyle(e, '::before').content"
        )
        assert label == '"objective"'
        page.locator("#sort").select_option("objective ▼")
        assert names(page)[0].startswith("bottleneck")


def test_names_are_text_and_folders_stay_inside(page):
    assert page.locator("h1").inner_text() == HOSTILE
    page.locator("#statuses button", has_text="infeasible").click()
    page.locator(".opener").click()
    assert HOSTILE in page.locator("tr.opened").inner_text()
    assert page.locator("tr.opened a").count() == 0
    assert page.locator("main img").count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_large_table_is_paged(browser, tmp_path):
    rows = pd.DataFrame({"name": [f"row-{i}" for i in range(1, 1201)], "macs": range(1200)})
    rows["status"] = "optimal"
    path = write_page(rows, {}, tmp_path / "report.html", pareto=["macs"])
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#page-of").inner_text() == "page 1 of 24"
    assert page.locator("#previous").is_disabled()
    page.locator("#next").click()
    assert names(page)[0] == "row-51"
    page.get_by_role("button", name="name", exact=True).click()
    assert names(page)[:3] == ["row-1", "row-2", "row-3"]  # natural order, not row-1, row-10
    page.close()
