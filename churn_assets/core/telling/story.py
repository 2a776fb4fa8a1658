"""A traced score as a person reads it: what came out, why, by which model, from which row, by whom."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

__all__ = ["story"]

SHOWN = 6  # features of the customer
LISTED = 3  # reasons, and source files
NO_REASONS = "no reasons are published for this customer and day"


def story(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Headings and sentences, about twenty, of what `trace_score` found."""
    score, card = origin["score"], origin["model"]
    row = score["row"]
    return [
        ("Customer", f"{origin['customer_id']}, as of the end of {origin['snapshot_date']}"),
        ("Score", f"{row['churn_probability']:.4f} probability of churn ({card['label']})"),
        ("Decision", f"tier {row['risk_tier']}, action {row['action']}"),
        *_why(origin),
        *_model(card, score),
        *_row(origin),
        *_published(origin),
    ]


def _why(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The published reasons; where there are none, the customer's values of what the model leans on with everybody."""
    if reasons := origin["reasons"]:
        start = ("Starts at", f"{origin['base_value']:+.2f} in log-odds, the model's average customer")
        return [*(("Why", _reason(each)) for each in reasons[:LISTED]), start]
    values = origin["features"]["row"] or origin["customer"]["row"]
    strongest = [name for name in origin["model"]["importance"] if name in values][:SHOWN]
    seen = ", ".join(f"{name} {_short(values[name])}" for name in strongest)
    expired = origin.get("reasons_expired")
    absence = f"the reasons of this version expired on {expired:%Y-%m-%d}" if expired else NO_REASONS
    return [
        ("Why", absence),
        *([("Leans most on", f"{seen} (with everybody, by what a shuffle of it costs)")] if seen else []),
    ]


def _reason(each: Mapping[str, Any]) -> str:
    return f"{each['sentence']} ({each['family']}: {each['contribution']:+.2f} in log-odds)"


def _model(card: Mapping[str, Any], score: Mapping[str, Any]) -> list[tuple[str, str]]:
    metrics, learnt = card["metrics"], card["training_dates"]
    known = ": it knew more than that day did" if score["hindsight"] else ""
    lines = [
        ("Model", f"{card['model_version']}, {card['chosen']['estimator']}"),
        ("Trained as of", f"{card['trained_as_of']}{known}"),
    ]
    if card["imported"]:
        lines.append(("Made elsewhere", f"{card['imported']['file']}: {card['imported']['reason']}"))
    if learnt:
        days = f"{len(learnt)} days, {min(learnt)} to {max(learnt)}" if len(learnt) > 1 else learnt[0]
        lines.append(("Learnt from", f"{card['train_rows']:,} rows, {card['train_churners']:,} churned; {days}"))
    if metrics:
        quality = f"ROC-AUC {metrics['roc_auc']:.4f}{_interval(card)}, Brier {metrics['brier']:.4f}"
        lines += [
            ("How good", quality),
            ("Judged on", f"{metrics['rows']:,} customers of {card['backtest_date']}, {metrics['churners']:,} churned"),
        ]
    else:
        lines.append(("How good", "no outcome was known when it was made"))
    return lines


def _interval(card: Mapping[str, Any]) -> str:
    given = card["intervals"].get("roc_auc")
    return f" [{given['low']:.4f}, {given['high']:.4f}]" if given else ""


def _row(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    files = origin["source"]["files"]
    named = [f"{each['path']} (SHA-256 {str(each['sha256'])[:12]})" for each in files[:LISTED]]
    more = [f"and {len(files) - LISTED} more files"] if len(files) > LISTED else []
    computed = origin["features"]["version"] or "computed from the customer's row"
    return [
        ("Features", computed),
        ("Valid row", f"customers {origin['customer']['version']}"),
        ("Raw row", f"raw_customers {origin['raw']['version']}, landed {_when(origin['raw']['published_at'])}"),
        *[("Source", each) for each in [*named, *more]],
    ]


def _published(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    score = origin["score"]
    pinned = f", of a model that was asked for: {score['pinned']}" if score.get("pinned") else ""
    return [
        ("Published", f"{_when(score['published_at'])} by {score['actor']}{pinned}"),
        (
            "Version",
            f"{score['version']}, code {score['code_revision'][:12]}, run {score['run_id'] or 'none'}",
        ),
    ]


def _when(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _short(value: Any) -> str:
    if value is None:
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
