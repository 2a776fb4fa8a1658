"""The pictures of the documentation: Dagster's UI and the pages of the score service, in a headless Chromium.

    python benchmarks/screenshots.py DATA_FOLDER [PICTURES_FOLDER]

The data folder of `make run`, or an empty one, where the same nights are run first. Each picture stays below 200 kB.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measuring import CHURN_ASSETS
from playwright.sync_api import Page, sync_playwright

from churn_assets.composition import build_chain
from churn_assets.settings import load_settings

REPOSITORY = Path(__file__).parents[1]
PICTURES = REPOSITORY / "docs" / "images"
MOST_BYTES = 200_000
START_SECONDS = 120
PATIENCE = 60_000  # milliseconds
SCREEN = {"width": 1440, "height": 900}
WHOLE_TEXT = 3600  # pixels: a text that fits is not scrolled
BEGINNING = 1145  # of a card: what it is, how good it is, its curves
GRID_AND_CURVES = 1500
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("pictures", type=Path, nargs="?", default=PICTURES)
    given = parser.parse_args()
    os.environ |= {"CHURN_DATA_DIR": str(given.data.absolute()), "DAGSTER_HOME": str(REPOSITORY)}
    given.pictures.mkdir(parents=True, exist_ok=True)
    chain = build_chain(load_settings())
    if not chain.scores.days():
        subprocess.run([CHURN_ASSETS, "quickstart"], check=True)
    day = chain.scores.days()[-1]
    newest = chain.registry.models.card(chain.registry.champion()).trained_as_of
    with browser_page() as page:
        dagster = [str(Path(sys.executable).with_name("dagster-webserver")), "--workspace", "workspace.yaml"]
        with served(dagster, "/server_info") as url:
            of_dagster(page, url, str(day), str(newest), given.pictures)
        with served([CHURN_ASSETS, "serve"], "/healthz") as url:
            of_the_service(page, url, given.pictures)
    for picture in sorted(given.pictures.glob("*.png")):
        size = picture.stat().st_size
        print(f"{picture}: {size:,} bytes")
        if size > MOST_BYTES:
            sys.exit(f"{picture} has more than {MOST_BYTES:,} bytes")


def of_dagster(page: Page, url: str, day: str, trained: str, pictures: Path) -> None:
    """The graph, a night's scores and their report, the drift of that night, the champion's card."""
    page.goto(f"{url}/assets/churn_scores?view=lineage&lineageScope=upstream&lineageDepth=3")
    page.get_by_text("Hide navigation").click()
    settle(page)
    page.screenshot(path=pictures / "lineage.png")
    page.goto(f"{url}/assets/churn_scores?view=partitions&partition={day}")
    page.get_by_text("Show Markdown").first.wait_for()
    settle(page)
    page.screenshot(path=pictures / "scores.png")
    take_text(page, f"{url}/assets/churn_scores?view=partitions&partition={day}", pictures / "night-report.png")
    take_text(page, f"{url}/assets/feature_drift?view=partitions&partition={day}", pictures / "drift.png")
    take_text(page, f"{url}/assets/churn_model?view=partitions&partition={trained}", pictures / "card.png")


def of_the_service(page: Page, url: str, pictures: Path) -> None:
    """The retention team's page, and the one about monitoring where the service has it."""
    page.set_viewport_size(SCREEN)
    page.goto(url)
    page.locator("#risk button, #risk a, #risk tr").first.wait_for()
    settle(page)
    page.screenshot(path=pictures / "page.png")
    page.set_viewport_size({"width": SCREEN["width"], "height": GRID_AND_CURVES})
    answer = page.goto(f"{url}/monitoring")
    if answer is not None and answer.ok:
        settle(page)
        page.screenshot(path=pictures / "monitoring-page.png")


def take_text(page: Page, address: str, picture: Path) -> None:
    """The Markdown of a partition, of a long one its beginning."""
    page.set_viewport_size({"width": SCREEN["width"], "height": WHOLE_TEXT})
    page.goto(address)
    page.get_by_text("Show Markdown").first.click()
    settle(page)
    box = page.locator(".dagster-dialog").first.bounding_box()
    if box is None:
        sys.exit(f"no text at {address}")
    box["height"] = min(box["height"], BEGINNING)
    page.screenshot(path=picture, clip=box)


def settle(page: Page) -> None:
    """Wait until nothing is loaded any more and what moves has come to rest."""
    page.wait_for_load_state("networkidle", timeout=PATIENCE)
    page.wait_for_timeout(3_000)


@contextmanager
def browser_page() -> Iterator[Page]:
    """A page in Debian's Chromium."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        sys.exit("there is no Chromium: `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        page = browser.new_page(viewport=SCREEN)
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


@contextmanager
def served(command: list[str], ready: str) -> Iterator[str]:
    """Where a server answers, which ends afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([*command, "--port", str(port)], cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    try:
        wait(server, url + ready)
        yield url
    finally:
        server.terminate()
        server.wait()


def wait(server: "subprocess.Popen[bytes]", url: str) -> None:
    """Until the server answers."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # http, on this machine
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    sys.exit(f"no answer from {url}")


if __name__ == "__main__":
    main()
