"""Model versions, and the append-only records of how they were judged and promoted."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

from churn_assets.core.card import ModelCard
from churn_assets.core.columns import EVALUATIONS, PROMOTIONS
from churn_assets.core.errors import InputError, NoChampion, RunError, UnknownVersion
from churn_assets.core.gates import judge
from churn_assets.core.options import GateBounds
from churn_assets.storage.layout import Layout
from churn_assets.storage.ledger import Ledger, Row
from churn_assets.storage.models import ModelStore

__all__ = ["Registered", "Registry", "Status"]

Status = Literal["champion", "challenger", "rejected", "retired"]


@dataclass(frozen=True)
class Registered:
    """A model version and where it stands."""

    card: ModelCard
    status: Status

    def row(self) -> dict[str, Any]:
        """The line that a list of models shows."""
        return {
            "model_version": self.card.model_version,
            "trained_as_of": self.card.trained_as_of,
            "status": self.status,
            "train_rows": self.card.train_rows,
            "holdout_rows": self.card.metrics.rows,
            "roc_auc": self.card.metrics.roc_auc,
            "average_precision": self.card.metrics.average_precision,
            "brier": self.card.metrics.brier,
        }


class Registry:
    """Which models there are, and which one's scores are published."""

    def __init__(self, layout: Layout, gates: GateBounds | None = None) -> None:
        """Below `layout`; a model is rejected by `gates`, by those of its training where None."""
        self.gates = gates
        self.models = ModelStore(layout.models)
        self.promotions = Ledger(layout.table("promotions"), PROMOTIONS)
        self.evaluations = Ledger(layout.table("evaluations"), EVALUATIONS)

    def champion(self) -> str:
        """The model version whose scores are published.

        Raises:
            NoChampion: none has been promoted.
        """
        champion = _champion(self.promotions.rows())
        if champion is None:
            raise NoChampion(
                "no model has been promoted yet: `churn-assets run` trains the first one, and "
                "`churn-assets promote VERSION --reason TEXT` makes a model champion"
            )
        return champion

    def has_champion(self) -> bool:
        """Whether any model was ever promoted."""
        return bool(self.promotions.rows())

    def registered(self) -> list[Registered]:
        """Every version with its status, oldest training day first."""
        promotions = self.promotions.rows()
        champion = _champion(promotions)
        once = {row["to_version"] for row in promotions}

        def status(card: ModelCard) -> Status:
            if card.model_version == champion:
                return "champion"
            if card.model_version in once:
                return "retired"
            return "rejected" if self.missed(card) else "challenger"

        return [Registered(card, status(card)) for card in map(self.models.card, self.models.versions())]

    def missed(self, card: ModelCard) -> list[str]:
        """What a model misses of the gates in force, in words."""
        if self.gates is None:
            return card.missed
        return [gate.finding for gate in judge(card.metrics, self.gates) if not gate.passed]

    def newest_as_of(self, day: dt.date) -> str:
        """The newest version that was trained as of `day` or before and was not rejected.

        Raises:
            UnknownVersion: there is none.
        """
        allowed = [
            each.card for each in self.registered() if each.card.trained_as_of <= day and each.status != "rejected"
        ]
        if not allowed:
            raise UnknownVersion(f"no model was trained as of {day} or before; `churn-assets train --as-of {day}`")
        return max(allowed, key=lambda card: (card.trained_as_of, card.model_version)).model_version

    def promote(self, version: str, *, actor: str, reason: str, force: bool = False, first: bool = False) -> Row | None:
        """Record that `version` is champion from now on.

        Args:
            version: a model version.
            actor: who promotes.
            reason: why.
            force: also when it missed its gates.
            first: only where there is no champion yet; None is given back where there is one.

        Raises:
            UnknownVersion: no such version.
            InputError: it missed its gates, or is champion already.
            RunError: somebody else promoted a model at the same time.
        """
        card = self.models.card(version)
        missed = self.missed(card)
        if missed and not force:
            raise InputError(f"model {version} missed its gates: {'; '.join(missed)}; --force promotes it anyway")
        seen = _champion(self.promotions.rows())
        if first and seen is not None:
            return None
        if seen == version:
            raise InputError(f"model {version} is champion already")

        def record(rows: list[Row]) -> Row | None:
            if first and rows:
                return None
            if _champion(rows) != seen:
                raise RunError(
                    f"model {_champion(rows)} was promoted just now; nothing was changed: look, and try again"
                )
            return {
                "promoted_at": dt.datetime.now(dt.UTC),
                "from_version": seen,
                "to_version": version,
                "actor": actor,
                "reason": reason,
                "forced": bool(missed),
            }

        return self.promotions.append(record)


def _champion(promotions: list[Row]) -> str | None:
    return str(promotions[-1]["to_version"]) if promotions else None
