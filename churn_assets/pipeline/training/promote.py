"""The champion: whose scores are published, since when, by whom and why; and what serves where no model passes."""

import datetime as dt
from contextlib import suppress

import dagster as dg

from churn_assets.assets.promotion_log import record_of_promotions
from churn_assets.assets.results import StageResult, as_dagster_failure, run_context
from churn_assets.core.errors import ChurnError, NoChampion
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.training.history import Report
from churn_assets.storage.models.registry import Registered, Registry

__all__ = ["PromotionConfig", "promote_first", "promotion_assets"]

FALLBACK = "fallback: "


class PromotionConfig(dg.Config):
    """What to promote.

    Where nothing is named and there is no champion, or only the fallback: the newest model that passed
    its gates; else the configured fallback, as of `as_of`, the run's partition where null.
    """

    model_version: str | None = None
    reason: str = ""
    force: bool = False
    as_of: str | None = None


def promotion_assets(chain: Chain) -> list[dg.AssetsDefinition]:
    """`champion`."""

    @dg.asset(
        deps=["churn_model"],
        group_name="training",
        kinds={"delta"},
        owners=["team:data-science"],
        description="The record of promotions: whose scores are published, since when, by whom and why; and what "
        "changed from one champion to the next.",
    )
    def champion(context: dg.AssetExecutionContext, config: PromotionConfig) -> dg.MaterializeResult:
        work = run_context(context, chain)
        as_of = config.as_of or context.run.tags.get("dagster/partition")

        def report(made: StageResult, day: dt.date) -> None:
            context.log_event(made.event(day.isoformat()))

        as_dagster_failure(lambda: _promote(chain, config, as_of, work, report))
        told = record_of_promotions(chain.registry)
        return dg.MaterializeResult(metadata=told, data_version=dg.DataVersion(told["model_version"]))

    return [champion]


def promote_first(chain: Chain, work: RunContext) -> bool:
    """Promote the newest trained model that passed its gates, where no trained model is champion yet."""
    passed = [each for each in _ours(chain) if each.status == "challenger" and not each.card.is_rules]
    if not passed:
        return False
    newest = max(passed, key=lambda each: (each.card.trained_as_of, each.card.model_version)).card.model_version
    first = not chain.registry.has_champion()
    reason = work.reason or ("the first model that passed its gates" if first else "it takes over from the fallback")
    chain.registry.promote(newest, actor=work.actor, reason=reason, first=first)
    return True


def _promote(chain: Chain, config: PromotionConfig, as_of: str | None, work: RunContext, report: Report) -> None:
    registry = chain.registry
    if config.model_version:
        reason = config.reason or work.reason
        registry.promote(config.model_version, actor=work.actor, reason=reason, force=config.force)
        return
    if registry.has_champion() and not _fallback_serves(registry):
        return
    if promote_first(chain, work) or registry.has_champion():
        return
    missed = "; ".join(f"{each.card.model_version}: {finding}" for each in _ours(chain) for finding in each.missed)
    if chain.gates.fallback == "none" or as_of is None:
        raise NoChampion(
            f"no model has passed its gates ({missed or 'none is trained'}): look at its metrics with "
            "`churn-assets models`; `churn-assets promote VERSION --force --reason TEXT` overrides the gates"
        )
    why = config.reason or missed or "no model could be trained"
    _promote_rules(chain, dt.date.fromisoformat(as_of), work, report, why)


def _promote_rules(chain: Chain, as_of: dt.date, work: RunContext, report: Report, why: str) -> None:
    """The configured fallback: a person decided in advance that rules serve rather than nothing."""
    from churn_assets.pipeline.training.train import train_model, with_rules  # noqa: PLC0415  # loads all of scikit-learn

    version = train_model(with_rules(chain), as_of, work, report).card.model_version
    logger.warning("%s: the rules %s serve as the fallback: %s", as_of, version, why)
    chain.registry.promote(version, actor=work.actor, reason=FALLBACK + why, force=True, first=True)


def _fallback_serves(registry: Registry) -> bool:
    """Whether rules are champion because nothing better was there, and not because a person wanted them."""
    newest = registry.promotions.rows()[-1]
    with suppress(ChurnError):  # a champion whose folder is gone is no fallback
        return registry.models.card(newest["to_version"]).is_rules and str(newest["reason"]).startswith(FALLBACK)
    return False


def _ours(chain: Chain) -> list[Registered]:
    return [each for each in chain.registry.registered() if each.card.profile == chain.profile.name]
