"""Whether a model is good enough to be promoted."""

from churn_assets.core.card import Gate, Metrics
from churn_assets.core.options import GateBounds

__all__ = ["gate_names", "judge"]


def judge(metrics: Metrics, bounds: GateBounds) -> list[Gate]:
    """Every gate, met or missed, with the number and the bound."""
    gates = [
        Gate(
            name="min_roc_auc",
            passed=metrics.roc_auc >= bounds.min_roc_auc,
            finding=f"ROC-AUC {metrics.roc_auc:.4f}, at least {bounds.min_roc_auc:g} wanted (gates.min_roc_auc)",
        )
    ]
    if bounds.brier_below_base_rate:
        gates.append(
            Gate(
                name="brier_below_base_rate",
                passed=metrics.brier < metrics.base_rate_brier,
                finding=f"Brier {metrics.brier:.4f}, below the base rate's {metrics.base_rate_brier:.4f} wanted "
                "(gates.brier_below_base_rate)",
            )
        )
    return gates


def gate_names(bounds: GateBounds) -> list[str]:
    """The gates that `judge` looks at under these bounds."""
    nothing = Metrics(rows=1, churners=0, roc_auc=0, average_precision=0, brier=0)
    return [gate.name for gate in judge(nothing, bounds)]
