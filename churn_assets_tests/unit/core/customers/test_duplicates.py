"""Ids that stand more than once, found where they are adjacent."""

from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.customers.duplicates import NO_ID, adjacent_ids, mark_duplicates

KEY = "id"


def _table(ids: list[str | None]) -> pa.Table:
    return pa.table({KEY: pa.array(ids, pa.string())})


def _found(parts: list[list[list[str | None]]]) -> list[str | None]:
    """The ids of all rows that are told as repeated, part by part and batch by batch."""
    ids = [[each for batch in part for each in batch] for part in parts]
    ends = [pa.array([*each[:1], *each[-1:]], pa.string()) for each in ids]
    found: list[str | None] = []
    for at, part in enumerate(parts):
        for batch, repeated in mark_duplicates(map(_table, part), KEY, *adjacent_ids(ends, at)):
            found += batch.column(KEY).take(repeated).to_pylist()
    return found


@settings(deadline=None, max_examples=200)
@given(ids=st.lists(st.none() | st.sampled_from(["a", "b", "é", "10", "9"]) | st.text(max_size=2)), data=st.data())
def test_repeated_ids_are_found_across_batches_and_parts(ids: list[str | None], data: st.DataObject) -> None:
    """Whichever way sorted ids are cut, every row of one that stands more than once is found; nulls are no ids.

    Cuts fall together as well, so that parts and batches are empty, and a run may fill several of either.
    """
    ordered = sorted(ids, key=lambda each: (each is None, (each or "").encode()))
    places = st.lists(st.integers(0, len(ids)), max_size=9)
    cuts = [0, *sorted(data.draw(places, "cuts")), len(ids)]
    batches = [ordered[start:end] for start, end in pairwise(cuts)]
    size = data.draw(st.integers(1, 4), "batches a part")
    parts = [batches[start : start + size] for start in range(0, len(batches), size)]

    found = _found(parts)

    assert found == [each for each in ordered if each is not None and ids.count(each) > 1]


def test_a_run_may_fill_whole_parts() -> None:
    """Of an id that begins in one part, fills two and ends in another, every row is found, and no other one."""
    parts: list[list[list[str | None]]] = [[["a", "b"], ["c"]], [["c"]], [["c"], ["c", "c"]], [["c", "d"], ["e"]]]

    found = _found(parts)

    assert found == ["c"] * 6


def test_batches_come_as_they_are() -> None:
    """Every batch that has rows is given, in order; without any, nothing is."""
    batches = [_table(["a"]), _table([]), _table(["b", "b"])]

    given_back = [(batch.num_rows, repeated.to_pylist()) for batch, repeated in mark_duplicates(batches, KEY)]

    assert given_back == [(1, []), (2, [0, 1])]
    assert list(mark_duplicates([], KEY)) == []


def test_a_part_alone_has_no_neighbours() -> None:
    """Before the first part and after the last one is nobody."""
    assert adjacent_ids([pa.array(["a", "b"])], 0) == (NO_ID, NO_ID)
