"""What a person reads of a traced score."""

import datetime as dt
from typing import Any

from churn_assets.core.telling.story import story
from churn_assets_tests.factories import made_up_card

NOW = dt.datetime(2026, 5, 1, 2, 3, tzinfo=dt.UTC)
REASONS = [
    {"rank": 1, "family": "use", "contribution": 0.83, "sentence": "came once"},
    {"rank": 2, "family": "spend", "contribution": -0.2, "sentence": "spends 9"},
]


def _origin(**changes: Any) -> dict[str, Any]:
    version = {"version": "v1", "published_at": NOW, "actor": "nightly", "run_id": "r1", "code_revision": "0123abc"}
    row = {"churn_probability": 0.7314, "risk_tier": "high", "action": "offer"}
    given = {
        "customer_id": "c7",
        "snapshot_date": dt.date(2026, 4, 30),
        "score": version | {"hindsight": False, "pinned": "", "row": row},
        "reasons": [],
        "model": made_up_card().model_dump(mode="json"),
        "features": {"version": "f1", "row": {"customer_id": "c7", "spend": 9.25, "visits": None}},
        "customer": version | {"row": {"customer_id": "c7"}},
        "raw": version | {"row": {"customer_id": "c7"}},
        "source": {"files": [{"path": f"source/{number}.csv", "sha256": "ab" * 32} for number in range(9)]},
    }
    return given | changes


def test_the_story_of_a_score_fits_on_a_screen() -> None:
    """Score, decision, reasons, model and its quality, files, and who published it when, in about twenty lines."""
    lines = story(_origin(reasons=REASONS, base_value=-2.5))

    told = dict(reversed(lines))
    assert len(lines) <= 22
    assert told["Score"].startswith("0.7314 probability of churn")
    assert told["Decision"] == "tier high, action offer"
    assert [text for heading, text in lines if heading == "Why"] == [
        "came once (use: +0.83 in log-odds)",
        "spends 9 (spend: -0.20 in log-odds)",
    ]
    assert told["Starts at"].startswith("-2.50 in log-odds")
    assert "ROC-AUC" in told["How good"]
    assert told["Published"] == "2026-05-01 02:03 UTC by nightly"
    assert told["Source"] == "source/0.csv (SHA-256 abababababab)"
    assert ("Source", "and 6 more files") in lines


def test_a_score_whose_reasons_expired_says_when() -> None:
    """It is told apart from one that never had any."""
    told = dict(story(_origin(reasons=None, reasons_expired=NOW)))

    assert told["Why"] == "the reasons of this version expired on 2026-05-01"


def test_a_score_without_reasons_says_so_and_what_its_model_leans_on() -> None:
    """Where a day has no reasons, the customer's own values of the model's strongest features stand in their place."""
    card = made_up_card().model_dump(mode="json") | {"importance": {"visits": 0.2, "spend": 0.1, "gone": 0.05}}
    known_later = _origin()["score"] | {"hindsight": True}

    told = dict(story(_origin(model=card, score=known_later)))

    assert told["Why"] == "no reasons are published for this customer and day"
    assert told["Leans most on"].startswith("visits missing, spend 9.25 (")
    assert told["Trained as of"].endswith(": it knew more than that day did")
