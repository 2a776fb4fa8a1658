"""Bits of Parquet rot: none is read as another value, and each says where it lies and what the way back is."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import churn_assets
from churn_assets.core.errors import DamagedVersion, ModelFault
from churn_assets.storage.layout import Layout
from churn_assets.storage.models.store import ModelStore
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.tables.table import Table
from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.integration.installation import CHAIN, NIGHTS, Installation

pytestmark = [pytest.mark.integration, pytest.mark.fault("a bit flips in a table")]

FLIPS = 60
SEED = 20_261_126


def parts_of(installation: Installation, table: str, day: object) -> list[Path]:
    """The files of a table's day, whatever their version."""
    return sorted((installation.data / "tables" / table / f"snapshot_date={day}").glob("*/part-*.parquet"))


def flipped(content: bytes, random: np.random.Generator) -> bytes:
    """The same bytes, one bit of which is another."""
    changed = bytearray(content)
    changed[random.integers(len(content))] ^= 1 << random.integers(8)
    return bytes(changed)


@pytest.fixture
def rotting(rescored: Installation) -> Iterator[tuple[Installation, Path]]:
    """An installation, and the part of its first night's current scores."""
    version = PublishedScores(Layout(rescored.data)).day(NIGHTS[0])
    [part] = version.files
    yield rescored, part
    del version


@pytest.mark.parametrize("flips", [20, pytest.param(400, marks=pytest.mark.campaign)])
@pytest.mark.parametrize("name", CHAIN)
def test_no_flip_reads_back_as_other_rows(rescored: Installation, tally: Tally, name: str, flips: int) -> None:
    """Of random single bits that flip in a part of any table, every one is found before a row is used."""
    table = Table(Layout(rescored.data).table(name))
    [part] = table.version(NIGHTS[0]).files
    random, whole = np.random.default_rng(SEED), part.read_bytes()
    rows = table.version(NIGHTS[0]).read()

    for _ in range(flips):
        part.write_bytes(flipped(whole, random))
        tally.tried()
        try:
            read = table.version(NIGHTS[0]).verified().read()
        except DamagedVersion as error:
            tally.found(words=f"{name} {NIGHTS[0]}: {part.name} of version {part.parent.name}" not in str(error))
        else:
            tally.found(wrong=not read.equals(rows))

    assert not tally.faults, f"seed {SEED}"


@pytest.mark.fault("a bit flips in a model or a lookup")
@pytest.mark.parametrize("flips", [10, pytest.param(200, marks=pytest.mark.campaign)])
@pytest.mark.parametrize("name", ["card.json", "model.joblib", "golden.parquet", "reference.json", "kernel.npz"])
def test_no_flip_in_a_model_is_used(installation: Installation, tally: Tally, name: str, flips: int) -> None:
    """A model that differs by a bit is refused by its name; a kernel that does is none, and is compiled anew."""
    store = ModelStore(Layout(installation.data).models)
    [version] = store.versions()
    path, card = store.root / version / name, store.card(version)
    use: dict[str, Callable[[], object]] = {
        "card.json": lambda: store.card(version),
        "model.joblib": lambda: store.load(version),
        "golden.parquet": lambda: store.golden(card),
        "reference.json": lambda: store.reference(card),
        "kernel.npz": lambda: store.kernel(card),
    }
    random, whole = np.random.default_rng(SEED), path.read_bytes()

    for _ in range(flips):
        path.write_bytes(flipped(whole, random))
        tally.tried()
        try:
            tally.found(wrong=use[name]() is not None)
        except ModelFault as error:
            tally.found(words=version not in str(error))

    assert not tally.faults, f"seed {SEED}"


