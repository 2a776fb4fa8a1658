"""Whether a model is good enough to be promoted. Each gate has the name of its key under `gates:`."""

from churn_assets.core.evaluation.results import Comparison, Evidence, Gate, Metrics
from churn_assets.core.options import GateBounds

__all__ = ["gate_names", "judge"]

UNDERSAMPLED_ERROR = 0.25  # always holds after undersampling, which a wrong correction makes half as much or more


def judge(evidence: Evidence, bounds: GateBounds) -> list[Gate]:
    """Every gate, met or missed, with the number and the bound."""
    if evidence.metrics is None:
        names = gate_names(bounds, undersampled=evidence.undersampled)
        return [_gate(name, "no outcome is known yet: not judged", passed=True) for name in names]
    return [
        *_enough(evidence.metrics, bounds),
        *_ranking(evidence.metrics, bounds),
        *_calibration(evidence, evidence.metrics, bounds),
        *_leaks(evidence, evidence.metrics, bounds),
        *_comparisons(evidence, bounds),
        *_slices(evidence, bounds),
        *_reproducible(evidence, bounds),
        *_hidden(evidence, bounds),
    ]


def gate_names(bounds: GateBounds, *, undersampled: bool) -> list[str]:
    """The gates that `judge` looks at under these bounds; one more where a model learns from undersampled rows."""
    nothing = Metrics(
        rows=1, churners=0, roc_auc=0, average_precision=0, brier=0, calibration_error=0, calibration_chance=0
    )
    return [gate.name for gate in judge(Evidence(metrics=nothing, undersampled=undersampled), bounds)]


def _gate(name: str, finding: str, *, passed: bool, value: float | None = None, bound: float | None = None) -> Gate:
    key = f" (gates.{name})" if name in GateBounds.model_fields else ""
    return Gate(name=name, passed=passed, finding=finding + key, value=value, bound=bound)


def _enough(metrics: Metrics, bounds: GateBounds) -> list[Gate]:
    rows, churners = bounds.min_rows, bounds.min_churners
    return [
        _gate(
            "min_rows",
            f"{metrics.rows} customers with a known outcome, at least {rows} wanted",
            passed=metrics.rows >= rows,
            value=metrics.rows,
            bound=rows,
        ),
        _gate(
            "min_churners",
            f"{metrics.churners} of them churned, at least {churners} wanted",
            passed=metrics.churners >= churners,
            value=metrics.churners,
            bound=churners,
        ),
    ]


def _ranking(metrics: Metrics, bounds: GateBounds) -> list[Gate]:
    wanted = bounds.min_average_precision
    precision = metrics.average_precision
    return [
        _gate(
            "min_roc_auc",
            f"ROC-AUC {metrics.roc_auc:.4f}, at least {bounds.min_roc_auc:g} wanted",
            passed=metrics.roc_auc >= bounds.min_roc_auc,
            value=metrics.roc_auc,
            bound=bounds.min_roc_auc,
        ),
        _gate(
            "min_average_precision",
            f"average precision {precision:.4f}, above the base rate {metrics.base_rate:.4f} "
            f"and at least {wanted:g} wanted",
            passed=precision > metrics.base_rate and precision >= wanted,
            value=precision,
            bound=max(wanted, metrics.base_rate),
        ),
    ]


def _calibration(evidence: Evidence, metrics: Metrics, bounds: GateBounds) -> list[Gate]:
    gates = []
    if bounds.brier_below_base_rate:
        gates.append(
            _gate(
                "brier_below_base_rate",
                f"Brier {metrics.brier:.4f}, below the base rate's {metrics.base_rate_brier:.4f} wanted",
                passed=metrics.brier < metrics.base_rate_brier,
                value=metrics.brier,
                bound=metrics.base_rate_brier,
            )
        )
    share = bounds.max_calibration_error
    if evidence.undersampled:
        share = min(share or UNDERSAMPLED_ERROR, UNDERSAMPLED_ERROR)
    if share is not None:
        most = share * metrics.base_rate + metrics.calibration_chance
        gates.append(
            _gate(
                "max_calibration_error",
                f"calibration error {metrics.calibration_error:.4f}, at most {most:.4f} wanted, "
                f"{share:g} of the base rate and {metrics.calibration_chance:.4f} that chance alone gives",
                passed=metrics.calibration_error <= most,
                value=metrics.calibration_error,
                bound=most,
            )
        )
    return gates


