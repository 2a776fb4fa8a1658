"""How the cells of a CSV file are written: marks of numbers, words for none and for truths, forms of times."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.customers.casting import cast_batch
from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.customers.time_formats import ISO8601, has_form
from churn_assets.core.customers.written_cells import Reading
from churn_assets.core.table_schemas import RESCUED, UTC_TIMESTAMP

__all__ = ["cell_dialect", "fits", "typed", "with_quoted_words"]

LOOKED_AT = 5_000  # cells of a column
NO_VALUE = ("\\N", "NULL", "null", "(null)", "#N/A", "N/A")  # in any column
NO_NUMBER = (
    "NA",
    "n/a",
    "na",
    "None",
    "none",
    "nan",
    "NaN",
    "-",
    "?",
    ".",
)  # where the other cells are numbers or times
TRUTHS = (("t", "f"), ("y", "n"), ("true.", "false."), ("on", "off"))
MARKS = ((".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (",", "\u202f"), (",", "\u00a0"), (".", "'"))
CODE = r"^0\d"  # a number with leading zeros is a code
DAY_FIRST = ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y")
MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y")
EITHER = ("%Y-%m-%d", "%Y/%m/%d", "%d-%b-%Y", "%d %b %Y", "%Y.%m.%d")
CLOCKS = ("", " %H:%M:%S", " %H:%M", " %H:%M:%S.%f", " %I:%M:%S %p", " %I:%M %p")
ZONES = ("", " UTC", " %z")
SHORTEST_TIME = len("1/1/25")


def typed(cells: pa.Array, kind: pa.DataType, dialect: CsvDialect, key: str = "") -> tuple[pa.Array, int]:
    """The cells as `kind`, and how many do not fit it; `key` is `cell` where they are ids."""
    schema = pa.schema([("cell", kind), (RESCUED, pa.string())])
    table = cast_batch(pa.table({"cell": cells}), schema, key=key, reading=Reading(dialect))
    return table.column("cell").combine_chunks(), len(table) - table.column(RESCUED).null_count


def fits(cells: pa.Array, kind: pa.DataType, dialect: CsvDialect) -> bool:
    """Whether all cells are of `kind`, and one is there."""
    values, misfits = typed(cells, kind, dialect)
    return not misfits and values.null_count < len(values)


def cell_dialect(columns: Mapping[str, pa.Array], dialect: CsvDialect) -> CsvDialect:
    """The dialect with what the text of its columns tells: their first cells decide.

    Args:
        columns: text by name, as it stands in the file.
        dialect: how the text was cut into cells.
    """
    looked_at = [pc.drop_null(cells[:LOOKED_AT]) for cells in columns.values()]
    looked_at = [cells for cells in looked_at if len(cells)]
    words = [_words(cells) for cells in looked_at]
    nothing = [word for word in NO_VALUE if any(word in each for each in words)]
    bare = [_without(cells, (*NO_VALUE, *NO_NUMBER, "")) for cells in looked_at]
    marks = _marks(bare, dialect)
    formats = _formats(bare, marks)
    found = dialect.model_copy(update={"timestamp_formats": formats, "decimal": marks[0], "thousands": marks[1]})
    measured = [
        each
        for each, rest in zip(words, bare, strict=True)
        if fits(rest, pa.float64(), found) or fits(rest, UTC_TIMESTAMP, found)
    ]
    nothing += [word for word in NO_NUMBER if any(word in each for each in measured)]
    if any(pc.any(pc.equal(cells, "")).as_py() for cells in looked_at):
        nothing.append("")
    truths = [pair for pair in TRUTHS if any({word.lower() for word in each} - {""} == set(pair) for each in words)]
    return found.model_copy(
        update={
            "null_values": tuple(nothing),
            "true_values": tuple(yes for yes, _ in truths),
            "false_values": tuple(no for _, no in truths),
        }
    )


def with_quoted_words(columns: Mapping[str, pa.Array], dialect: CsvDialect) -> CsvDialect:
    """The dialect under which quoted words for no value are none too, where `columns`, read by it, still hold some."""
    nothing = dialect.null_values
    words = pa.array(nothing, pa.string())
    if "" in nothing or not any(pc.any(pc.is_in(cells, value_set=words)).as_py() for cells in columns.values()):
        return dialect
    return dialect.model_copy(update={"null_values": (*nothing, "")})


def _words(cells: pa.Array) -> set[str]:
    return set(pc.unique(pc.utf8_trim_whitespace(cells)).to_pylist())


def _without(cells: pa.Array, words: Sequence[str]) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(cells)
    return trimmed.filter(pc.invert(pc.is_in(trimmed, value_set=pa.array(words, trimmed.type))))


def _marks(columns: Iterable[pa.Array], dialect: CsvDialect) -> tuple[str, str]:
    """The decimal and thousands marks by which most columns are numbers; the plainest of those."""
    columns = [each for each in columns if len(each)]
    order = sorted(MARKS, key=lambda marks: marks[1] == "," and dialect.delimiter != ",")

    def numbers(marks: tuple[str, str]) -> int:
        tried = CsvDialect(decimal=marks[0], thousands=marks[1])
        return sum(fits(cells, pa.float64(), tried) for cells in columns)

    return max(order, key=numbers)


def _formats(columns: Iterable[pa.Array], marks: tuple[str, str]) -> tuple[str, ...]:
    """The forms of the columns that are times, ISO 8601 first; days before months where both would do."""
    plain, numeric = CsvDialect(), CsvDialect(decimal=marks[0], thousands=marks[1])
    times = [
        cells
        for cells in columns
        if len(cells)
        and pc.min(pc.utf8_length(cells)).as_py() >= SHORTEST_TIME
        and pc.all(pc.match_substring_regex(cells, r"^\d.*\d")).as_py()
        and not fits(cells, pa.float64(), numeric)
    ]
    others = [cells for cells in times if not fits(cells, UTC_TIMESTAMP, plain)]
    by_order = [[_forms_of(cells, (*EITHER, *days)) for cells in others] for days in (DAY_FIRST, MONTH_FIRST)]
    chosen = max(by_order, key=lambda forms: sum(map(bool, forms)))
    used = list(dict.fromkeys(form for forms in chosen for form in forms))
    return (*([ISO8601] if len(others) < len(times) or not used else []), *used)


def _forms_of(cells: pa.Array, days: Sequence[str]) -> list[str]:
    """The forms of one day that together every cell has; none where there are none."""
    for day, zone in product(days, ZONES):
        left, forms = cells, []
        for clock in CLOCKS:
            if zone and not clock:
                continue
            form = f"{day}{clock}{zone}"
            if not has_form(left[0].as_py(), form):
                continue
            values, misfits = typed(left, UTC_TIMESTAMP, CsvDialect(timestamp_formats=(form,)))
            if misfits < len(left):
                forms.append(form)
                left = left.filter(values.is_null())
            if not len(left):
                return forms
    return []