def test_pages_alone_tell_most_flips_to_whoever_reads_the_table(rotting: tuple[Installation, Path]) -> None:
    """Without a digest, as `scores show` and a data set read: a changed page is an error, and never another value."""
    installation, part = rotting
    random, whole = np.random.default_rng(SEED), part.read_bytes()
    rows = churn_assets.read_scores(installation.data, NIGHTS[0]).to_table()
    wrong = 0

    for _ in range(FLIPS):
        part.write_bytes(flipped(whole, random))
        try:
            read = churn_assets.read_scores(installation.data, NIGHTS[0]).to_table()
        except Exception:  # noqa: BLE001, S112  # told, in whatever words Arrow has
            continue
        wrong += not read.equals(rows)

    assert wrong <= 1, f"seed {SEED}"  # a footer has no checksum


def test_a_rollback_to_rot_is_refused(rotting: tuple[Installation, Path]) -> None:
    """Scores that are not what was published do not become current; the sentence names table, day and version."""
    installation, part = rotting
    [other] = [path for path in parts_of(installation, "churn_scores", NIGHTS[0]) if path != part]
    other.write_bytes(flipped(other.read_bytes(), np.random.default_rng(SEED)))
    before = installation.run("scores", "history", "--date", str(NIGHTS[0]), "--json").json

    refused = installation.run("rollback", "--date", str(NIGHTS[0]), "--reason", "no").error(1)

    assert f"churn_scores {NIGHTS[0]}: part-0.parquet of version {other.parent.name} is damaged" in refused
    assert installation.run("scores", "history", "--date", str(NIGHTS[0]), "--json").json == before


def test_a_training_on_rot_is_refused(installation: Installation) -> None:
    """A part of the history that rotted stops the training with its table, day and the way back, which mends it."""
    [model] = installation.run("models", "--json").json
    card = installation.run("models", "--card", model["model_version"], "--json").json
    day = next(each["snapshot_date"] for each in card["inputs"] if each["table"] == "customer_features")
    [part] = parts_of(installation, "customer_features", day)
    part.write_bytes(flipped(part.read_bytes(), np.random.default_rng(SEED)))
    installation.configure("training: {window_days: 14, parameters: {max_iter: 10}}\n")

    refused = installation.run("train", "--as-of", str(NIGHTS[0])).error(1)

    assert f"customer_features {day}: part-0.parquet of version {part.parent.name} is damaged" in refused
    assert f"`churn-assets run --date {day}` makes it again" in refused
    assert len(installation.run("models", "--json").json) == 1
    assert installation.materialize(dt.date.fromisoformat(day), "customer_features").success
    assert installation.run("train", "--as-of", str(NIGHTS[0])).exit_code == 0


def test_a_night_on_rot_is_refused_and_made_again(installation: Installation) -> None:
    """A rotten input stops the stage that reads it; running the day again makes the very same version anew."""
    [part] = parts_of(installation, "customer_features", NIGHTS[1])
    whole = part.read_bytes()
    part.write_bytes(flipped(whole, np.random.default_rng(SEED)))

    refused = installation.materialize(NIGHTS[1], "churn_scores")
    again = installation.run("run", "--date", str(NIGHTS[1]))

    [failure] = [event for event in refused.all_events if event.is_step_failure]
    assert f"customer_features {NIGHTS[1]}: part-0.parquet" in str(failure.step_failure_data.user_failure_data)
    assert again.exit_code == 0, again.stderr
    assert part.read_bytes() == whole


@pytest.mark.parametrize("damage", ["rot", "gone"])
def test_a_damaged_yesterday_does_not_block_tonight(installation: Installation, damage: str) -> None:
    """The comparison with the last scored day is left out, with a warning, and the night is published."""
    [part] = parts_of(installation, "churn_scores", NIGHTS[1])
    if damage == "rot":
        part.write_bytes(part.read_bytes()[:-100])
    else:
        shutil.rmtree(part.parent)

    night = installation.run("run", "--date", str(NIGHTS[2]), "--json")

    assert night.exit_code == 0, night.stderr
    assert f"{NIGHTS[2]} is not compared with the last scored day" in night.stderr
