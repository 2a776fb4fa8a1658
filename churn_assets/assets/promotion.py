"""The champion: whose scores are published, since when, by whom and why."""

import dagster as dg

from churn_assets.assets.adapter import failing_in_words, work_of
from churn_assets.assets.metadata import column_schema
from churn_assets.assets.resources import Chain, Work
from churn_assets.core.columns import PROMOTIONS
from churn_assets.core.errors import NoChampion

__all__ = ["PromotionConfig", "promotion_assets"]


class PromotionConfig(dg.Config):
    """What to promote; where nothing is named and there is no champion, the newest model that passed its gates."""

    model_version: str | None = None
    reason: str = ""
    force: bool = False


def promotion_assets(chain: Chain) -> list[dg.AssetsDefinition]:
    """`champion`."""

    @dg.asset(
        deps=["churn_model"],
        group_name="training",
        kinds={"delta"},
        owners=["team:data-science"],
        description="The record of promotions: whose scores are published, since when, by whom and why.",
    )
    def champion(context: dg.AssetExecutionContext, config: PromotionConfig) -> dg.MaterializeResult:
        promoted: dg.MaterializeResult = failing_in_words(lambda: _promote(chain, config, work_of(context)))
        return promoted

    return [champion]


def _promote(chain: Chain, config: PromotionConfig, work: Work) -> dg.MaterializeResult:
    registry = chain.registry
    if config.model_version:
        reason = config.reason or work.reason
        registry.promote(config.model_version, actor=work.actor, reason=reason, force=config.force)
    elif not registry.has_champion():
        ours = [each for each in registry.registered() if each.card.profile == chain.profile.name]
        passed = [each.card for each in ours if each.status == "challenger"]
        if not passed:
            missed = "; ".join(finding for each in ours for finding in registry.missed(each.card))
            raise NoChampion(
                f"no model has passed its gates ({missed or 'none is trained'}): look at its metrics with "
                "`churn-assets models`; `churn-assets promote VERSION --force --reason TEXT` overrides the gates"
            )
        reason = work.reason or "the first model that passed its gates"
        registry.promote(passed[-1].model_version, actor=work.actor, reason=reason, first=True)
    promotions = registry.promotions.rows()
    newest = promotions[-1]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(promotions),
            "model_version": newest["to_version"],
            "promoted_at": newest["promoted_at"].isoformat(),
            "actor": newest["actor"],
            "reason": newest["reason"],
            "dagster/column_schema": column_schema(PROMOTIONS),
        },
        data_version=dg.DataVersion(newest["to_version"]),
    )
