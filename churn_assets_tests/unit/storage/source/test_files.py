"""Days and files are found by a template, and what cannot be read is said in one sentence."""

import datetime as dt
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.core.errors import SourceFault, SourceMissing
from churn_assets.storage.source.files import FileSource, SourceFile, chunks
from churn_assets_tests.storage_factories import DAY, without_words

CSV = b"customer_id,spend\nc1,10\nc2,20\n"
HIVE = "source/snapshot_date={snapshot_date}/*"


def put(base: Path, name: str, content: bytes = CSV) -> Path:
    """A file of the source."""
    path = base / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def put_parquet(base: Path, name: str, rows: int = 3) -> Path:
    """A Parquet file of the source."""
    path = put(base, name, b"")
    pq.write_table(pa.table({"customer_id": [f"c{number}" for number in range(rows)]}), path)
    return path


def read(base: Path, path: Path) -> list[dict[str, Any]]:
    """The rows of one file of the source."""
    source = FileSource(str(path.relative_to(base)), base)
    return [row for _, batch in source.batches(source.files(DAY)) for row in batch.to_pylist()]


def test_a_dated_source_tells_its_days(tmp_path: Path) -> None:
    """Each day with a file is listed once, in order, however many files it has."""
    for name in ("2026-11-01/a.csv", "2026-10-31/b.csv", "2026-10-31/a.csv", "2025-02-28/a.parquet"):
        put(tmp_path, f"source/snapshot_date={name}")
    source = FileSource(HIVE, tmp_path)

    days = source.days()

    assert source.dated
    assert days == [dt.date(2025, 2, 28), DAY, dt.date(2026, 11, 1)]


def test_a_dated_source_has_the_days_it_tells(tmp_path: Path) -> None:
    """A day is there or not, and the files of one day are no other day's."""
    put(tmp_path, "source/snapshot_date=2026-10-31/a.csv")
    source = FileSource(HIVE, tmp_path)

    told = [source.has(DAY), source.has(dt.date(2026, 11, 1))]

    assert told == [True, False]


def test_a_static_export_has_every_day_and_lists_none(tmp_path: Path) -> None:
    """A template without a day stands for whichever day is asked."""
    path = put(tmp_path, "telco.csv")
    source = FileSource("telco.csv", tmp_path)

    told = (source.dated, source.days(), source.has(DAY), [file.path for file in source.files(DAY)])

    assert told == (False, [], True, [path])


@pytest.mark.parametrize("template", [HIVE, "telco.csv"])
def test_a_source_that_is_not_there_is_an_error(tmp_path: Path, template: str) -> None:
    """No file for a day is a sentence with day and place, never an empty list."""
    source = FileSource(template, tmp_path)

    with pytest.raises(SourceMissing, match=r"nothing for 2026-10-31 at .*source\.path"):
        source.files(DAY)

    assert not source.has(DAY)
    assert source.days() == []


def test_files_of_a_day_come_by_name_with_their_fingerprints(tmp_path: Path) -> None:
    """Several files of a day are told in the order of their names, with size and time of each: what tells a change."""
    second = put(tmp_path, "source/snapshot_date=2026-10-31/part-1.csv", CSV + b"c3,30\n")
    first = put(tmp_path, "source/snapshot_date=2026-10-31/part-0.csv")
    source = FileSource(HIVE, tmp_path)

    files = source.files(DAY)

    assert files == [SourceFile(path, len(path.read_bytes()), path.stat().st_mtime_ns) for path in (first, second)]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("exports/{snapshot_date}.csv", "exports/2026-10-31.csv"),
        ("exports/customers_{snapshot_date}_*.csv", "exports/customers_2026-10-31_v2.csv"),
        ("exports/{snapshot_date}/customers-{snapshot_date}.csv", "exports/2026-10-31/customers-2026-10-31.csv"),
        ("exports/**/{snapshot_date}.csv", "exports/2026/10/2026-10-31.csv"),
        ("exports/**/{snapshot_date}.csv", "exports/2026-10-31.csv"),
        ("exports/{snapshot_date}/?.csv", "exports/2026-10-31/a.csv"),
        ("exports/{snapshot_date}/part-[0-9].csv", "exports/2026-10-31/part-7.csv"),
        ("./exports//{snapshot_date}.csv", "exports/2026-10-31.csv"),
        ("exports (new)/{snapshot_date}+.csv", "exports (new)/2026-10-31+.csv"),
    ],
)
def test_templates_may_hold_wildcards(tmp_path: Path, template: str, name: str) -> None:
    """Whatever the template's shape, a file that it matches is a day that is listed and had."""
    path = put(tmp_path, name)
    source = FileSource(template, tmp_path)

    told = (source.days(), source.has(DAY))

    assert told == ([DAY], True)
    assert [file.path for file in source.files(DAY)] == [path]


