"""What was watched follows a rollback."""

from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.monitoring.after_rollback import watch_again
from churn_assets.pipeline.monitoring.estimated import estimate_day
from churn_assets.pipeline.monitoring.summary import summarize_day
from churn_assets.storage.scores.published import PublishedScores
from churn_assets_tests.scored_members import CUSTOMERS, DAY, WORK, publish_scores


def test_what_was_watched_is_told_of_the_scores_in_force(chain: Chain) -> None:
    """Estimate and summary are those of the version that is current again; what the day never had is not made."""
    of_customers = chain.customers.current(DAY)
    first, second = (
        publish_scores(chain.scores, [level] * CUSTOMERS, [model] * CUSTOMERS, customers_version=of_customers)
        for level, model in ((0.1, "before"), (0.9, "after"))
    )
    estimate_day(chain, DAY, WORK)
    summarize_day(chain, DAY, WORK)
    PublishedScores(chain.layout).rollback([DAY], None, "on call", "a drill")

    watched = watch_again(chain, DAY, WORK)

    newest = {name: chain.table(name).history(DAY)[-1].commit.details["scores_version"] for name in watched}
    tiers = {row["risk_tier"]: row["customers"] for row in chain.table("score_summary").version(DAY).read().to_pylist()}
    assert newest == {"estimated_performance": first, "score_summary": first}
    assert first != second
    assert tiers == {"low": CUSTOMERS, "medium": 0, "high": 0}
    assert chain.table("feature_drift").days() == []
