"""The challenger in the shadow: it scores every day into a table of its own, which no app reads.

Belongs here: `challenger_scores` and what is compared with it. A challenger that cannot score is
told by a check and a warning; it takes nothing from the night, whose scores are published by then.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow.compute as pc

from churn_assets.assets.metadata import column_schema, partition_metadata
from churn_assets.assets.results import StageResult, as_dagster_failure, run_context
from churn_assets.core.errors import ChurnError
from churn_assets.core.scoring.comparison import compare_scores
from churn_assets.core.table_schemas import SCORES
from churn_assets.core.training.sampling import sample_rate
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.scoring.serving_models import ServingModels, open_model, stage_scores
from churn_assets.pipeline.training.training_data import sampled_rows

__all__ = ["challenger_assets", "score_challenger"]

CHECK = dg.AssetCheckSpec(
    "challenger_can_score", asset="challenger_scores", description="The challenger scored the day, if there is one"
)


def score_challenger(chain: Chain, day: dt.date, version: str, work: RunContext) -> StageResult:
    """Score the day's valid customers by `version`, unseen, and compare that with what was published.

    Raises:
        AuditFailed, ModelFault, PartitionConflict, UnknownVersion: the challenger's table stays as it was.
    """
    table = chain.challenger_scores
    expected = table.current(day)
    model = open_model(chain, version)
    customers = chain.customers.version(day)
    staged, audit, made_from = stage_scores(chain, table, ServingModels(model), customers, ())
    details = {**made_from, "customers_version": customers.version, "hindsight": model.card.trained_as_of > day}
    published = table.publish(staged, expected, work.commit("challenge", version, **details))
    logger.debug("%s challenger_scores: %d rows scored by %s", day, audit.rows, version)
    metadata = partition_metadata(
        table, published, audit.rows, model_version=version, mean_probability=audit.mean_probability, **details
    )
    metadata |= _compare(chain, day, version)
    metadata["dagster/column_schema"] = column_schema(SCORES)
    return StageResult("challenger_scores", published, audit.rows, metadata)


def _compare(chain: Chain, day: dt.date, challenger: str) -> dict[str, Any]:
    """Record what would change if the challenger's scores were the published ones; of a long day, by a sample."""
    columns = ["customer_id", "churn_probability", "risk_tier", "action", "model_version"]
    seen, unseen = chain.scores.version(day), chain.challenger_scores.version(day)
    rate = sample_rate(seen.rows, chain.recipe.max_rows)
    published = sampled_rows(seen, "customer_id", rate, columns)
    others = pc.not_equal(published.column("model_version"), challenger)  # a canary is not compared with itself
    told = compare_scores(published.filter(others), sampled_rows(unseen, "customer_id", rate, columns))
    champion = next(chain.scores.backwards(day)).commit.model_version
    chain.monitoring.record_comparison(
        {
            "compared_at": dt.datetime.now(dt.UTC),
            "snapshot_date": day,
            "published_version": seen.version,
            "champion": champion,
            "challenger_version": unseen.version,
            "challenger": challenger,
            **{name: value for name, value in told.items() if not name.startswith("histogram")},
            "histogram_published": told["histogram_before"],
            "histogram_challenger": told["histogram_after"],
        }
    )
    shown = {name: value for name, value in told.items() if value is not None}
    return {"champion": champion} | shown


def challenger_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`challenger_scores`."""

    @dg.asset(
        partitions_def=partitions,
        deps=["customers", "customer_features", "churn_scores"],
        group_name="scoring",
        kinds={"delta", "scikitlearn"},
        owners=["team:data-science"],
        description="What the challenger gives the day's customers, which no app reads: the canary, else the newest "
        "model that passed its gates and was not promoted. Compared with the published scores, day by day.",
        check_specs=[CHECK],
        output_required=False,  # there may be no challenger
    )
    def challenger_scores(context: dg.AssetExecutionContext) -> Iterator[Any]:
        day = dt.date.fromisoformat(context.partition_key)
        version = as_dagster_failure(lambda: chain.registry.challenger(chain.profile.name))
        trouble = ""
        if version is not None:
            try:
                made = score_challenger(chain, day, version, run_context(context, chain))
                yield dg.MaterializeResult(metadata=made.metadata, data_version=dg.DataVersion(made.published.version))
            except ChurnError as error:
                trouble = str(error)
                logger.warning("%s: the challenger did not score: %s", day, error)
        yield dg.AssetCheckResult(
            passed=not trouble,
            check_name=CHECK.name,
            metadata={"challenger": version or "none", "trouble": trouble},
            severity=dg.AssetCheckSeverity.WARN,
        )

    return [challenger_scores]
