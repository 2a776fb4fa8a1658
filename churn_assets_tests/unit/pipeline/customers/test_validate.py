"""Rows of a day are split part by part, and repeated ids are found wherever they stand."""

import datetime as dt
from pathlib import Path

import pytest

from churn_assets.core.options import Validation
from churn_assets.core.table_schemas import FAULTS
from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.customers import land as landing
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.storage.tables import parquet
from churn_assets_tests.chains import chain_over, export
from churn_assets_tests.factories import member_columns

DAY = dt.date(2026, 3, 31)
WORK = RunContext("tester")
RUNS = [("within a batch", 0, 2), ("over batches", 1, 2), ("over parts", 3, 2), ("over whole parts", 2, 11)]


@pytest.mark.parametrize(("start", "length"), [case[1:] for case in RUNS], ids=[case[0] for case in RUNS])
def test_every_row_of_a_repeated_id_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, length: int
) -> None:
    """In parts of four rows and batches of two, no row of a run is valid, however far it reaches; every other is."""
    monkeypatch.setattr(parquet, "BATCH_ROWS", 2)
    monkeypatch.setattr(landing, "PART_ROWS", 4)
    ids = member_columns(16)["customer_id"]
    run = [ids[start]] * length
    export(tmp_path, DAY, 16, customer_id=[*ids[:start], *run, *ids[start + length :]])
    chain = chain_over(tmp_path, validation=Validation(max_quarantined_share=1.0))
    land_customers(chain, DAY, WORK)

    validate_customers(chain, DAY, WORK)

    aside = chain.quarantined.version(DAY).read()
    assert len(chain.raw.version(DAY).files) == 4
    assert aside.column("customer_id").to_pylist() == run
    assert {fault["check"] for faults in aside.column(FAULTS).to_pylist() for fault in faults} == {"unique"}
    assert chain.customers.version(DAY).read().column("customer_id").to_pylist() == [
        *ids[:start],
        *ids[start + length :],
    ]
