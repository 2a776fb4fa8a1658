"""The sample that customers are compared with: the same rows, however the training rows came."""

import numpy as np
import pyarrow as pa

from churn_assets.core.reasons.background import SAMPLE_ROWS, reasons_sample
from churn_assets.core.training.dataset import LabelledRows


def _rows(days: int) -> LabelledRows:
    """The same 400 customers on each of some days."""
    ids = np.tile([f"c{number:03d}" for number in range(400)], days)
    dates = np.repeat(np.datetime64("2026-01-01") + 7 * np.arange(days), 400)
    features = pa.table({"customer_id": ids, "row": np.arange(len(ids))})
    return LabelledRows(features, np.zeros(len(ids), dtype=bool), dates)


def test_order_of_the_rows_does_not_matter() -> None:
    """The sample is drawn by customer and day alone, and is in the same order too."""
    rows = _rows(5)
    order = np.random.default_rng(0).permutation(2000)
    shuffled = LabelledRows(rows.features.take(order), rows.churned[order], rows.days[order])

    sample = reasons_sample(rows)

    assert sample.num_rows == SAMPLE_ROWS
    assert reasons_sample(shuffled).equals(sample)


def test_rows_of_all_customers_and_days_are_in_it() -> None:
    """A customer is not drawn on all days or on none, and the first rows are from all days too."""
    sample = reasons_sample(_rows(50)).slice(0, 128).column("row").to_numpy()

    assert len(np.unique(sample % 400)) > 90
    assert len(np.unique(sample // 400)) > 40


def test_few_rows_are_all_in_it() -> None:
    """Fewer rows than are asked for are the whole sample."""
    assert sorted(reasons_sample(_rows(1)).column("row").to_pylist()) == list(range(400))