def test_a_day_in_two_places_is_one_day(tmp_path: Path) -> None:
    """Where the template names the day twice, a path with two different days belongs to neither."""
    put(tmp_path, "exports/2026-10-31/customers-2026-11-01.csv")
    source = FileSource("exports/{snapshot_date}/customers-{snapshot_date}.csv", tmp_path)

    days = source.days()

    assert days == []


def test_an_absolute_path_stands_for_itself(tmp_path: Path) -> None:
    """A source outside the data folder is named by its whole path."""
    path = put(tmp_path, "elsewhere/2026-10-31.csv")
    source = FileSource(f"{tmp_path}/elsewhere/{{snapshot_date}}.csv", tmp_path / "data")

    told = (source.days(), [file.path for file in source.files(DAY)])

    assert told == ([DAY], [path])


@pytest.mark.parametrize("folder", ["data[1]", "what?", "a*b", "data [old] (2)"])
def test_the_data_folder_is_taken_literally(tmp_path: Path, folder: str) -> None:
    """Only the template holds wildcards: a data folder may be called as it likes."""
    put(tmp_path / folder, "source/snapshot_date=2026-10-31/a.csv")
    source = FileSource(HIVE, tmp_path / folder)

    told = (source.days(), source.has(DAY))

    assert told == ([DAY], True)


@pytest.mark.parametrize(
    "name",
    [
        "2026-13-01",
        "2026-02-30",
        "2026-00-10",
        "0000-01-01",
        "2026-1-1",
        "20261031",
        "2026-10-31T00",
        "latest",
        "",
        "\uff12\uff10\uff12\uff16-10-31",
        "__HIVE_DEFAULT_PARTITION__",
    ],
)
def test_a_name_that_is_no_day_is_passed_over(tmp_path: Path, name: str) -> None:
    """A folder whose name is no day of the calendar is no day of the source, and stops nothing."""
    put(tmp_path, f"source/snapshot_date={name}/a.csv")
    put(tmp_path, "source/snapshot_date=2026-11-01/a.csv")

    days = FileSource(HIVE, tmp_path).days()

    assert days == [dt.date(2026, 11, 1)]


def test_hidden_files_are_none_of_the_source(tmp_path: Path) -> None:
    """A file whose name begins with a dot, such as one half written, is neither listed nor read."""
    put(tmp_path, "source/snapshot_date=2026-10-31/.half-written")
    put(tmp_path, "source/snapshot_date=2026-11-01/.a.csv.swp")
    path = put(tmp_path, "source/snapshot_date=2026-11-01/a.csv")
    source = FileSource(HIVE, tmp_path)

    told = (source.days(), source.has(DAY), [file.path for file in source.files(dt.date(2026, 11, 1))])

    assert told == ([dt.date(2026, 11, 1)], False, [path])


def test_a_folder_is_no_file_of_the_source(tmp_path: Path) -> None:
    """A folder with a file's name, as Spark leaves one, makes no day that could then not be read."""
    (tmp_path / "source/snapshot_date=2026-10-31/customers.parquet").mkdir(parents=True)
    source = FileSource(HIVE, tmp_path)

    told = (source.days(), source.has(DAY))

    assert told == ([], False)


@pytest.mark.fault("a link leads out of the source")
@pytest.mark.parametrize("template", [HIVE, "source/**/*.csv", "source/day.csv"])
@pytest.mark.parametrize("follow_links", [False, True])
def test_a_link_out_of_the_source_is_followed_only_where_configured(
    tmp_path: Path, template: str, *, follow_links: bool
) -> None:
    """What lies elsewhere on the machine is no customer's, unless somebody said so."""
    secret = put(tmp_path, "elsewhere/secret.csv", b"customer_id\nroot\n")
    for name in (f"snapshot_date={DAY}/a.csv", "day.csv"):
        put(tmp_path, f"source/{name}").unlink()
        (tmp_path / "source" / name).symlink_to(secret)
    source = FileSource(template, tmp_path, follow_links=follow_links)

    if follow_links:
        assert {file.size for file in source.files(DAY)} == {secret.stat().st_size}
    else:
        with pytest.raises(SourceFault, match=r"is a link that leads out of .*source.*follow_links"):
            source.files(DAY)


