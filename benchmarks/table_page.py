"""A table of 100,000 rows: opened, filtered, its front; its page in a browser.

    python benchmarks/table_page.py [--rows 100000]

The rows are real designs of a small space, repeated with changed figures; the browser is
Chromium, headless, driven by playwright (left out where it is not installed).
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from table_overhead import SMALL, sweep

import mathdesign
from mathdesign.tables.build import STORE, build_table
from mathdesign.tables.page import write_page
from mathdesign.tables.store import Store


def repeated(folder: Path, rows: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A frame of ``rows`` rows and the designs of 200 of them."""
    found = build_table(sweep(SMALL, 200), folder, files=False)
    with Store(folder / STORE) as store:
        designs = {e.request: store.design(e.request) or {} for e in found.entries}
    frame = found.frame()
    times = -(-rows // len(frame))
    table = pd.concat([frame] * times, ignore_index=True).iloc[:rows].copy()
    rng = np.random.default_rng(0)
    table["name"] = [f"row-{n}" for n in range(rows)]
    table["objective"] *= rng.uniform(0.5, 1.0, rows)
    table["macs"] = (table["macs"] * rng.uniform(0.5, 1.5, rows)).astype("Int64")
    return table, designs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="page-"))
    table, designs = repeated(folder, options.rows)
    table.to_parquet(folder / "table.parquet", index=False)
    start = time.perf_counter()
    read = pd.read_parquet(folder / "table.parquet")
    opened = time.perf_counter()
    chosen = read[(read["status"] == "optimal") & (read["macs"] < read["macs"].median())]
    filtered = time.perf_counter()
    front = mathdesign.pareto(read, ["macs", "objective"])
    done = time.perf_counter()
    print(f"{len(read):,} rows: open {opened - start:.2f} s, filter to {len(chosen):,} "
          f"{filtered - opened:.3f} s, front of {len(front)} {done - filtered:.2f} s (goal: 2 s)")  # fmt: skip
    start = time.perf_counter()
    path = write_page(table, designs, folder / "report.html", title="Many")
    print(f"page: written in {time.perf_counter() - start:.1f} s, "
          f"{path.stat().st_size / 1e6:.1f} MB (goal: 30 MB)")  # fmt: skip
    browse(path)
    shutil.rmtree(folder)


def browse(path: Path) -> None:
    """Open the page, sort it, filter it."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("no browser on the path: the page was not opened")
        return
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        start = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        opened = time.perf_counter()
        page.get_by_role("button", name="objective", exact=True).click()
        page.wait_for_selector("th[aria-sort]")
        ordered = time.perf_counter()
        page.locator("input[type=search]").first.fill("row-99")
        page.wait_for_timeout(50)
        text = page.locator("body").inner_text()
        found = time.perf_counter()
        print(f"Chromium: open {opened - start:.2f} s, sort {ordered - opened:.2f} s, "
              f"search {found - ordered:.2f} s, {len(text):,} characters shown")  # fmt: skip
        browser.close()


if __name__ == "__main__":
    main()
