"""Who becomes champion where nobody says so, and what serves where no model passes its gates."""

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass

from churn_assets.core.errors import ChurnError, NoChampion
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.storage.models.registry import Registered, Registry

__all__ = ["PromotionRequest", "promote", "promote_first"]

FALLBACK = "fallback: "


@dataclass(frozen=True)
class PromotionRequest:
    """What to promote.

    Where nothing is named and there is no champion, or only the fallback: the newest model that passed
    its gates; else the configured fallback, as of `as_of`. Where it is to be the `first`, a champion that is there
    already stays.
    """

    model_version: str | None = None
    reason: str = ""
    force: bool = False
    first: bool = False
    as_of: dt.date | None = None


def promote(chain: Chain, request: PromotionRequest, run: RunContext) -> None:
    """See that there is a champion, the requested one where one is named.

    Raises:
        NoChampion: nothing may serve.
        InputError, UnknownVersion: the model that was named may not.
    """
    registry = chain.registry
    if request.model_version:
        reason = request.reason or run.reason
        registry.promote(
            request.model_version, actor=run.actor, reason=reason, force=request.force, first=request.first
        )
        return
    if registry.has_champion() and not _fallback_serves(registry):
        return
    if promote_first(chain, run) or registry.has_champion():
        return
    missed = "; ".join(f"{each.card.model_version}: {finding}" for each in _ours(chain) for finding in each.missed)
    if chain.gates.fallback == "none" or request.as_of is None:
        raise NoChampion(
            f"no model has passed its gates ({missed or 'none is trained'}): look at its metrics with "
            "`churn-assets models`; `churn-assets promote VERSION --force --reason TEXT` overrides the gates"
        )
    _promote_rules(chain, request.as_of, run, request.reason or missed or "no model could be trained")


def promote_first(chain: Chain, run: RunContext) -> bool:
    """Promote the newest trained model that passed its gates, where no trained model is champion yet."""
    passed = [each for each in _ours(chain) if each.status == "challenger" and not each.card.is_rules]
    if not passed:
        return False
    newest = max(passed, key=lambda each: (each.card.trained_as_of, each.card.model_version)).card.model_version
    first = not chain.registry.has_champion()
    reason = run.reason or ("the first model that passed its gates" if first else "it takes over from the fallback")
    chain.registry.promote(newest, actor=run.actor, reason=reason, first=first)
    return True


def _promote_rules(chain: Chain, as_of: dt.date, run: RunContext, why: str) -> None:
    """The configured fallback: a person decided in advance that rules serve rather than nothing."""
    from churn_assets.pipeline.training.train import train_model, with_rules  # noqa: PLC0415  # loads all of scikit-learn

    version = train_model(with_rules(chain), as_of, run).card.model_version
    logger.warning("%s: the rules %s serve as the fallback: %s", as_of, version, why)
    chain.registry.promote(version, actor=run.actor, reason=FALLBACK + why, force=True, first=True)


def _fallback_serves(registry: Registry) -> bool:
    """Whether rules are champion because nothing better was there, and not because a person wanted them."""
    newest = registry.promotions.rows()[-1]
    with suppress(ChurnError):  # a champion whose folder is gone is no fallback
        return registry.models.card(newest["to_version"]).is_rules and str(newest["reason"]).startswith(FALLBACK)
    return False


def _ours(chain: Chain) -> list[Registered]:
    return [each for each in chain.registry.registered() if each.card.profile == chain.profile.name]
