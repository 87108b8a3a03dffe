"""What tests of pages in a real browser share (scripts/install-chromium)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest


def missing(reason: str) -> None:
    """Skip without a browser, or fail with ISOGLOT_REQUIRE_BROWSER=1."""
    if os.environ.get("ISOGLOT_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason}, and ISOGLOT_REQUIRE_BROWSER=1 asks for it")
    pytest.skip(reason)


def until(page, condition: str) -> None:
    """Wait for a condition; playwright's own waiting evaluates text in the page, which its policy forbids."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never became true: {condition}")


def chromium() -> Iterator:
    """Yield the browser, for a fixture."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        missing("no chromium: run scripts/install-chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("no playwright: pip install playwright")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


def listened_page(browser, width: int = 1280, scheme: str = "light", **options):
    """Return a new page that remembers in `logged` what it complained of, and in `asked` what it asked for."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
    page = context.new_page()
    page.logged, page.asked = [], []
    page.on("console", lambda message: page.logged.append(message.text))
    page.on("pageerror", lambda error: page.logged.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    return page
