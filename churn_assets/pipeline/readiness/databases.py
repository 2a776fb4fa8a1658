"""Points about what lies outside: that the source answers, and that the scores' sink holds what is published."""

import datetime as dt

from churn_assets.core.errors import SourceMissing
from churn_assets.core.readiness import Point
from churn_assets.pipeline.chain import Chain

__all__ = ["sink_point", "source_point"]


def source_point(chain: Chain, today: dt.date) -> Point:
    """Whether the source can be asked, and the newest day it holds.

    Raises:
        SourceFault: it does not answer.
    """
    source = chain.source
    yesterday = today - dt.timedelta(days=1)
    if not source.dated:
        source.files(yesterday)
        return Point("source", f"{source.template} is one export")
    try:
        days = source.days()
    except SourceMissing:  # a query that says of a named day alone whether it is there
        there = "holds" if source.has(yesterday) else "does not hold"
        return Point("source", f"{source.template} answers, and {there} {yesterday}; source.days is not set")
    if not days:
        return Point("source", f"nothing at {source.template}", "export customers there, or correct the source")
    return Point("source", f"{source.template} holds {len(days)} days, the newest {days[-1]}")


def sink_point(chain: Chain) -> Point:
    """Whether the newest scores in the configured sink are those that are published.

    Raises:
        SinkFault: it does not answer.
    """
    if chain.sink is None:
        return Point("score sink", "scores go to the tables alone")
    days = chain.scores.days()
    if not days:
        return Point("score sink", "no scores have been published", "`churn-assets run` publishes a day")
    held, published = chain.sink.version(days[-1]), chain.scores.current(days[-1])
    held = chain.scores.resolve(days[-1], held) if held else held  # an erasure takes rows, and leaves the others
    if held != published:
        found = f"{chain.sink.label} holds {f'version {held}' if held else 'nothing'} of {days[-1]}, not {published}"
        return Point("score sink", found, f"`churn-assets scores sink --date {days[-1]}` brings it")
    return Point("score sink", f"{chain.sink.label} holds the published scores of {days[-1]}")
