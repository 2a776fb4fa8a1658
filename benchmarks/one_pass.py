"""What a night would save if each part went through all four stages in memory: a prototype beside the stages.

    python benchmarks/one_pass.py DATA_DIR [--rounds 3]

Both land, validate, featurize and score the large day of a folder that `same_work.py` prepared, with no Dagster, and
write, hash and read back the same files; the prototype stops where the stages are held to be equal: byte-identical
parts. It takes the day to be as the benchmark's is: no broken row, ids in order, no canary, no correction of the prior.
Each is a process of its own, in turn; the ratio is of processor seconds.
"""

import argparse
import datetime as dt
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain as chain_of
from pathlib import Path

import pyarrow as pa
from measuring import run

from churn_assets.composition import build_chain
from churn_assets.core.arrow.batches import BLOCK_ROWS, ordered_map, rechunk
from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.dictionaries import as_coded, as_stored
from churn_assets.core.customers.duplicates import mark_duplicates
from churn_assets.core.customers.landing import land_batch
from churn_assets.core.customers.validation import validate
from churn_assets.core.features import compute_features
from churn_assets.core.profile_schemas import categorical_columns, customers_schema, raw_schema
from churn_assets.core.scoring.feature_counts import FeatureCounts
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.core.scoring.rows import score_rows
from churn_assets.core.table_schemas import SCORES
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.pipeline.features import featurize_customers
from churn_assets.pipeline.scoring.score import ScoreOptions, score_customers
from churn_assets.pipeline.scoring.serving_models import open_model
from churn_assets.settings import load_settings
from churn_assets.storage.files import sha256_of
from churn_assets.storage.layout import part_name, segments_folder
from churn_assets.storage.lookup.writer import write_segment
from churn_assets.storage.source.files import SourceBatch, chunks
from churn_assets.storage.tables.parquet import PART_ROWS, as_filled, digest_files, read_batches, read_key, write_part
from churn_assets.storage.tables.table import Table

TABLES = ("raw_customers", "customers", "customer_features", "churn_scores")


def main() -> None:
    """One process where a way is named, else both in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=("stages", "one_pass"))
    given = parser.parse_args()
    os.environ["CHURN_DATA_DIR"] = str(given.work.absolute())
    if given.way:
        print(json.dumps(globals()[given.way](build_chain(load_settings()))))
        return
    ratios = []
    for _ in range(given.rounds):
        seconds = {}
        for way in ("stages", "one_pass"):
            one = run([sys.executable, __file__, str(given.work), "--way", way])
            print(f"{way:9} {one.cpu:6.1f} processor s {one.seconds:6.1f} s {one.peak:6.0f} MiB", flush=True)
            seconds[way] = one.cpu
        ratios.append(seconds["one_pass"] / seconds["stages"])
    print(f"one pass: {statistics.median(ratios):.2f} of the stages' processor seconds")


def _day(chain: Chain) -> dt.date:
    return max(chain.source.days())


def stages(chain: Chain) -> dict[str, str]:
    """The four stages as they stand, up to their publish."""
    day, work = _day(chain), chain.layout.data_dir
    for name in TABLES:
        for beside in ("", "_lookup/", "_feature_counts/"):
            shutil.rmtree(work / "tables" / name / f"{beside}snapshot_date={day}", ignore_errors=True)
        shutil.rmtree(work / "tables" / name / "_delta_log", ignore_errors=True)
    who = RunContext("benchmark", reason="a benchmark")
    land_customers(chain, day, who)
    validate_customers(chain, day, who)
    featurize_customers(chain, day, who)
    score_customers(chain, day, ScoreOptions(accept_shift=True), who)
    return {name: str(Table(chain.layout.table(name)).current(day)) for name in TABLES}


def one_pass(chain: Chain) -> dict[str, str]:
    """Each part through all stages in memory; then what the audits look at."""
    day, key = _day(chain), chain.profile.id_column
    version = chain.registry.champion()
    model = open_model(chain, version)
    reference = chain.registry.models.reference(model.card)
    files = chain.source.files(day)
    counts = FeatureCounts(reference.features, 10**7, reference.words)
    audit = ScoreAudit("one pass", reference.scores.edges)
    with tempfile.TemporaryDirectory(dir=chain.layout.data_dir) as work:
        folders = {name: Path(work) / name for name in TABLES}
        for folder in folders.values():
            folder.mkdir()

        def through(number: int, arrived: Sequence[SourceBatch]) -> tuple[ScoreAudit, FeatureCounts]:
            valid = _landed_and_valid(chain, day, folders, number, arrived)
            features = [compute_features(rows, chain.profile, chain.parameters, day) for rows in valid]
            schema = as_stored(features[0].schema)
            write_part(folders["customer_features"], number, as_filled(schema, features), key, features)
            seen = counts.empty_copy()

            def blocks() -> Iterator[pa.Table]:
                for block in rechunk(features, BLOCK_ROWS):
                    ids = id_texts(block.column(key).combine_chunks())
                    probability = model.score(chain.profile, block, day)
                    seen.count(block)
                    yield score_rows(ids, probability, version, chain.decisions)

            write_part(folders["churn_scores"], number, SCORES, "customer_id", blocks())
            here = audit.empty_copy()
            scored = folders["churn_scores"]
            write_segment(segments_folder(scored), number, _audited(scored, number, here))
            return here, seen

        parts = enumerate(chunks(chain.source.batches(files, categorical_columns(chain.profile)), PART_ROWS))
        jobs = chain_of((partial(sha256_of, file.path) for file in files), (partial(through, *part) for part in parts))
        for done in ordered_map(lambda job: job(), jobs):
            if not isinstance(done, bytes):
                audit.join(done[0])
                counts.join(done[1])
        written = {name: sorted(folder.glob("part-*.parquet"), key=_number) for name, folder in folders.items()}
        for name in TABLES[:-1]:
            for _ in ordered_map(lambda path: read_key(path, key), written[name]):
                pass
        digests = {name: digest_files(paths) for name, paths in written.items()}
    _hold(chain, day, digests)
    return digests


def _landed_and_valid(
    chain: Chain, day: dt.date, folders: dict[str, Path], number: int, arrived: Sequence[SourceBatch]
) -> list[pa.Table]:
    profile, key = chain.profile, chain.profile.id_column
    schema, categories = raw_schema(profile), categorical_columns(profile)
    raw = [land_batch(batch, schema, day, str(path), categories, key) for path, batch in arrived]
    write_part(folders["raw_customers"], number, as_filled(schema, raw), key, raw)
    valid = [
        validate(rows.cast(as_coded(schema, rows.schema)), profile, day, repeated, chain.timezone).valid
        for rows, repeated in mark_duplicates(raw, key)
    ]
    write_part(folders["customers"], number, customers_schema(profile), key, valid)
    return valid


def _audited(folder: Path, number: int, audit: ScoreAudit) -> Iterator[pa.Table]:
    for batch in read_batches([folder / part_name(number)], categories=audit.CATEGORIES):
        audit.check_batch(batch)
        yield batch


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("part-"))


def _hold(chain: Chain, day: dt.date, digests: dict[str, str]) -> None:
    """Stop where a table's bytes are not those of the stages."""
    current = {name: Table(chain.layout.table(name)).current(day) for name in TABLES}
    if digests != current:
        raise SystemExit(f"other bytes: {digests} are not {current}")


if __name__ == "__main__":
    main()
