"""The monitoring page in a real browser, over real nights: on a day whose feature was scaled it names the feature."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from churn_assets.pipeline.alerting.raising import alert_of_night
from churn_assets.pipeline.monitoring.drift import watch_features, watch_scores
from churn_assets.pipeline.monitoring.estimated import estimate_day
from churn_assets.pipeline.monitoring.night_report import report_scores
from churn_assets_tests.browsing import SIZES, needs_chromium, photograph, running_browser
from churn_assets_tests.serving import KEY, digest, make_app, served
from churn_assets_tests.shifted_nights import LAST, RUN, champion_at_work, night

pytestmark = [pytest.mark.browser, needs_chromium]

CUT_OFF = "[...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth).length"
SHIFTED = LAST + dt.timedelta(days=7)  # on another weekday the tenure of members who never change is news, too


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the pages of an installation are, on the morning after a night whose `spend` was multiplied by 1.5."""
    chain = champion_at_work(tmp_path_factory.mktemp("watched"))
    report_scores(chain, night(chain, SHIFTED, factor=1.5))
    for day in (LAST, SHIFTED):
        watch_features(chain, day, RUN)
        watch_scores(chain, day, RUN)
        estimate_day(chain, day, RUN)
        alert_of_night(chain, day)
    morning = dt.datetime.combine(SHIFTED + dt.timedelta(days=1), dt.time(6), dt.UTC)
    with served(make_app(chain.layout.data_dir, now=morning, keys={"team": digest(KEY)})) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser."""
    with running_browser() as running:
        yield running


@pytest.mark.parametrize("size", SIZES)
def test_the_day_of_a_shift_names_the_feature(url: str, browser: Any, size: str) -> None:
    """With a key, by keyboard: the tile, the grid's first row, its figures and the alert name it; addresses lead back.

    Nothing is asked of elsewhere, nothing complains, and the page fits its screen.
    """
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})
    troubles: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{url}/monitoring")
    page.wait_for_selector("#key-form:not([hidden])")
    page.on("console", lambda message: troubles.append(message.text) if message.type in {"error", "warning"} else None)
    page.keyboard.type(KEY)  # the field has the focus
    page.keyboard.press("Enter")
    first = page.locator("#drift tbody tr").first
    first.locator("a").press("Enter")
    page.locator("#feature-title", has_text="spend").wait_for()
    photograph(page, f"monitoring-{size}")

    address = page.url
    tiles, alerts, figures = (page.inner_text(each) for each in ("#tiles", "#alerts", "#feature"))
    newest_cell = first.locator("td").last.text_content()
    quiet_cell = page.locator("#drift tbody tr").last.locator("td").last.text_content()
    publications = page.inner_text("#publications")
    fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.select_option("#day", str(LAST))
    page.locator("#tiles", has_text=f"Drift on {LAST}").wait_for()
    quiet = page.inner_text("#tiles"), page.url
    page.go_back()
    page.locator("#tiles", has_text=f"Drift on {SHIFTED}").wait_for()
    page.reload()
    page.locator("#feature-title", has_text="spend").wait_for()
    back = page.url, page.title()
    page.close()

    assert address == back[0] == f"{url}/monitoring?feature=spend"
    assert back[1] == f"Monitoring of churn scores, {SHIFTED}, spend"
    assert "Fresh" in tiles
    assert "spend" in tiles
    assert "error" in tiles
    assert [newest_cell.split(",")[0], quiet_cell.split(",")[0]] == ["error", "ok"]
    assert f"On {SHIFTED} its index was" in figures
    assert "spend" in alerts
    assert "tester" in publications
    assert "all features in order" in quiet[0]
    assert quiet[1] == f"{url}/monitoring?day={LAST}&feature=spend"
    assert fits
    assert not troubles
    assert all(each.startswith(url) for each in asked)


def test_it_can_be_printed(url: str, browser: Any) -> None:
    """On a sheet as wide as paper no table is cut off; what can only be clicked is left out."""
    page = browser.new_page(viewport={"width": 720, "height": 1000})
    page.add_init_script(f"sessionStorage.setItem('key', '{KEY}')")
    page.goto(f"{url}/monitoring?feature=spend")
    page.locator("#feature [role=img]").wait_for()
    page.emulate_media(media="print")

    printed = [page.locator(each).first.is_visible() for each in ("#drift", "#feature svg", "#day", "nav")]
    cut_off = page.evaluate(CUT_OFF)
    page.close()

    assert printed == [True, True, False, False]
    assert cut_off == 0


def test_it_answers_whether_the_model_is_still_good_and_of_which_day_it_speaks(url: str, browser: Any) -> None:
    """The verdict names the model, charts draw bounds, times name their zone; an earlier day says what is as of now."""
    page = browser.new_page()
    page.add_init_script(f"sessionStorage.setItem('key', '{KEY}')")
    page.goto(f"{url}/monitoring?feature=spend")
    page.locator("#feature [role=img]").wait_for()
    verdict, tiles, figures = (page.inner_text(each) for each in ("#verdict", "#tiles", "#feature"))
    of_now = page.is_visible("#as-of")

    page.goto(f"{url}/monitoring?day={LAST}")
    page.locator("#as-of").wait_for()
    as_of = page.inner_text("#as-of")
    page.close()

    assert "not known yet of the champion " in verdict
    assert "hold now" in tiles
    assert "08:00 UTC" in tiles
    assert "error above 0.200" in figures
    assert not of_now
    assert as_of.startswith(f"Of {LAST} and the days before it")
    assert f"The newest scores, of {SHIFTED}," in as_of