def _leaks(evidence: Evidence, metrics: Metrics, bounds: GateBounds) -> list[Gate]:
    gates = []
    if (most := bounds.max_feature_roc_auc) is not None:
        strongest = max(evidence.strongest_roc_auc, evidence.strongest_pair_roc_auc)
        finding = f"{evidence.strongest_feature or 'no feature'} alone reaches ROC-AUC {evidence.strongest_roc_auc:.4f}"
        if evidence.strongest_pair:
            pair = " and ".join(evidence.strongest_pair)
            finding += f", {pair} together {evidence.strongest_pair_roc_auc:.4f}"
        gates.append(
            _gate(
                "max_feature_roc_auc",
                f"{finding}, at most {most:g} wanted: more looks like knowledge of the outcome",
                passed=strongest <= most,
                value=strongest,
                bound=most,
            )
        )
    if (most := bounds.max_roc_auc) is not None:
        gates.append(
            _gate(
                "max_roc_auc",
                f"ROC-AUC {metrics.roc_auc:.4f}, at most {most:g} wanted: more is too good to be true; look at the "
                "strongest features on the model's card, and whether a column is filled after the customer left",
                passed=metrics.roc_auc <= most,
                value=metrics.roc_auc,
                bound=most,
            )
        )
    return gates


def _comparisons(evidence: Evidence, bounds: GateBounds) -> list[Gate]:
    gates = []
    if (loss := bounds.max_roc_auc_loss) is not None:
        finding, passed, baseline = evidence.uncompared, True, evidence.comparison
        if baseline is not None:
            finding = f"{_difference(baseline)}, at most {loss:g} less wanted"
            # proven to lose less than that; or it does not lose more, and chance explains what it loses
            passed = baseline.interval.low >= -loss or (baseline.difference >= -loss and baseline.interval.high >= 0)
        lost = -baseline.difference if baseline else None
        gates.append(_gate("max_roc_auc_loss", finding, passed=passed, value=lost, bound=loss if baseline else None))
    rules = evidence.rules
    nothing = "these are the rules" if evidence.is_rules else "the profile has no rules to beat"
    finding = f"{_difference(rules)}, more wanted" if rules else nothing
    gained, wanted = (rules.difference, 0.0) if rules else (None, None)
    gates.append(
        _gate("beats_rules", finding, passed=rules is None or rules.difference > 0, value=gained, bound=wanted)
    )
    return gates


def _difference(comparison: Comparison) -> str:
    return (
        f"ROC-AUC {comparison.difference:+.4f} {comparison.interval} against {comparison.roc_auc:.4f} "
        f"of {comparison.words}, on {comparison.rows} customers"
    )


def _reproducible(evidence: Evidence, bounds: GateBounds) -> list[Gate]:
    if not bounds.reproducible:
        return []
    finding = {
        None: "the same bits in every fit: known of this estimator, or nothing is fitted here",
        True: "two fits of the same rows give the same probabilities, bit by bit",
        False: "two fits of the same rows give other probabilities: fix the estimator's seed and its threads",
    }[evidence.reproducible]
    return [_gate("reproducible", finding, passed=evidence.reproducible is not False)]


def _slices(evidence: Evidence, bounds: GateBounds) -> list[Gate]:
    gates = []
    large = [each for each in evidence.slices if each.is_large]
    if (least := bounds.min_slice_roc_auc) is not None:
        low = [f"{s.column} {s.value} {s.roc_auc:.4f}" for s in large if s.roc_auc is not None and s.roc_auc < least]
        worst = min((s.roc_auc for s in large if s.roc_auc is not None), default=None)
        finding = f"ROC-AUC of each group at least {least:g} wanted; below: {', '.join(low) or 'none'}"
        gates.append(_gate("min_slice_roc_auc", finding, passed=not low, value=worst, bound=least))
    if (least := bounds.min_disparate_impact) is not None:
        low = [
            f"{s.column} {s.value} {s.disparate_impact:.2f}"
            for s in large
            if s.disparate_impact is not None and s.disparate_impact < least
        ]
        worst = min((s.disparate_impact for s in large if s.disparate_impact is not None), default=None)
        finding = (
            f"selection rate of each group at least {least:g} of the highest wanted; below: {', '.join(low) or 'none'}"
        )
        gates.append(_gate("min_disparate_impact", finding, passed=not low, value=worst, bound=least))
    return gates


def _hidden(evidence: Evidence, bounds: GateBounds) -> list[Gate]:
    if (most := bounds.max_hidden_share) is None:
        return []
    share = evidence.hidden_share
    if share is None:
        return [_gate("max_hidden_share", "its scores are not explained: nothing is hidden", passed=True)]
    finding = f"{share:.1%} of what moves a customer is never shown as a reason, at most {most:.1%} wanted"
    return [_gate("max_hidden_share", finding, passed=share <= most)]
