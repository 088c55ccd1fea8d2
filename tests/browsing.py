"""A headless browser for the tests that look at pages; they are skipped where there is none."""

import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser on the path (looked for {', '.join(BROWSERS)})")
    # Chromium refuses its sandbox to root, whom containers run as.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as play:
        driven = play.chromium.launch(executable_path=found, args=arguments)
        yield driven
        driven.close()
