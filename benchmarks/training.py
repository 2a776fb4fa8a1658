"""Training on a long history: `python benchmarks/training.py WORK_FOLDER [--customers 2500000]`.

Six days hold the two training days of what is served, the two of the backtest, and the days their
outcomes are known on: four times `--customers` labelled rows. The same training runs with a bound on
its rows, and without one, which is what reading everything into memory and fitting on it costs; each
as a whole process.
"""

import argparse
import datetime as dt
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from measuring import CHURN_ASSETS, run

from churn_assets.composition import build_chain
from churn_assets.core.customers.duplicates import mark_duplicates
from churn_assets.core.customers.landing import land_batch
from churn_assets.core.customers.validation import validate
from churn_assets.core.profile_schemas import customers_schema, quarantine_schema, raw_schema
from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.customers.validate import validation_inputs
from churn_assets.pipeline.features import featurize_customers
from churn_assets.samples.simulation import simulate
from churn_assets.settings import load_settings

AS_OF = dt.date(2026, 6, 30)
NEEDED = {AS_OF - dt.timedelta(days=back) for back in (0, 7, 30, 37, 60, 67)}
HORIZON = dt.timedelta(days=30)
BASE = 250_000  # simulated customers; the others are these under other ids
SETTINGS = {"CHURN_TRAINING__WINDOW_DAYS": "7", "CHURN_TRAINING__ESTIMATOR": "hist_gradient_boosting"}


def main() -> None:
    """Prepare once, then train with a bound and without."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--customers", type=int, default=2_500_000)
    parser.add_argument("--max-rows", type=int, default=2_000_000)
    given = parser.parse_args()
    os.environ.update(SETTINGS, CHURN_DATA_DIR=str(given.work.absolute()))
    if not (given.work / "tables").is_dir():
        write_history(given.customers)
    for told, bound in {f"max_rows {given.max_rows:,}": str(given.max_rows), "all rows": "null"}.items():
        train = [CHURN_ASSETS, "train", "--as-of", str(AS_OF), "--json"]
        done = run(train, CHURN_TRAINING__MAX_ROWS=bound)
        model = json.loads(done.printed)
        print(
            f"{told}: {done.seconds:.1f} s, {done.peak:,.0f} MiB; learnt from {model['train_rows']:,} rows, judged on "
            f"{model['holdout_rows']:,}, ROC-AUC {model['roc_auc']:.4f}",
            flush=True,
        )


def write_history(customers: int) -> None:
    """The partitions that a training reads, of one simulated business; what it does not read is a stub.

    Landing and validating fifteen million rows is not what is measured here.
    """
    chain = build_chain(load_settings())
    key, profile, actor = chain.profile.id_column, chain.profile, RunContext("benchmark")
    nobody = quarantine_schema(profile).empty_table()
    for day, frame in simulate(BASE, max(AS_OF - day for day in NEEDED).days + 1, AS_OF, seed=1):
        if day not in NEEDED:
            continue
        landed = land_batch(pa.RecordBatch.from_pandas(frame, preserve_index=False), raw_schema(profile), day, "here")
        landed = landed.sort_by(key)
        [(_, repeated)] = mark_duplicates([landed], key)
        valid = validate(landed, profile, day, repeated).valid
        at = valid.schema.get_field_index(key)
        copies = (
            valid.set_column(
                at, valid.schema.field(at), pc.binary_join_element_wise(f"{copy:03d}", valid.column(at), "-")
            )
            for copy in range(-(-customers // BASE))
        )
        raw = chain.raw.write(day, raw_schema(profile), key, [landed.slice(0, 1)])
        version = chain.raw.publish(raw, None, actor.commit("land")).version
        commit = actor.commit("validate", **validation_inputs(chain, version), id_column=key)
        chain.quarantined.publish(chain.quarantined.write(day, nobody.schema, key, [nobody]), None, commit)
        chain.customers.publish(chain.customers.write(day, customers_schema(profile), key, copies), None, commit)
        if AS_OF - day >= HORIZON:
            featurize_customers(chain, day, actor)
        print(f"{day}: {chain.customers.version(day).rows:,} customers", flush=True)


if __name__ == "__main__":
    main()