def test_links_within_the_source_are_files_like_others(tmp_path: Path) -> None:
    """A newest export may be a link to a file beside it, and the folder itself a link to a mount."""
    put(tmp_path, "mount/2026.csv", b"customer_id\nc1\n")
    (tmp_path / "mount/newest.csv").symlink_to("2026.csv")
    (tmp_path / "source").symlink_to("mount")

    files = FileSource("source/newest.csv", tmp_path).files(DAY)

    assert [file.path for file in files] == [tmp_path / "source/newest.csv"]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    """Numbers, days and missing cells of a Parquet file come as they are."""
    path = put(tmp_path, "a.parquet", b"")
    rows = [{"customer_id": 7, "joined": DAY, "spend": 1.5}, {"customer_id": 8, "joined": None, "spend": None}]
    pq.write_table(pa.Table.from_pylist(rows), path)

    told = read(tmp_path, path)

    assert told == rows


def test_large_files_come_in_bounded_batches(tmp_path: Path) -> None:
    """However large a row group is, a batch holds at most 131,072 rows."""
    put_parquet(tmp_path, "a.parquet", 300_000)
    source = FileSource("a.parquet", tmp_path)

    batches = [batch.num_rows for _, batch in source.batches(source.files(DAY))]

    assert max(batches) <= 131_072
    assert sum(batches) == 300_000


def test_csv_is_text_as_it_stands(tmp_path: Path) -> None:
    """No cell of a CSV file is guessed at: leading zeros, NA and quoted emptiness stay; an empty cell is missing."""
    path = put(tmp_path, "a.csv", b'customer_id,note\n007,NA\n1e3,\n2026-01-01,""\n true ,null\n')

    told = read(tmp_path, path)

    assert told == [
        {"customer_id": "007", "note": "NA"},
        {"customer_id": "1e3", "note": None},
        {"customer_id": "2026-01-01", "note": ""},
        {"customer_id": " true ", "note": "null"},
    ]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_quoted_newlines_belong_to_their_cell(tmp_path: Path, newline: bytes) -> None:
    """A line break, a comma or a quote within quotes splits no row."""
    path = put(tmp_path, "a.csv", newline.join([b"customer_id,note", b'c1,"one\ntwo"', b'c2,"a, ""b"""', b""]))

    told = read(tmp_path, path)

    assert told == [{"customer_id": "c1", "note": "one\ntwo"}, {"customer_id": "c2", "note": 'a, "b"'}]


def test_quoted_newlines_survive_in_large_files(tmp_path: Path) -> None:
    """Line breaks within cells split no row, wherever the reader's blocks end."""
    rows = 60_000
    path = put(
        tmp_path, "a.csv", b"customer_id,note\n" + b"".join(b'c%d,"one\ntwo, \nthree"\n' % n for n in range(rows))
    )

    told = read(tmp_path, path)

    assert len(told) == rows
    assert {row["note"] for row in told} == {"one\ntwo, \nthree"}


@pytest.mark.parametrize("name", ["a.csv.gz", "A.CSV.GZ"])
def test_compressed_csv_is_read(tmp_path: Path, name: str) -> None:
    """A gzipped CSV file is read as the file it holds, however its name is written."""
    path = put(tmp_path, name, gzip.compress(CSV))

    told = read(tmp_path, path)

    assert told == [{"customer_id": "c1", "spend": "10"}, {"customer_id": "c2", "spend": "20"}]


@pytest.mark.parametrize("name", ["a.CSV", "A.Csv"])
def test_the_case_of_an_extension_says_nothing(tmp_path: Path, name: str) -> None:
    """An extension in capitals is the same kind of file."""
    path = put(tmp_path, name)

    told = read(tmp_path, path)

    assert [row["customer_id"] for row in told] == ["c1", "c2"]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    """A CSV file that a spreadsheet wrote has the column names it shows."""
    path = put(tmp_path, "a.csv", b"\xef\xbb\xbf" + CSV)

    told = read(tmp_path, path)

    assert list(told[0]) == ["customer_id", "spend"]


