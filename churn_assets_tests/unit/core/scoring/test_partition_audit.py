"""The audit before every publish."""

from typing import Any

import pyarrow as pa
import pytest

from churn_assets.core.errors import AuditFailed
from churn_assets.core.evaluation.results import Histogram
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.core.table_schemas import SCORES


def _scores(probabilities: list[float | None], ids: list[str | None] | None = None, **changes: list[Any]) -> pa.Table:
    names = ids or [f"c{number:04d}" for number in range(len(probabilities))]
    columns: dict[str, list[Any]] = {
        "customer_id": names,
        "churn_probability": probabilities,
        "risk_tier": ["low"] * len(probabilities),
        "action": ["none"] * len(probabilities),
        "model_version": ["20260131-0123abcd"] * len(probabilities),
    }
    return pa.table(columns | changes, schema=SCORES)


@pytest.mark.parametrize("name", SCORES.names)
def test_audit_refuses_a_null(name: str) -> None:
    """No column of a score may be null; the sentence says where, how many and which."""
    scores = _scores([0.1, 0.2])
    holed = scores.set_column(
        SCORES.get_field_index(name), SCORES.field(name), pa.array([None, scores[name][1].as_py()], scores[name].type)
    )

    with pytest.raises(AuditFailed, match=f"^churn_scores 2026-01-31: 1 rows have no {name}; nothing was published"):
        ScoreAudit("churn_scores 2026-01-31").check_batch(holed)


@pytest.mark.parametrize("bad", [float("nan"), -1e-12, 1 + 1e-12, float("inf"), float("-inf")])
def test_audit_refuses_what_is_no_probability(bad: float) -> None:
    """NaN, infinities and anything outside [0, 1] are refused and counted."""
    with pytest.raises(AuditFailed, match=r"where: 2 rows have no probability in \[0, 1\]"):
        ScoreAudit("where").check_batch(_scores([0.5, bad, 0.5, bad]))


def test_audit_takes_both_ends() -> None:
    """0 and 1 are probabilities."""
    audit = ScoreAudit("where")

    audit.check_batch(_scores([0.0, 1.0]))

    audit.finish(2)
    assert audit.mean_probability == 0.5


@pytest.mark.parametrize(
    "batches",
    [
        [["a", "a"]],
        [["b", "a"]],
        [["a", "b"], ["b", "c"]],
        [["a", "c"], ["b", "d"]],
        [["a", "c"], [], ["c"]],
        [["z", "é", "zz"]],
        [["10", "9", "11"]],
    ],
    ids=str,
)
def test_audit_refuses_repeated_and_unordered_ids(batches: list[list[str | None]]) -> None:
    """Ids ascend strictly in UTF-8 byte order, within a batch and from one to the next."""
    audit = ScoreAudit("where")
    for ids in batches[:-1]:
        audit.check_batch(_scores([0.5] * len(ids), ids))

    with pytest.raises(AuditFailed, match="where: customer ids repeat or are out of order"):
        audit.check_batch(_scores([0.5] * len(batches[-1]), batches[-1]))


def test_audit_takes_ids_in_byte_order() -> None:
    """Upper case before lower case, digits as text, and characters beyond ASCII last: byte order is order."""
    audit = ScoreAudit("where")
    ids: list[str | None] = ["", "10", "9", "B", "a", "é", "中", "😀"]

    audit.check_batch(_scores([0.5] * 5, ids[:5]))
    audit.check_batch(_scores([0.5] * 3, ids[5:]))

    audit.finish(8)


def test_audit_looks_across_chunks_of_a_batch() -> None:
    """A batch in several chunks, or of none, is looked at as one."""
    audit = ScoreAudit("where")
    chunked = pa.concat_tables([_scores([0.5], ["a"]), _scores([0.5], ["a"])])

    audit.check_batch(_scores([]))
    audit.check_batch(SCORES.empty_table())

    with pytest.raises(AuditFailed, match="repeat"):
        audit.check_batch(chunked)


@pytest.mark.parametrize("valid", [1, 3])
def test_audit_refuses_too_few_and_too_many(valid: int) -> None:
    """Every valid customer has exactly one score; the sentence says both counts."""
    audit = ScoreAudit("where")
    audit.check_batch(_scores([0.5, 0.5]))

    with pytest.raises(AuditFailed, match=f"where: {valid} valid customers got 2 scores; nothing was published"):
        audit.finish(valid)


def test_audit_refuses_an_unknown_tier() -> None:
    """A tier the app does not know is refused by its name."""
    audit = ScoreAudit("where")
    audit.check_batch(_scores([0.5], risk_tier=["extreme"]))

    with pytest.raises(AuditFailed, match="where: unknown risk tier extreme"):
        audit.finish(1)


def test_audit_counts_tiers_and_means() -> None:
    """Tiers are counted over all batches, with a zero where there is none."""
    audit = ScoreAudit("where")

    audit.check_batch(_scores([0.1, 0.7], ["a", "b"], risk_tier=["low", "high"]))
    audit.check_batch(_scores([0.4], ["c"]))

    assert audit.tiers == {"low": 2, "medium": 0, "high": 1}
    assert audit.rows == 3
    assert audit.mean_probability == pytest.approx(0.4)


def test_mean_of_nothing_is_zero() -> None:
    """Before the first batch there is no mean to divide for."""
    assert ScoreAudit("where").mean_probability == 0.0


def test_audit_counts_the_rows_of_each_model() -> None:
    """Over all batches it is told how many rows each model scored."""
    audit = ScoreAudit("where")

    audit.check_batch(_scores([0.1, 0.7], ["a", "b"], model_version=["champion", "canary"]))
    audit.check_batch(_scores([0.4], ["c"], model_version=["champion"]))

    assert audit.models == {"champion": 2, "canary": 1}


def test_audit_counts_probabilities_between_its_edges() -> None:
    """A bin holds its lower edge; what lies below the first edge and from the last one on is counted too."""
    audit = ScoreAudit("where", (0.25, 0.5))

    audit.check_batch(_scores([0.0, 0.25], ["a", "b"]))
    audit.check_batch(_scores([0.3, 0.5, 1.0], ["c", "d", "e"]))

    assert audit.summary().scores == Histogram(edges=(0.25, 0.5), counts=(1, 2, 2))


def test_summary_is_what_was_seen() -> None:
    """Rows, tiers and mean are those of the batches so far, and do not change with the next."""
    audit = ScoreAudit("where", (0.5,))
    audit.check_batch(_scores([0.25, 0.75], ["a", "b"], risk_tier=["low", "high"]))

    summary = audit.summary()

    audit.check_batch(_scores([1.0], ["c"]))
    assert (summary.rows, summary.mean) == (2, 0.5)
    assert summary.tiers == {"low": 1, "medium": 0, "high": 1}
    assert summary.scores.counts == (1, 1)


def test_summary_of_nothing_is_empty() -> None:
    """Before the first batch every bin is empty."""
    summary = ScoreAudit("where", (0.25, 0.5)).summary()

    assert (summary.rows, summary.mean) == (0, 0.0)
    assert summary.scores == Histogram(edges=(0.25, 0.5), counts=(0, 0, 0))


def test_published_scores_are_counted_without_an_audit() -> None:
    """Scores of another day are counted as they are: they had their audit, perhaps by an older release."""
    audit = ScoreAudit("where", (0.5,))

    audit.count(_scores([0.75, 0.25], ["b", "a"], risk_tier=["extreme", "low"]))

    assert audit.summary().rows == 2
    assert audit.summary().scores.counts == (1, 1)
