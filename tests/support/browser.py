"""A real Chromium for tests that look at a page as a reader does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
"""A browser of the system; else the one that Playwright has downloaded."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Skips the test, and says so, where there is no browser."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no browser: pip install playwright")
    program = next((found for name in CHROMIUMS if (found := shutil.which(name))), None)
    with playwright.sync_playwright() as started:
        try:
            browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except playwright.Error:
            pytest.skip("no browser: install chromium, or run `playwright install chromium`")
        yield browser
        browser.close()
