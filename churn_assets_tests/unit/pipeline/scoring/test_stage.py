"""How far a long piece of work has come."""

import logging

import pytest

from churn_assets.pipeline.scoring.stage import logged_progress


def lines(total: int, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is logged of `total` parts, which all come."""
    with caplog.at_level(logging.INFO, logger="churn_assets"):
        assert list(logged_progress(range(total), "2026-07-01", total)) == list(range(total))
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(("total", "count"), [(0, 0), (1, 1), (3, 3), (10, 10), (20, 10), (1908, 10)])
def test_each_tenth_is_logged_once(total: int, count: int, caplog: pytest.LogCaptureFixture) -> None:
    """However many parts there are, the log gets ten lines at most, and the last part is logged."""
    found = lines(total, caplog)

    assert len(found) == count
    assert found[-1:] == [f"2026-07-01: {total} of {total} parts scored"] * (total > 0)


def test_slow_work_is_logged_between_the_tenths(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a tenth takes longer than half a minute, so much is logged as was done meanwhile."""
    clock = iter(range(0, 100_000, 12))
    monkeypatch.setattr("churn_assets.pipeline.scoring.stage.time.monotonic", lambda: float(next(clock)))

    found = lines(100, caplog)

    assert found[:4] == [f"2026-07-01: {done} of 100 parts scored" for done in (3, 6, 9, 10)]
