"""From outcomes that are known to a fitted estimator."""
