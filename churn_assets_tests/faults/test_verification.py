"""A bit that flips in whatever is stored is found by `verify`, which names the file and the way back."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from churn_assets.pipeline.chain import Chain
from churn_assets.storage.models.store import ModelStore
from churn_assets.storage.verification import Damage, checks_of
from churn_assets_tests.chains import copied
from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.unit.storage.models.test_signatures import signing

pytestmark = pytest.mark.fault("a bit flips in whatever is stored")

SEED = 20_261_127
LEFT_BY_WRITERS = ("_staging", "feedfeedfeedfeed")
OF_A_LOSER = "part-of-one-who-was-not-first.parquet"


@pytest.fixture
def chain(aged: Chain, tmp_path: Path) -> Chain:
    """A data folder with a file of every kind."""
    chain = copied(aged, tmp_path)
    store = ModelStore(chain.layout.models, signing())
    for version in ModelStore(chain.layout.models).versions():
        store.sign(version)
    return chain


def stored_files(chain: Chain) -> list[Path]:
    """Every file that tables, records and models are made of."""
    roots = (chain.layout.data_dir / "tables", chain.layout.models.path)
    files = [path for root in roots for path in sorted(root.rglob("*")) if path.is_file()]
    files = [path for path in files if not any(part in LEFT_BY_WRITERS for part in path.parts) and path.stat().st_size]
    return [path for path in files if path.name != OF_A_LOSER]  # no commit names it: nobody reads it


def one_of_each_kind(files: list[Path]) -> Iterator[Path]:
    """The first file of each kind, by where it lies and how its name ends."""
    seen = set()
    for path in files:
        is_log = "_delta_log" in path.parts
        kind = is_log or ("models" in path.parts and path.name, path.suffix, path.parents[1].name[:4])
        if kind not in seen:
            seen.add(kind)
            yield path


def found(chain: Chain) -> list[Damage]:
    """Everything that `verify` finds."""
    return [each for check in checks_of(chain.layout, signing=signing()) for each in check.run()]


@pytest.mark.parametrize("flips", [1, pytest.param(5, marks=pytest.mark.campaign)])
def test_a_flipped_bit_is_found_and_named(chain: Chain, tally: Tally, flips: int) -> None:
    """In a part, a lookup, a report, a record, a commit, a model, a signature or the digests: the very file is named.

    Of a card that says the same as before, its signature.
    """
    random, files = np.random.default_rng(SEED), stored_files(chain)
    tried = list(one_of_each_kind(files)) if flips == 1 else files

    for path in tried:
        whole = path.read_bytes()
        for _ in range(flips):
            changed = bytearray(whole)
            changed[random.integers(len(changed))] ^= 1 << random.integers(8)
            path.write_bytes(bytes(changed))
            damaged = found(chain)
            tally.tried()
            tally.found(wrong=not damaged, words=not all(each.advice for each in damaged))
            telling = {str(path), str(path.with_name("card.sig"))} if path.name == "card.json" else {str(path)}
            tally.found(words=not telling & {each.file for each in damaged})
        path.write_bytes(whole)

    assert len(tried) >= 15
    assert not tally.faults, f"seed {SEED}"
    assert found(chain) == []
