"""A feature in a line."""

import pyarrow as pa

from churn_assets.core.intake.feature_summary import FeatureSummary, summarize


def test_features_are_summed_up_each_in_a_line() -> None:
    """Gaps, ranges of numbers and numbers of words are told; what is the same for everybody is constant."""
    features = pa.table(
        {
            "id": ["a", "b", "c", "d"],
            "spend": [1.5, None, 0.5, 2.0],
            "plan": pa.array(["x", "y", "x", None]).dictionary_encode(),
            "same": [True] * 4,
            "gaps": pa.array([1.0, None, 1.0, 1.0]),
        }
    )

    assert summarize(features) == [
        FeatureSummary("spend", 0.25, 3, 0.5, 2.0, constant=False),
        FeatureSummary("plan", 0.25, 2, None, None, constant=False),
        FeatureSummary("same", 0.0, 1, None, None, constant=True),
        FeatureSummary("gaps", 0.25, 1, 1.0, 1.0, constant=False),
    ]
