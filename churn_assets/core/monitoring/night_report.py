"""A night as a person reads it: how many are at risk, whether all is in order, by which model; Markdown."""

import datetime as dt
from collections.abc import Mapping, Sequence

from churn_assets.core.models.card_markdown import markdown_table
from churn_assets.core.monitoring.night_facts import Drift, NightFacts
from churn_assets.core.monitoring.performance.verdict import Verdict

__all__ = ["TREND_DAYS", "headline", "night_page"]

TREND_DAYS = 30
LISTED = 5
BARS = "▁▂▃▄▅▆▇█"
WORDS = {"high": "High risk", "medium": "Medium risk", "low": "Low risk"}


def night_page(
    night: NightFacts,
    before: NightFacts | None,
    trend: Mapping[dt.date, float],
    drift: Drift | None,
    verdict: Verdict,
    *,
    picture: str,
) -> str:
    """The report of a night; the same facts give the same text.

    Args:
        night: what it came to.
        before: likewise the last scored day, None where there is none.
        trend: the share at high risk of the last days, the night's own among them, in order.
        drift: what the watching says, None where it has not looked.
        verdict: whether its model is still good.
        picture: the name of the picture that lies beside the text.
    """
    lines = [
        f"# Night of {night.snapshot_date}",
        f"**{headline(night, before)}.**",
        _table(night, before),
        f"![{_alt_text(night, before)}]({picture})",
        "\n".join(f"- **{name}**: {words}" for name, words in _points(night, trend, drift, verdict)),
        _versions(night),
    ]
    return "\n\n".join(lines) + "\n"


def headline(night: NightFacts, before: NightFacts | None) -> str:
    """The night in a sentence."""
    high = night.tiers.get("high", 0)
    change = f", {_compared(high - before.tiers.get('high', 0))} on {before.snapshot_date}" if before else ""
    return f"{night.customers:,} customers scored, {high:,} at high risk ({night.high_share:.1%}){change}"


def _table(night: NightFacts, before: NightFacts | None) -> str:
    headings = ["", "Customers", "Share", *([f"Change since {before.snapshot_date}"] if before else [])]
    then = {**before.tiers, "all": before.customers} if before else {}
    rows = [
        [
            words,
            f"{now:,}",
            f"{now / max(night.customers, 1):.1%}",
            *([_change(now - then.get(tier, 0))] if before else []),
        ]
        for tier, words, now in (
            *((tier, words, night.tiers.get(tier, 0)) for tier, words in WORDS.items()),
            ("all", "All", night.customers),
        )
    ]
    mean = ["Mean probability", "", f"{night.mean_probability:.2%}"]
    if before:
        mean.append(f"{100 * (night.mean_probability - before.mean_probability):+.2f} points")
    return markdown_table(headings, [*rows, mean])


def _points(
    night: NightFacts, trend: Mapping[dt.date, float], drift: Drift | None, verdict: Verdict
) -> list[tuple[str, str]]:
    actions = ", ".join(f"{rows:,} {name}" for name, rows in night.actions.items())
    points = [("Actions", actions), ("Quarantined", _quarantined(night)), ("Model", _model(night))]
    if night.excluded is not None:
        points.insert(2, ("Not scored", f"{night.excluded:,} on the do-not-score list"))
    if night.audited is not None:
        points.append(("Audit", _audit(night)))
    if drift is not None:
        features = f", most in {_listed(drift.features)}" if drift.features else ""
        points.append(("Drift", f"{drift.severity}{features}"))
    points.append(("Still good", verdict.sentence))
    if len(trend) > 1:
        points.append((f"High risk, last {TREND_DAYS} days", _trend(list(trend.values()))))
    return points


def _quarantined(night: NightFacts) -> str:
    raw = night.customers + night.quarantined + (night.excluded or 0)
    if not night.quarantined:
        return f"none of {raw:,} rows"
    reasons = _listed([f"`{name}` {rows:,}" for name, rows in night.faults.items()])
    return f"{night.quarantined:,} of {raw:,} rows ({night.quarantined / raw:.1%}): {reasons}"


def _model(night: NightFacts) -> str:
    words = night.model_version
    if night.trained_as_of is not None:
        age = (night.snapshot_date - night.trained_as_of).days
        words += f", trained as of {night.trained_as_of}" + (f", {_days(age)} before" if age >= 0 else "")
    if night.hindsight:
        words += "; it knew more than the day (hindsight)"
    if night.is_fallback:
        words += "; these are rules, for want of a trained model"
    others = [f"{name} for {rows:,} customers" for name, rows in night.models.items() if name != night.model_version]
    return words + (f"; canary {', '.join(others)}" if others else "")


def _audit(night: NightFacts) -> str:
    if not night.beyond:
        return f"in order, all {night.audited} figures lie within their bounds"
    verdict = "a shift was accepted" if night.accepted else "published with a warning"
    return f"{verdict}: {'; '.join(night.beyond)}"


def _trend(shares: Sequence[float]) -> str:
    low, high = min(shares), max(shares)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    bars = "".join(BARS[round((share - low) * scale)] for share in shares)
    return f"{bars} from {shares[0]:.2%} to {shares[-1]:.2%}, between {low:.2%} and {high:.2%}"


def _alt_text(night: NightFacts, before: NightFacts | None) -> str:
    beside = f" beside those of {before.snapshot_date}" if before else ""
    return f"Scores of {night.snapshot_date}{beside}, and the share at high risk over the last {TREND_DAYS} days"


def _versions(night: NightFacts) -> str:
    return f"Scores `{night.score_version}`, of customers `{night.customers_version}`."


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:LISTED]) + (f" and {len(words) - LISTED} more" if len(words) > LISTED else "")


def _compared(rows: int) -> str:
    if not rows:
        return "as many as"
    return f"{abs(rows):,} {'more' if rows > 0 else 'fewer'} than"


def _change(rows: int) -> str:
    return f"{rows:+,}" if rows else "no change"


def _days(days: int) -> str:
    return f"{days} day{'' if days == 1 else 's'}"
