"""A night as a person reads it."""

import datetime as dt
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from churn_assets.core.monitoring.night_facts import Drift, NightFacts, count_faults
from churn_assets.core.monitoring.night_report import headline, night_page
from churn_assets.core.monitoring.performance.verdict import verdict_on
from churn_assets.core.monitoring.pictures.night import night_picture
from churn_assets.core.table_schemas import FAULT_TYPE

DAY = dt.date(2026, 11, 2)
BEFORE = DAY - dt.timedelta(days=1)


def _night(**changes: Any) -> NightFacts:
    """A night of a thousand customers."""
    given: dict[str, Any] = {
        "snapshot_date": DAY,
        "score_version": "5c0e5c0e5c0e5c0e",
        "customers_version": "c057c057c057c057",
        "model_version": "20261001-3f9a1c2b",
        "models": {"20261001-3f9a1c2b": 1000},
        "trained_as_of": dt.date(2026, 10, 1),
        "customers": 1000,
        "tiers": {"low": 900, "medium": 80, "high": 20},
        "actions": {"none": 970, "offer": 20, "review": 10},
        "mean_probability": 0.05,
        "twentieths": (500, *[25] * 18, 50),
        "quarantined": 0,
        "faults": {},
        "audited": 12,
    }
    return NightFacts(**(given | changes))


def _page(night: NightFacts, before: NightFacts | None = None, drift: Drift | None = None, **trend: float) -> list[str]:
    shares = {dt.date(2026, 11, int(day[1:])): share for day, share in trend.items()}
    verdict = verdict_on(night.model_version, [], 0.6, "the model")
    return night_page(night, before, shares, drift, verdict, picture="p.svg").splitlines()


def _point(page: list[str], name: str) -> str:
    [line] = [line for line in page if line.startswith(f"- **{name}")]
    return line.partition("**: ")[2]


def test_a_first_night_tells_what_there_is() -> None:
    """Without a day before there is no change to tell, and no trend."""
    page = _page(_night(), d2=0.02)

    assert page[0] == "# Night of 2026-11-02"
    assert page[2] == "**1,000 customers scored, 20 at high risk (2.0%).**"
    assert "| High risk | 20 | 2.0% |" in page
    assert _point(page, "Actions") == "970 none, 20 offer, 10 review"
    assert _point(page, "Quarantined") == "none of 1,000 rows"
    assert _point(page, "Model") == "20261001-3f9a1c2b, trained as of 2026-10-01, 32 days before"
    assert _point(page, "Audit") == "in order, all 12 figures lie within their bounds"
    assert _point(page, "Still good").startswith("not known yet of the model 20261001-3f9a1c2b")
    assert page[-1] == "Scores `5c0e5c0e5c0e5c0e`, of customers `c057c057c057c057`."
    assert not [line for line in page if "Drift" in line or "Change" in line or "last 30 days**" in line]


def test_a_night_is_told_beside_the_last() -> None:
    """Each tier has its change since the last scored day, and the share at high risk its way."""
    before = _night(snapshot_date=BEFORE, tiers={"low": 905, "medium": 80, "high": 5}, customers=990)

    page = _page(_night(), before, d1=0.005, d2=0.02)

    assert page[2].endswith("20 at high risk (2.0%), 15 more than on 2026-11-01.**")
    assert "| High risk | 20 | 2.0% | +15 |" in page
    assert "| Medium risk | 80 | 8.0% | no change |" in page
    assert "| All | 1,000 | 100.0% | +10 |" in page
    assert _point(page, "High risk, last 30 days") == "▁█ from 0.50% to 2.00%, between 0.50% and 2.00%"


@pytest.mark.parametrize(("high", "words"), [(20, "as many as on"), (21, "1 fewer than on"), (19, "1 more than on")])
def test_the_sentence_compares(high: int, words: str) -> None:
    """More, fewer or as many at high risk as on the last scored day."""
    before = _night(snapshot_date=BEFORE, tiers={"low": 900, "medium": 80, "high": high})

    assert f", {words} 2026-11-01" in headline(_night(), before)


def test_what_is_out_of_order_is_told() -> None:
    """Quarantined rows with their reasons, an accepted shift, hindsight, rules, a canary and drift."""
    night = _night(
        quarantined=50,
        faults={f"c{number}: check": 10 - number for number in range(7)},
        beyond=("mean probability moved",),
        accepted=("mean probability moved (audit.max_mean_change)",),
        hindsight=True,
        is_fallback=True,
        trained_as_of=DAY + dt.timedelta(days=1),
        models={"20261001-3f9a1c2b": 900, "20261015-aaaaaaaa": 100},
    )

    page = _page(night, drift=Drift(severity="error", features=("spend", "plan")))

    assert _point(page, "Quarantined").startswith("50 of 1,050 rows (4.8%): `c0: check` 10, `c1: check` 9,")
    assert _point(page, "Quarantined").endswith(" and 2 more")
    assert _point(page, "Audit") == "a shift was accepted: mean probability moved"
    assert "it knew more than the day" in _point(page, "Model")
    assert "these are rules" in _point(page, "Model")
    assert _point(page, "Model").endswith("canary 20261015-aaaaaaaa for 100 customers")
    assert _point(page, "Drift") == "error, most in spend, plan"


def test_what_was_not_kept_is_left_out() -> None:
    """Of a version that an earlier release published, what its audit found is not known."""
    page = _page(_night(audited=None, trained_as_of=None))

    assert not [line for line in page if line.startswith("- **Audit")]
    assert _point(page, "Model") == "20261001-3f9a1c2b"


def test_the_picture_is_drawn_from_the_facts_alone() -> None:
    """An SVG of a bar for each twentieth, which the same facts give again to the byte; with one day and with many."""
    trend = {BEFORE: 0.01, DAY: 0.02}
    before = _night(snapshot_date=BEFORE)

    first = night_picture(_night(), before, trend)
    alone = night_picture(_night(twentieths=(0,) * 20), None, {DAY: 0.0})

    assert first == night_picture(_night(), before, trend)
    bars = [each for each in ET.fromstring(first).iter() if each.get("fill-opacity")]  # noqa: S314  # our own
    assert len(bars) == 20
    assert len(ET.fromstring(alone)) > 0  # noqa: S314  # our own


def test_faults_are_counted_without_their_values() -> None:
    """Rules are counted over rows, the most broken first; the values that broke them are not told."""
    faults = [
        [{"column": "spend", "check": "ge(0)", "value": "-1"}, {"column": "plan", "check": "isin", "value": "x"}],
        [{"column": "spend", "check": "ge(0)", "value": "-7"}],
    ]

    counted = count_faults(pa.table({"faults": pa.array(faults, FAULT_TYPE)}))

    assert list(counted.items()) == [("spend: ge(0)", 2), ("plan: isin", 1)]
    assert count_faults(pa.table({"faults": pa.array([], FAULT_TYPE)})) == {}
