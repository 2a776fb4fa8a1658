"""A real browser, for tests of the pages only."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

__all__ = ["SIZES", "needs_chromium", "photograph", "running_browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
)
ARTEFACTS = Path(__file__).parents[1] / "build" / "screenshots"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium here; `make browser-test` installs it"
)


@contextmanager
def running_browser() -> Iterator[Any]:
    """A browser, until it is not needed any more."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        yield running
        running.close()


def photograph(page: Any, name: str) -> None:
    """Keep how a page looks, all of it, below `build/screenshots`."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)
