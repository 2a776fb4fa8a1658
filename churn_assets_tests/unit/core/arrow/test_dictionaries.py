"""Text as codes of a dictionary is a way to carry a column, not another column."""

import pyarrow as pa

from churn_assets.core.arrow.dictionaries import as_coded, as_stored

DECLARED = pa.schema(
    [pa.field("customer_id", pa.string(), nullable=False), ("plan", pa.string()), ("visits", pa.float64())]
)
ARRIVED = pa.schema([("plan", pa.dictionary(pa.int32(), pa.string())), ("visits", pa.int64())])


def test_columns_that_arrive_as_codes_stay_codes_and_no_other_type_is_taken_over() -> None:
    """What a table declares holds, but for text that is carried as codes; a column that is not there is as declared."""
    coded = as_coded(DECLARED, ARRIVED)

    assert coded.names == DECLARED.names
    assert coded.types == [pa.string(), pa.dictionary(pa.int32(), pa.string()), pa.float64()]
    assert [each.nullable for each in coded] == [False, True, True]


def test_a_table_declares_text() -> None:
    """However text is carried, the columns that a table declares are the same."""
    assert as_stored(as_coded(DECLARED, ARRIVED)).equals(DECLARED)
    assert as_stored(DECLARED).equals(DECLARED)
