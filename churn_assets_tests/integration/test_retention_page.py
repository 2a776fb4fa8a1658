"""The page in a real browser: it loads, finds a customer, asks nothing of elsewhere, and complains of nothing."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from churn_assets.app.web.pages import ASSETS, PAGES, POLICY
from churn_assets_tests.browsing import SIZES, needs_chromium, photograph, running_browser
from churn_assets_tests.serving import DAY, KEY, asking, digest, make_app, publish_scores, rows_of, served
from churn_assets_tests.storage_factories import publish_reasons

ODD = "<img src=x onerror=alert(1)>/é\U0001f600"
WHY = {"use": 2.0, "<b>price</b>": -0.5}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fortnight's scores of a few dozen customers, one of them with an odd name."""
    folder = tmp_path_factory.mktemp("page")
    people = {f"c{number:07}": (number * 37 % 101) / 101 for number in range(120)} | {ODD: 0.995}
    for back in range(5, -1, -1):
        shifted = {customer: min(1.0, risk + back / 100) for customer, risk in people.items()}
        version = publish_scores(folder, rows_of(shifted), DAY - dt.timedelta(days=back)).version
    publish_reasons(folder, version, {ODD: WHY, "c0000106": {"price": 1.0}, "c0000003": {"use": 0.5}})
    return folder


@pytest.fixture(scope="module")
def url(data_dir: Path) -> Iterator[str]:
    """Where the page is, which asks for a key."""
    with served(make_app(data_dir, keys={"team": digest(KEY)})) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser."""
    with running_browser() as running:
        yield running


def test_the_pages_let_nothing_else_in(data_dir: Path) -> None:
    """Their policy names no other origin and no inline code, and their files hold none."""
    with asking(make_app(data_dir)) as client:
        files = {path: client.get(path) for path in (*PAGES, *(f"/{name}" for name in ASSETS))}
        again = client.get("/", headers={"If-None-Match": files["/"].headers["etag"]})

    assert {answer.status_code for answer in files.values()} == {200}
    assert {answer.headers["content-security-policy"] for answer in files.values()} == {POLICY}
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    for answer in files.values():
        assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert not [path for path in PAGES if "style=" in files[path].text]
    assert again.status_code == 304


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_customer_is_found_by_keyboard(url: str, browser: Any, size: str, scheme: str) -> None:
    """A key is asked for, the day is shown, a customer is found without a mouse; no error and no other request."""
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    troubles: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.wait_for_selector("#key-form:not([hidden])")
    page.on("console", lambda message: troubles.append(message.text) if message.type in {"error", "warning"} else None)
    page.keyboard.type(KEY)  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_selector("#risk tr")
    page.keyboard.press("Tab")
    page.focus("#find")
    page.keyboard.type(ODD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#customer .history")
    photograph(page, f"page-{size}-{scheme}")

    shown = page.inner_text("#customer")
    first_row = page.inner_text("#risk tr")
    rows = page.locator("#risk tr").count()
    page.focus("#more")
    page.keyboard.press("Enter")
    page.locator("#risk tr").nth(rows).wait_for()
    fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    focus = page.evaluate("document.activeElement.closest('tr') !== null")
    page.close()

    assert ODD in shown
    assert "99.5 %" in shown
    assert "make an offer" in shown
    assert first_row.startswith(ODD)
    assert rows == 25
    assert fits
    assert focus
    assert not troubles
    assert all(each.startswith(url) for each in asked)


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("size", SIZES)
def test_a_customer_is_told_why(url: str, browser: Any, size: str) -> None:
    """Signed bars around the average with their sentences, by keyboard; and what drives the day; both fit a page."""
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})
    page.add_init_script(f"sessionStorage.setItem('key', '{KEY}')")
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(url)
    page.locator("#risk button").first.press("Enter")
    page.wait_for_selector("#customer .reasons li")
    page.wait_for_selector("#drivers li")
    photograph(page, f"reasons-{size}")

    reasons = page.locator("#customer .reasons li").all_inner_texts()
    middle, left, right = (
        page.evaluate(f"document.querySelectorAll('#customer .signed {each[0]}')[{each[1]}].getBBox().x")
        for each in (("line", 0), ("rect", 1), ("rect", 0))
    )
    drivers = page.locator("#drivers li").all_inner_texts()
    fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.emulate_media(media="print")
    printed = [page.locator(each).first.is_visible() for each in ("#customer .reasons li", "#drivers li", "#more")]
    page.emulate_media(media="screen")
    page.fill("#find", "c0000001")
    page.press("#find", "Enter")
    page.locator("#customer h3", has_text="c0000001").wait_for()
    unexplained = page.locator("#customer .reasons").count()
    page.close()

    assert [text.splitlines()[0] for text in reasons] == ["use for 20 days", "<b>price</b> for 5 days"]
    assert "use: raises the risk (+2.00)" in reasons[0]
    assert "lowers the risk (\u22120.50)" in reasons[1]
    assert left < middle == right
    assert [text.splitlines()[0] for text in drivers] == ["use", "price"]
    assert "66.7 % (2)" in drivers[0]
    assert fits
    assert printed == [True, True, False]
    assert unexplained == 0
    assert not troubles


@pytest.mark.browser
@needs_chromium
def test_another_day_is_chosen(url: str, browser: Any) -> None:
    """The day's figures and customers are those of the day that was chosen; a customer who is not there is told so."""
    page = browser.new_page()
    page.add_init_script(f"sessionStorage.setItem('key', '{KEY}')")
    page.goto(url)
    page.wait_for_selector("#risk tr")

    page.select_option("#day", "2026-10-26")
    page.locator("#when", has_text="26 October").wait_for()
    page.fill("#find", "nobody")
    page.press("#find", "Enter")
    page.locator("#customer", has_text="No score on 2026-10-26").wait_for()
    notice = page.inner_text("#notice")
    page.close()

    assert "out of date" in notice


@pytest.mark.browser
@needs_chromium
def test_a_wrong_key_is_asked_for_again(url: str, browser: Any) -> None:
    """A key that is not valid is said so, and is not kept."""
    page = browser.new_page()
    page.goto(url)
    page.fill("#key", "wrong")
    page.press("#key", "Enter")
    page.locator("#notice", has_text="That key is not valid.").wait_for()
    kept = page.evaluate("sessionStorage.getItem('key')")
    page.close()

    assert kept is None