def test_files_without_rows_give_none(tmp_path: Path) -> None:
    """Headings alone, or a Parquet file without rows, are a file that can be read."""
    told = [
        read(tmp_path, put(tmp_path, "a.csv", b"customer_id,spend\n")),
        read(tmp_path, put_parquet(tmp_path, "a.parquet", 0)),
    ]

    assert told == [[], []]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    """A file of no bytes is an error that names it, whatever its kind."""
    path = put(tmp_path, name, b"")

    with pytest.raises(SourceFault, match=rf"{name} is empty \(0 bytes\)"):
        read(tmp_path, path)


@pytest.mark.parametrize("kept", [4, 100, -4, -100])
def test_truncated_parquet_is_refused(tmp_path: Path, kept: int) -> None:
    """A Parquet file that was cut short, at either end of it, is an error that names it."""
    path = put_parquet(tmp_path, "a.parquet", 10_000)
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(SourceFault, match=r"a\.parquet cannot be read .*export it again"):
        read(tmp_path, path)


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    """A Parquet file with a sound footer and damaged pages is an error that names it."""
    path = put_parquet(tmp_path, "a.parquet", 100_000)
    data = bytearray(path.read_bytes())
    data[200:4000] = b"\xff" * 3800
    path.write_bytes(data)

    with pytest.raises(SourceFault, match=r"a\.parquet cannot be read"):
        read(tmp_path, path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.csv", "customer_id,note\nc1,Müller\n".encode("latin-1"), id="latin-1 cell"),
        pytest.param("a.csv", "customer_id,straße\nc1,x\n".encode("latin-1"), id="latin-1 heading"),
        pytest.param("a.csv", "customer_id,note\nc1,x\n".encode("utf-16"), id="utf-16"),
        pytest.param("a.csv", CSV * 40_000 + b"c9,M\xfcller\n", id="latin-1 far down"),
        pytest.param("a.csv", b"customer_id,note\nc1\n", id="a cell short"),
        pytest.param("a.csv", b"customer_id,note\nc1,x,y\n", id="a cell too many"),
        pytest.param("a.csv", b"\n", id="no heading"),
        pytest.param("a.csv.gz", CSV, id="not compressed"),
        pytest.param("a.csv.gz", gzip.compress(CSV * 1000)[:-100], id="compressed, cut short"),
        pytest.param("a.csv.gz", gzip.compress(CSV * 1000)[:-4], id="compressed, its end cut off"),
        pytest.param("a.parquet", CSV, id="no parquet"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    """A file in another encoding, ragged, or of another kind is an error of one line that names it."""
    path = put(tmp_path, name, content)

    with pytest.raises(SourceFault, match=rf"{name} cannot be read \(.+\); export it again") as refusal:
        read(tmp_path, path)

    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["a.xlsx", "a.json", "a", "a.parquet.crc", "a.csv.zip"])
def test_an_unknown_extension_is_refused(tmp_path: Path, name: str) -> None:
    """A file of another kind is an error that says which kinds there are and what to correct."""
    path = put(tmp_path, name)

    with pytest.raises(SourceFault, match=rf"{name} is neither \.parquet nor \.csv; correct source\.path"):
        read(tmp_path, path)


def test_a_file_that_cannot_be_read_is_told_before_the_first_row(tmp_path: Path) -> None:
    """Of several files the last one is opened before rows of the first are given."""
    put_parquet(tmp_path, "source/snapshot_date=2026-10-31/a.parquet", 5)
    put(tmp_path, "source/snapshot_date=2026-10-31/b.parquet", b"PAR1")
    source = FileSource(HIVE, tmp_path)

    with pytest.raises(SourceFault, match=r"b\.parquet cannot be read"):
        next(source.batches(source.files(DAY)))


def test_categories_come_as_codes_where_a_file_can_give_them(tmp_path: Path) -> None:
    """Text columns of a Parquet file come dictionary-encoded when asked for; others, and those it lacks, do not."""
    path = put(tmp_path, "a.parquet", b"")
    pq.write_table(pa.table({"plan": ["a", "b", "a"], "visits": [1, 2, 3], "note": ["x", "y", "z"]}), path)
    source = FileSource("a.parquet", tmp_path)

    [(_, batch)] = source.batches(source.files(DAY), ["plan", "visits", "absent"])

    assert [str(kind) for kind in batch.schema.types] == [
        "dictionary<values=string, indices=int32, ordered=0>",
        "int64",
        "string",
    ]
    assert batch.column("plan").to_pylist() == ["a", "b", "a"]


def test_a_file_whose_dictionary_lacks_words_is_refused(tmp_path: Path) -> None:
    """Arrow takes its codes for good, and would read words where there are none."""
    path = put(tmp_path, "a.parquet", b"")
    pq.write_table(pa.table({"plan": ["a", "b", "a"]}), path, compression="none")
    path.write_bytes(without_words(path.read_bytes(), 2))
    source = FileSource("a.parquet", tmp_path)

    with pytest.raises(SourceFault, match=r"a\.parquet cannot be read \(its content is damaged"):
        list(source.batches(source.files(DAY), ["plan"]))

    [codes] = [each.column(0) for each in pq.ParquetFile(path, read_dictionary=["plan"]).iter_batches()]
    assert (codes.indices.to_pylist(), len(codes.dictionary)) == ([0, 1, 0], 0)  # else this file shows nothing


@pytest.mark.parametrize("seed", range(20))
def test_chunks_hold_every_row_once_and_in_order(seed: int) -> None:
    """Each lot but the last has as many rows as asked for, however the batches lie."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 15))
    numbers = iter(range(1000))
    batches = [
        pa.record_batch({"number": [next(numbers) for _ in range(size)]}, pa.schema([("number", pa.int64())]))
        for size in rng.integers(0, 20, rng.integers(0, 6))
    ]

    cut = list(chunks(((Path("a"), batch) for batch in batches), rows))

    told = [[number for _, piece in lot for number in piece["number"].to_pylist()] for lot in cut]
    total = sum(batch.num_rows for batch in batches)
    assert [number for lot in told for number in lot] == list(range(total))
    assert [len(lot) for lot in told] == [rows] * (total // rows) + [total % rows] * bool(total % rows)


@pytest.mark.fault("a link leads out of the source")
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"a,b\nx,y\nroot:secret\n", "a row has 1 columns, not the 2 of the heading", id="short"),
        pytest.param(b"a,b\nx,y\nroot,secret,3\n", "a row has 3 columns, not the 2 of the heading", id="long"),
        pytest.param("a,b\nx,secret ü\n".encode("latin-1"), "column 2 holds text that is not UTF-8", id="encoding"),
        pytest.param(b'a,b\nx,"secret\n' + b"x,y\n" * 800_000, "a quote is left open at its end", id="quote"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_not_quoted(tmp_path: Path, content: bytes, reason: str) -> None:
    """The error says what is wrong in plain words, and nothing of what stands in the file."""
    path = put(tmp_path, "a.csv", content)

    with pytest.raises(SourceFault) as refusal:
        read(tmp_path, path)

    assert str(refusal.value).startswith(f"{path} cannot be read ({reason}); export it again")
    assert "secret" not in str(refusal.value)


def test_a_fault_far_down_says_after_which_row(tmp_path: Path) -> None:
    """A file of which rows came already says how far it could be read."""
    path = put(tmp_path, "a.csv", b"a,b\n" + b"x,y\n" * 1_000_000 + b"secret\n")

    with pytest.raises(SourceFault, match=r"not the 2 of the heading, below row [1-9]\d+\)") as refusal:
        read(tmp_path, path)

    assert "secret" not in str(refusal.value)


def test_an_open_end_is_read_from_the_old_kind_of_timestamp(tmp_path: Path) -> None:
    """The year 9999, as Spark and Impala write it, does not wrap around to 1816."""
    path = tmp_path / "a.parquet"
    end = dt.datetime(9999, 12, 31)  # noqa: DTZ001
    times = pa.table({"ends": pa.array([end], pa.timestamp("us"))})
    pq.write_table(times, path, use_deprecated_int96_timestamps=True)

    [row] = read(tmp_path, path)

    assert row["ends"] == end


def test_a_page_that_rotted_is_refused(tmp_path: Path) -> None:
    """A flipped bit under a page checksum is an error and no other value."""
    path = tmp_path / "a.parquet"
    visits = pa.table({"visits": list(range(1000))})
    pq.write_table(visits, path, use_dictionary=False, compression="none", write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[4000] ^= 1
    path.write_bytes(data)

    with pytest.raises(SourceFault, match=r"a page is not what its checksum says"):
        read(tmp_path, path)


@pytest.mark.fault("a footer or manifest counts other rows")
@pytest.mark.parametrize("written", [999, 2000], ids=["fewer", "more"])
def test_a_footer_that_counts_other_rows_is_refused(tmp_path: Path, written: int) -> None:
    """The rows that came are held against the footer's number, and both are named."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"visits": list(range(1000))}), path)
    data = path.read_bytes()
    footer = data.index(_zigzag(1000), data.index(b"visits", len(data) // 2))
    path.write_bytes(data[:footer] + _zigzag(written) + data[footer + 2 :])
    assert pq.read_metadata(path).num_rows == written

    with pytest.raises(SourceFault, match=rf"holds 1000 rows and its footer says {written}; export it again"):
        read(tmp_path, path)


def _zigzag(number: int) -> bytes:
    """A number of two bytes, as Thrift's compact protocol writes it in a footer."""
    coded = 2 * number
    return bytes([coded & 127 | 128, coded >> 7])


@pytest.fixture
def declared(tmp_path: Path) -> FileSource:
    """A source of two days, the second of which has no manifest yet."""
    for day in ("2026-10-30", "2026-10-31"):
        put(tmp_path, f"source/{day}/a.csv", b"id\n1\n2\n")
    put(tmp_path, "source/2026-10-30/_SUCCESS", b"")
    return FileSource("source/{snapshot_date}/*.csv", tmp_path, manifest="source/{snapshot_date}/_SUCCESS")


def test_a_day_is_there_once_its_manifest_is(declared: FileSource, tmp_path: Path) -> None:
    """An export that is still being written is no day; whoever asks for it is told what is missing."""
    days = declared.days()

    with pytest.raises(SourceMissing) as refusal:
        declared.files(dt.date(2026, 10, 31))

    assert days == [dt.date(2026, 10, 30)]
    assert f"is not complete: {tmp_path / 'source/2026-10-31/_SUCCESS'} is not there" in str(refusal.value)
    put(tmp_path, "source/2026-10-31/_SUCCESS", b"")
    assert [file.path.name for file in declared.files(dt.date(2026, 10, 31))] == ["a.csv"]


@pytest.mark.parametrize(
    ("content", "rows"), [(b"", None), (b"2\n", 2), (b'{"rows": 7, "by": "spark"}', 7), (b'{"name": "s3a"}', None)]
)
def test_a_manifest_may_count_the_rows(declared: FileSource, tmp_path: Path, content: bytes, rows: int | None) -> None:
    """A number, alone or in an object; any other object, as some committers write, counts nothing."""
    put(tmp_path, "source/2026-10-30/_SUCCESS", content)

    assert declared.expected_rows(dt.date(2026, 10, 30)) == rows


@pytest.mark.parametrize("content", [b"12,000", b"-1", b"1.5", b"true", b'{"rows": "2"}', b"[2]", b"\xff"])
def test_a_manifest_that_is_none_is_refused(declared: FileSource, tmp_path: Path, content: bytes) -> None:
    """A number that cannot be read is not passed over: it would be a check that checks nothing."""
    put(tmp_path, "source/2026-10-30/_SUCCESS", content)

    with pytest.raises(SourceFault, match=r"_SUCCESS cannot be read as a manifest: empty, a number of rows"):
        declared.expected_rows(dt.date(2026, 10, 30))


@pytest.mark.fault("a quote is left open")
@pytest.mark.parametrize("last", [b'2,"open\n3,x\n', b'2,"open\n3,"closed"\n'], ids=["to the end", "to the next"])
def test_an_open_quote_swallows_no_row(tmp_path: Path, last: bytes) -> None:
    """A quote that is not closed where its cell ends takes the rows below it for text: the file is refused."""
    path = put(tmp_path, "a.csv", b"id,note\n1,x\n" + last)

    with pytest.raises(SourceFault, match=r"left open"):
        read(tmp_path, path)


@pytest.mark.parametrize("encoded", [["country", "none", "zero0", "zero1"], []])
def test_columns_that_always_say_the_same_are_read_however_small_they_are(tmp_path: Path, encoded: list[str]) -> None:
    """Constants, zeros and nulls of a million rows, by dictionary or plain, are no hostile file."""
    rows = 1_000_000
    columns = {
        "country": pa.array(["a constant of some length"] * rows),
        "none": pa.nulls(rows, pa.string()),
        **{f"zero{at}": pa.array(np.zeros(rows)) for at in range(2)},
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", compression="zstd", use_dictionary=encoded)
    source = FileSource("a.parquet", tmp_path)

    _, first = next(iter(source.batches(source.files(DAY))))

    assert first.num_rows > 0
    assert (tmp_path / "a.parquet").stat().st_size < 500_000
