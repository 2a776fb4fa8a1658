"""A do-not-score list tells whose rows are left out, however it was written."""

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.scoring.do_not_score import DoNotScoreList


@pytest.mark.parametrize("seed", range(8))
def test_rows_are_left_out_exactly_where_their_id_is_listed(seed: int) -> None:
    """Of random customers, text or numbers, and random lists, those who stay are the others, in their order."""
    rng = np.random.default_rng(seed)
    marks = ["", "ä", "é€", "\U0001f600", ",", '"']
    texts = {f"{marks[at % len(marks)]}{rng.integers(0, 10**6)}" for at in range(rng.integers(1, 400))}
    if seed % 2:
        texts = {str(rng.integers(-(10**6), 10**6)) for _ in texts}
    ids = sorted(texts, key=str.encode)
    known = rng.choice(ids, rng.integers(0, len(ids) + 1), replace=False).tolist() if seed else ids
    listed = [*known, *known[:3], "nobody", "", "~~~"]
    rng.shuffle(listed)
    rows = pa.table({"id": pa.array(map(int, ids)) if seed % 2 else pa.array(ids), "at": range(len(ids))})

    kept = DoNotScoreList([pa.array(listed[:5], pa.string()), pa.array(listed[5:], pa.string())]).left_of(rows, "id")

    assert kept.column("at").to_pylist() == [at for at, each in enumerate(ids) if each not in set(listed)]


def test_the_digest_is_of_whom_the_list_names() -> None:
    """The same customers in another order, or twice, are the same list; one more is another, and nobody is one too."""
    once = DoNotScoreList([pa.array(["b", "a"])])
    twice = DoNotScoreList([pa.array(["a"]), pa.array(["b", "a", None])])
    more = DoNotScoreList([pa.array(["a", "b", "c"])])
    joined = DoNotScoreList([pa.array(["ab"])])
    nobody = DoNotScoreList([])

    digests = {each.digest for each in (once, more, joined, nobody)}

    assert once.digest == twice.digest
    assert len(digests) == 4
    assert not nobody.holds(pa.array(["a"])).any()
