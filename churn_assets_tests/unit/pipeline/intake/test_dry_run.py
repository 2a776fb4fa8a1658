"""A dry run tells what a night and a first training would meet, and leaves nothing behind."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from churn_assets.core.evaluation.leaks import Strongest
from churn_assets.core.options import Recipe
from churn_assets.core.profile import LabelColumn
from churn_assets.pipeline.intake import dry_run as module
from churn_assets.pipeline.intake import snapshot
from churn_assets.pipeline.intake.dry_run import dry_run
from churn_assets_tests.chains import AS_OF, HORIZON, chain_over, export
from churn_assets_tests.factories import MEMBERS

CUSTOMERS = 400


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Days that training as of `AS_OF` needs, from which a third of the customers goes each time; not to be changed."""
    folder = tmp_path_factory.mktemp("history")
    for day, customers in ((AS_OF, 180), (AS_OF - HORIZON, 260), (AS_OF - 2 * HORIZON, CUSTOMERS)):
        export(folder, day, customers)
    return folder


def files_of(folder: Path) -> set[Path]:
    """Everything that lies below a folder."""
    return set(folder.rglob("*"))


def test_a_day_that_could_be_scored_is_told_in_full(history: Path) -> None:
    """Rows, columns, labels, features and history are told, and no file is made."""
    before = files_of(history)
    chain = chain_over(history)

    found = dry_run(chain, AS_OF)

    assert files_of(history) == before
    assert found.problems == []
    assert (found.rows, found.looked_at, found.quarantined, found.faults) == (180, 180, 0, [])
    assert found.columns[0] == {
        "column": "customer_id",
        "source": "customer_id",
        "found": "string",
        "declared": "string",
    }
    assert [each["feature"] for each in found.features] == list(chain.profile.feature_columns)
    assert found.label_rate[0] == {
        "snapshot_date": AS_OF - HORIZON,
        "known_on": AS_OF,
        "customers": 260,
        "left_out": 0,
        "churned": 80,
        "rate": 80 / 260,
    }
    assert found.history["enough"]
    assert found.history["usable"] == [AS_OF - HORIZON, AS_OF - 2 * HORIZON]
    assert found.history["lacking"]
    assert found.night["bytes"] > 0


def test_too_little_history_and_too_many_broken_rows_are_problems(tmp_path: Path) -> None:
    """Each is a sentence, with the check that is broken, an example and the days that lack."""
    export(tmp_path, AS_OF)
    broken: dict[str, Any] = {"visits": [*range(35), -1, -2, -3, -4, -5]}
    export(tmp_path, AS_OF - dt.timedelta(days=1), **broken)
    chain = chain_over(tmp_path)

    short, odd = dry_run(chain, AS_OF), dry_run(chain, AS_OF - dt.timedelta(days=1))

    assert not short.history["enough"]
    assert "the source must reach back twice the horizon" in short.problems[0]
    assert odd.quarantined == 5
    assert odd.faults[0]["column"] == "visits"
    assert (odd.faults[0]["rows"], odd.faults[0]["example"]) == (5, "-1")
    [problem] = odd.problems
    assert problem.startswith("5 of 40 rows would be quarantined, and validation.max_quarantined_share is 0.05")


def test_rules_need_no_history(tmp_path: Path) -> None:
    """Where rules serve, a single day is enough."""
    export(tmp_path, AS_OF)
    chain = chain_over(tmp_path, recipe=Recipe(estimator="rules"))

    found = dry_run(chain, AS_OF)

    assert not found.history["enough"]
    assert found.problems == []


def test_a_leak_is_a_problem(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A feature that knows the outcome is named with what it reaches, as the gate of a training would."""
    monkeypatch.setattr(module, "LEAST_OF_EACH_KIND", 5)
    strongest = Strongest("visits", 0.99, ("visits", "tenure"), 0.995)
    monkeypatch.setattr(module, "strongest_features", lambda *_: strongest)

    found = dry_run(chain_over(history), AS_OF)

    assert [each["suspect"] for each in found.leaks] == [True, True]
    assert "visits rank the churners with ROC-AUC 0.990: a leak" in found.problems[0]


def test_of_a_large_day_a_share_of_the_customers_is_looked_at(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same customers of every day are, so that who has gone is still told."""
    monkeypatch.setattr(snapshot, "ALL_BELOW", 0)
    monkeypatch.setattr(snapshot, "MOST_ROWS", 90)

    found = dry_run(chain_over(history), AS_OF)

    assert found.rows == 180
    assert 50 < found.looked_at < 130
    assert 0.15 < found.label_rate[0]["rate"] < 0.5


def test_outcomes_of_one_kind_teach_nothing(tmp_path: Path) -> None:
    """An export whose label says the same of everybody is told before a training fails on it."""
    export(tmp_path, AS_OF)
    features = tuple(name for name in MEMBERS.feature_columns if name != "active")
    labelled = dataclasses.replace(MEMBERS, label=LabelColumn("active"), feature_columns=features)

    found = dry_run(chain_over(tmp_path, profile=labelled), AS_OF)

    assert found.label_rate[0]["rate"] == 1
    assert found.problems == [f"of 40 known outcomes of {AS_OF} all are the same: nothing can be learnt"]
