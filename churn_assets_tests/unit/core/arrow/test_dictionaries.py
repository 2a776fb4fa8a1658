"""Text as codes of a dictionary is a way to carry a column, not another column."""

import pyarrow as pa
import pytest

from churn_assets.core.arrow.dictionaries import as_coded, as_stored, check_codes

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


@pytest.mark.parametrize("code", [2, -1, 2**30])
def test_a_code_that_points_at_no_word_is_refused(code: int) -> None:
    """A null points nowhere and is none; columns that are no codes are passed over."""
    words, codes = pa.array(["a", "b"]), pa.array([0, None, 1], pa.int32())
    sound = pa.DictionaryArray.from_arrays(codes, words)
    wrong = pa.DictionaryArray.from_arrays(pa.array([0, None, code], pa.int32()), words, safe=False)

    check_codes([sound, codes])
    with pytest.raises(pa.ArrowInvalid, match="out of bounds"):
        check_codes([sound, wrong])
