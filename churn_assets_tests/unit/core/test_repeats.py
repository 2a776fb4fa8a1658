"""Ids that stand more than once, found part by part."""

from functools import reduce
from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.repeats import RepeatedIds


@settings(deadline=None, max_examples=150)
@given(ids=st.lists(st.none() | st.sampled_from(["a", "b", "é", "10", "9"]) | st.text(max_size=2)), data=st.data())
def test_repeated_ids_are_found_across_batches_and_parts(ids: list[str | None], data: st.DataObject) -> None:
    """Whichever way sorted ids are cut, those that stand more than once are found, once each; nulls are no ids."""
    ordered = sorted(ids, key=lambda each: (each is None, (each or "").encode()))
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(ids)), max_size=6), "cuts")), len(ids)]
    parts = [ordered[start:end] for start, end in pairwise(cuts)]

    def among(part: list[str | None]) -> RepeatedIds:
        batches = (pa.table({"id": pa.array(batch, pa.string())}) for batch in (part[:2], part[2:]))
        return RepeatedIds.among(batches, "id")

    found = reduce(RepeatedIds.then, map(among, parts)).ids

    expected = {each for each in ids if each is not None and ids.count(each) > 1}
    assert sorted(found.to_pylist()) == sorted(expected)


def test_no_rows_repeat_nothing() -> None:
    """Of no ids, none is repeated."""
    assert RepeatedIds.among([], "id").ids.to_pylist() == []
