"""What the watching of drift finds of planted shifts, on which day, and how often it cries wolf on quiet days.

    python benchmarks/watching.py WORK_FOLDER [--customers 6000] [--days 60]

The simulated subscription business, whose first model is trained as of the first watched day. Its exports never say
`partner`, so that this is a new category later. After the quiet days one more is scored several times, each time with
one shift in its export, as a person would who accepts what the audit of the night stops. At last it tells outcomes that
are turned: of those who were at the highest risk a horizon before, who had left is there, and as many of those at the
lowest are gone.
"""

import argparse
import dataclasses
import datetime as dt
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import machine

from churn_assets.composition import build_chain
from churn_assets.core.alerting.alerts import night_alerts
from churn_assets.core.errors import AuditFailed
from churn_assets.pipeline.alerting.facts import night_facts
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.pipeline.features import featurize_customers
from churn_assets.pipeline.monitoring.drift import watch_features, watch_scores
from churn_assets.pipeline.monitoring.outcomes import days_told, record_outcomes
from churn_assets.pipeline.monitoring.realized import judge_day
from churn_assets.pipeline.scoring.score import ScoreOptions, score_customers
from churn_assets.pipeline.training.train import train_model
from churn_assets.samples.writer import write_sample
from churn_assets.settings import load_settings

LAST = dt.date(2026, 6, 30)
HISTORY_DAYS = 150
SEED = 7
RUN = RunContext("a benchmark", reason="a benchmark")
NEW_SHARE = 0.05
NULL_SHARE = 0.2
TURNED_SHARE = 0.1

Shift = Callable[[pd.DataFrame, np.random.Generator], None]


def scaled(customers: pd.DataFrame, _: np.random.Generator) -> None:
    """One number comes in another unit."""
    customers["spend"] = customers["spend"] * 1.5


def new_category(customers: pd.DataFrame, rng: np.random.Generator) -> None:
    """A word that was never there."""
    customers["channel"] = customers["channel"].mask(rng.random(len(customers)) < NEW_SHARE, "partner")


def nulls(customers: pd.DataFrame, rng: np.random.Generator) -> None:
    """A column loses values."""
    customers["satisfaction"] = customers["satisfaction"].mask(rng.random(len(customers)) < NULL_SHARE)


SHIFTS: dict[str, Shift] = {
    "`spend` times 1.5": scaled,
    "a new category of `channel` on 5 % of the rows": new_category,
    "`satisfaction` missing on 20 % of the rows": nulls,
}


def main() -> None:
    """Print a line for each alarm of a quiet day, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="an empty folder")
    parser.add_argument("--customers", type=int, default=6_000)
    parser.add_argument("--days", type=int, default=60, help="quiet days")
    given = parser.parse_args()
    print(machine())
    os.environ["CHURN_DATA_DIR"] = str(given.work.absolute())
    chain = _with_champion(given.customers, given.days)
    quiet = [LAST - dt.timedelta(days=back) for back in range(given.days, 0, -1)]
    alarms = [f"{day}: {found}" for day in quiet for found in _night(chain, day)[1]]
    print(*alarms, sep="\n")
    rows = [f"| {given.days} quiet days | {len(alarms)} false alarms | |", *_planted(chain)]
    print("| planted | found on the day by the watching | the audit of the night |\n|---|---|---|", *rows, sep="\n")


def _with_champion(customers: int, days: int) -> Chain:
    """A chain over the sample with a model as of the first quiet day."""
    settings = load_settings()
    write_sample(settings, customers, HISTORY_DAYS + days, LAST, SEED)
    chain = build_chain(settings)
    for day in chain.source.days():
        path = _export(chain, day)
        frame = pd.read_parquet(path)
        frame["channel"] = frame["channel"].mask(frame["channel"] == "partner", "organic")
        frame.to_parquet(path, index=False)
    model = train_model(chain, LAST - dt.timedelta(days=days), RUN).card.model_version
    chain.registry.promote(model, actor="a benchmark", reason="the first", force=True)
    return chain


def _planted(chain: Chain) -> Iterator[str]:
    """The last day with each shift in turn."""
    path = _export(chain, LAST)
    untouched = pd.read_parquet(path)
    for name, shift in SHIFTS.items():
        customers = untouched.copy()
        shift(customers, np.random.default_rng(SEED))
        customers.to_parquet(path, index=False)
        stopped, found = _night(chain, LAST)
        yield f"| {name} | {'; '.join(found) or 'nothing'} | {'stops it' if stopped else 'passes'} |"
    _turned(chain, untouched).to_parquet(path, index=False)
    stopped, found = _night(chain, LAST)
    yield f"| outcomes turned | {'; '.join(found) or 'nothing'} | {'stops it' if stopped else 'passes'} |"


def _turned(chain: Chain, now: pd.DataFrame) -> pd.DataFrame:
    """The last export with those back who were at the highest risk and left, and as many at the lowest risk gone."""
    day = LAST - chain.profile.label.horizon
    then = pd.read_parquet(_export(chain, day))
    scores = chain.scores.version(day).read(["customer_id", "churn_probability"]).to_pandas()
    ranked = scores.sort_values("churn_probability")["customer_id"]
    riskiest = ranked.tail(int(len(ranked) * TURNED_SHARE))
    left = then[then["customer_id"].isin(riskiest) & ~then["customer_id"].isin(now["customer_id"])]
    stayed = ranked[ranked.isin(now["customer_id"])].head(len(left))
    return pd.concat([now[~now["customer_id"].isin(stayed)], left], ignore_index=True)


def _night(chain: Chain, day: dt.date) -> tuple[bool, list[str]]:
    """Whether the audit stopped the day, and what was found of it once that was accepted."""
    land_customers(chain, day, RUN)
    validate_customers(chain, day, RUN)
    featurize_customers(chain, day, RUN)
    stopped = False
    try:
        score_customers(chain, day, ScoreOptions(), RUN)
    except AuditFailed:
        stopped = True
        score_customers(chain, day, ScoreOptions(accept_shift=True), RUN)
    features, scores = watch_features(chain, day, RUN), watch_scores(chain, day, RUN)
    found = [
        f"{each.severity}: {each.feature} {each.measure} {each.number:.3f} above {each.bound:.3f}"
        for drift in features.drifts
        for each in drift.findings
        if each.severity != "ok"
    ]
    found += [
        f"{each.severity}: scores to {each.against} {each.psi:.3f} above {each.bound:.3f}"
        for each in scores.drifts
        if each.severity != "ok"
    ]
    for told in days_told(chain, day):
        record_outcomes(chain, told, RUN)
        judge_day(chain, told, RUN)
    facts = dataclasses.replace(night_facts(chain, day), feature_drift=(), score_drift=())  # told above
    return stopped, found + [f"{each.severity}: {each.sentence}" for each in night_alerts(facts)]


def _export(chain: Chain, day: dt.date) -> Path:
    [file] = chain.source.files(day)
    return file.path


if __name__ == "__main__":
    main()
