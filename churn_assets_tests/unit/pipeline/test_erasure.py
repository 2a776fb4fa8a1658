"""One customer is erased from everything that is stored, and everything else stays as it was."""

import datetime as dt
import secrets
import shutil
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from churn_assets.core.errors import PartitionConflict, RunError, SinkFault, UnknownVersion
from churn_assets.core.options import Decisions, Recipe
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers import land
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.pipeline.erasure import forget_customer, locate_customer
from churn_assets.pipeline.features import featurize_customers
from churn_assets.pipeline.libraries import installed_libraries
from churn_assets.pipeline.readiness.databases import sink_point
from churn_assets.pipeline.scoring.score import ScoreOptions, score_customers
from churn_assets.pipeline.scoring.sink import sink_scores
from churn_assets.pipeline.training.train import train_model
from churn_assets.storage.layout import ERASURE_KEY, feature_counts_file, version_folder
from churn_assets.storage.models.opening import open_proven
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.scores.sink import ScoreSink
from churn_assets.storage.scores.trace import trace_score
from churn_assets.storage.tables import parquet
from churn_assets.storage.tables.commits import Commit
from churn_assets_tests.chains import AS_OF, HORIZON, chain_over, copied, export
from churn_assets_tests.databases import database
from churn_assets_tests.erasing import erase_and_die, files_that_tell, stored_rows
from churn_assets_tests.factories import member_columns
from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.serving import asking, make_app, wait_for
from churn_assets_tests.storage_factories import publish, running, score_rows

RUN = RunContext("tester", reason="ticket 12")
ERASED, BROKEN, OTHER = "c00013", "c00008", "c00014"
MARK = "MARK-of-one-customer"
MORNING = dt.datetime.combine(AS_OF, dt.time(6), dt.UTC) + dt.timedelta(days=1)


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A day that was scored and explained twice, with other thresholds the second time; not to be changed."""
    folder = tmp_path_factory.mktemp("scored")
    for customers, day in ((60, AS_OF), (66, AS_OF - HORIZON), (72, AS_OF - 2 * HORIZON)):
        visits: list[object] = [MARK if number == 8 and day == AS_OF else "3" for number in range(customers)]
        export(folder, day, customers=customers, visits=visits)
    chain = chain_over(folder, recipe=Recipe(window_days=1, parameters={"max_iter": 5}))
    model = train_model(chain, AS_OF, RUN).card
    chain.registry.promote(model.model_version, actor="tester", reason="the first", force=True)
    featurize_customers(chain, AS_OF, RUN)
    score_customers(chain, AS_OF, ScoreOptions(), RUN)
    score_customers(replace(chain, decisions=Decisions(medium_above=0, high_above=0)), AS_OF, ScoreOptions(), RUN)
    return chain


@pytest.fixture
def scored(scored_once: Chain, tmp_path: Path) -> Chain:
    """A copy of `scored_once` that the test may change."""
    return copied(scored_once, tmp_path)


def test_nothing_of_a_customer_is_left_and_all_else_is_as_it_was(scored: Chain, scored_once: Chain) -> None:
    """Every version is the one before without their rows; what follows from a version's old name leads to the new."""
    data, before = scored.layout.data_dir, scored_once.layout.data_dir
    old = [event.version for event in scored.scores.history(AS_OF)]
    with asking(make_app(data, MORNING)) as client:
        served = [client.get(f"/v1/scores/{ERASED}").status_code]

        done = forget_customer(scored, ERASED, RUN)

        wait_for(lambda: client.get(f"/v1/scores/{ERASED}").status_code == 404)
        served += [client.get(f"/v1/scores/{each}").status_code for each in (OTHER, ERASED)]

    assert files_that_tell(before, ERASED) != files_that_tell(data, ERASED) == []
    assert stored_rows(data, "customer_id", ERASED) == stored_rows(before, "customer_id", ERASED)
    assert (data / "source" / f"snapshot_date={AS_OF}" / "members.parquet").exists()
    assert served == [200, 200, 404]
    assert done.tables["golden_rows"] == 1
    assert {name: done.tables[name] for name in ("raw_customers", "customers", "churn_scores")} == {
        "raw_customers": 3,
        "customers": 3,
        "churn_scores": 2,
    }
    assert done.row()["versions"][0]["from"] != done.row()["versions"][0]["to"]
    moved = {each.old: each.new for table, each in done.versions if table == "churn_scores"}
    assert [event.version for event in scored.scores.history(AS_OF)] == [moved[version] for version in old]
    for table in (scored.raw, scored.customers, scored.features, scored.scores):
        table.version(AS_OF).verified()
        log = "".join(path.read_text() for path in table.root.glob("_delta_log/*.json"))
        assert "minValues" not in log
    assert (scored.scores.root / feature_counts_file(AS_OF, moved[old[-1]])).is_file()


def test_what_was_published_before_is_still_told_and_taken_back(scored: Chain) -> None:
    """Trace, history and rollback go on, by today's names and by those that a person has noted."""
    first, second = (event.version for event in scored.scores.history(AS_OF))
    forget_customer(scored, ERASED, RUN)
    scores = PublishedScores(scored.layout)
    new = [scored.scores.resolve(AS_OF, version) for version in (first, second)]

    traced = trace_score(scored.layout, OTHER, AS_OF, first)
    history = scores.history(AS_OF)
    moved = scores.rollback([AS_OF], first, "tester", "as before")

    card = scored.registry.models.verify(traced["model"]["model_version"])
    assert traced["score"]["version"] == new[0]
    assert traced["raw"]["row"]["customer_id"] == OTHER
    assert [row["kind"] for row in history] == ["erasure", "score", "score"]
    assert [row["score_version"] for row in history] == [new[1], new[1], new[0]]
    assert (history[0]["current"], history[0]["reason"], history[0]["rows"]) == (True, "ticket 12", 58)
    assert (moved[0]["from"], moved[0]["to"]) == (new[1], new[0])
    assert scores.day(AS_OF).rows == 58
    assert open_proven(scored.registry.models, card, scored.profile, installed_libraries()).model.kernel is not None
    assert all(
        scored.customers.version(each.snapshot_date, each.version) for each in card.inputs if each.table == "customers"
    )
    with pytest.raises(UnknownVersion, match="was not in the source"):
        trace_score(scored.layout, ERASED, AS_OF)


def test_a_day_that_is_run_again_leaves_the_customer_out(scored: Chain, caplog: pytest.LogCaptureFixture) -> None:
    """The source still holds them: what lands is what the erasure left, and the log counts the rows that did not."""
    forget_customer(scored, ERASED, RUN)
    before = [table.current(AS_OF) for table in (scored.raw, scored.customers, scored.features)]

    landed = land_customers(scored, AS_OF, RUN)
    validate_customers(scored, AS_OF, RUN)
    featurize_customers(scored, AS_OF, RUN)

    assert (landed.rows, landed.erased, landed.published.changed) == (59, 1, False)
    assert [table.current(AS_OF) for table in (scored.raw, scored.customers, scored.features)] == before
    assert f"{AS_OF}: rows of customers who were erased stand in the source: 1 left out" in caplog.messages
    assert scored.raw.history(AS_OF)[-1].commit.details["erased"] == 1


@pytest.mark.parametrize("turn", [1, -1], ids=["in order", "to be sorted"])
def test_a_landing_of_several_parts_gives_what_the_erasure_left(
    turn: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts are cut before anybody is left out, in the order of the source or sorted: the versions are the same."""
    for module in (parquet, land):
        monkeypatch.setattr(module, "PART_ROWS", 12)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 4)
    export(tmp_path, AS_OF, 40, customer_id=list(member_columns(40)["customer_id"])[::turn])
    chain = chain_over(tmp_path)
    land_customers(chain, AS_OF, RUN)
    validate_customers(chain, AS_OF, RUN)
    forget_customer(chain, ERASED, RUN)
    left = [table.current(AS_OF) for table in (chain.raw, chain.customers)]

    landed = land_customers(chain, AS_OF, RUN)
    validate_customers(chain, AS_OF, RUN)

    assert (landed.rows, landed.erased, len(chain.raw.version(AS_OF).files)) == (39, 1, 4)
    assert [table.current(AS_OF) for table in (chain.raw, chain.customers)] == left


def test_who_is_erased_while_a_day_lands_is_not_landed(tmp_path: Path) -> None:
    """The landing had let them in: it publishes nothing, and the next one leaves them out."""
    export(tmp_path, AS_OF, 20)
    chain = chain_over(tmp_path)

    class Slow:
        """The source, which is asked for its manifest when all rows were read."""

        def __getattr__(self, name: str) -> object:
            if name == "expected_rows":
                chain.erasures.begin(ERASED, "tester", "ticket 12")
            return getattr(chain.source, name)

    with pytest.raises(PartitionConflict, match="a customer was erased meanwhile; run the day again"):
        land_customers(replace(chain, source=Slow()), AS_OF, RUN)  # type: ignore[arg-type]  # it is one by its methods
    nothing = chain.raw.days()
    landed = land_customers(chain, AS_OF, RUN)

    assert (nothing, landed.rows, landed.erased) == ([], 19, 1)


def test_the_sink_loses_the_customer_and_keeps_the_others(tmp_path: Path) -> None:
    """Their rows of every day are deleted; what it holds of the newest day is still what is published."""
    sink = ScoreSink(database(f"sqlite:///{tmp_path}/sink.db", "sink"), "churn_scores")
    chain = chain_over(tmp_path / "data", sink=sink)
    for day in (AS_OF - HORIZON, AS_OF):
        publish(chain.scores, score_rows(5), day)
        sink_scores(sink, chain.scores, day)

    done = forget_customer(chain, "c0000003", RUN)

    assert done.tables == {"churn_scores": 2, "score_sink": 2}
    assert (sink_point(chain).passed, sink_scores(sink, chain.scores, AS_OF).rows) == (True, 4)
    assert sink.delete_customer("c0000003") == 0


def test_a_customer_who_is_left_in_the_sink_alone_is_erased_there(tmp_path: Path) -> None:
    """An erasure without the sink leaves its rows; the next one finds and removes them, and is recorded as another."""
    sink = ScoreSink(database(f"sqlite:///{tmp_path}/sink.db", "sink"), "churn_scores")
    chain = chain_over(tmp_path / "data", sink=sink)
    publish(chain.scores, score_rows(5), AS_OF)
    sink_scores(sink, chain.scores, AS_OF)
    first = forget_customer(replace(chain, sink=None), "c0000003", RUN)

    left = locate_customer(chain, "c0000003").tables
    second = forget_customer(chain, "c0000003", RUN)

    last = chain.erasures.last("c0000003")
    assert last is not None
    assert (first.tables, left, second.tables) == ({"churn_scores": 1}, {"score_sink": 1}, {"score_sink": 1})
    assert (last["event"], last["tables"], sink.rows_of("c0000003")) == ("done", '{"score_sink": 1}', 0)
    with pytest.raises(
        UnknownVersion, match=r"in no table below .* and not in .*, table churn_scores: they were erased"
    ):
        forget_customer(chain, "c0000003", RUN)


@pytest.mark.fault("a database for scores is down")
def test_nobody_is_said_to_be_nowhere_while_the_sink_cannot_be_asked(tmp_path: Path) -> None:
    """That they may stand there is told; nothing is recorded, so that the same words again begin the erasure."""
    sink = ScoreSink(database(f"sqlite:///{tmp_path}/gone/sink.db", "sink"), "churn_scores")
    chain = chain_over(tmp_path / "data", sink=sink)
    publish(chain.scores, score_rows(5), AS_OF)

    found = locate_customer(chain, "nobody")

    assert (found.tables, [type(each) for each in found.unreadable]) == ({}, [SinkFault])
    with pytest.raises(RunError, match=r"may still be in one place; they stand nowhere else: .*there is no such file"):
        forget_customer(chain, "nobody", RUN)
    assert chain.erasures.last("nobody") is None


def test_the_record_names_nobody(scored: Chain) -> None:
    """Who, when, why and how many rows are kept; a second erasure finds nothing, and says when the first was."""
    where = locate_customer(scored, BROKEN)
    done = forget_customer(scored, BROKEN, RUN)

    with pytest.raises(UnknownVersion, match=r"is in no table below .*: they were erased on 20\d\d-"):
        forget_customer(scored, BROKEN, RUN)
    with pytest.raises(UnknownVersion, match="in no version, lookup or model; nothing was changed"):
        forget_customer(scored, "nobody", RUN)

    last = scored.erasures.last(BROKEN)
    assert last is not None
    assert (last["event"], last["actor"], last["reason"]) == ("done", "tester", "ticket 12")
    assert (last["customer_hash"], last["versions"]) == (done.customer_hash, len(done.versions))
    assert where.tables["quarantined_customers"] == done.tables["quarantined_customers"] == 1
    assert files_that_tell(scored.layout.data_dir, BROKEN) == files_that_tell(scored.layout.data_dir, MARK) == []
    assert (scored.layout.data_dir / ERASURE_KEY).stat().st_mode & 0o777 == 0o600


def test_looking_where_a_customer_stands_changes_nothing(scored_once: Chain) -> None:
    """Every version with their rows is told, and the model among whose golden rows they are; no file is touched."""
    data = scored_once.layout.data_dir
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}

    found = locate_customer(scored_once, ERASED)

    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before
    assert found.tables["churn_scores"] == 2
    assert [each.is_current for each in found.standings if each.table == "churn_scores"].count(True) == 1
    assert list(found.models.values()) == [1]


def test_who_read_it_before_reads_on_and_publishes_nothing_of_it(scored: Chain) -> None:
    """An open file has its rows to the end; a stage that read the customer, and would publish a new day, is refused."""
    read = scored.raw.version(AS_OF - HORIZON)
    staged = scored.features.write(read.day, read.schema, "customer_id", [read.read()])
    [path] = scored.scores.version(AS_OF).files
    with pq.ParquetFile(path) as file:
        forget_customer(scored, ERASED, RUN)

        rows = file.read().num_rows
        with pytest.raises(PartitionConflict, match=r"a customer was erased from what .* was made of"):
            scored.raw.publish(staged, None, Commit("land", "tester", details={"raw_version": read.version}))

    assert (rows, path.exists()) == (59, False)


def test_what_cannot_be_read_is_named_and_the_rest_is_done(scored: Chain) -> None:
    """Nobody can tell who is in a torn file: the erasure is not done until it is restored or removed."""
    [features] = scored.features.version(AS_OF).files
    good = features.read_bytes()
    features.write_bytes(good[:100])
    with pytest.raises(RunError, match=r"the customer may still be in one place; they stand nowhere else"):
        forget_customer(scored, "nobody", RUN)
    with pytest.raises(RunError, match=r"the customer may still be in one place; all else is done"):
        forget_customer(scored, ERASED, RUN)
    left = files_that_tell_parquet_apart(scored.layout.data_dir, features)
    features.write_bytes(good)
    forget_customer(scored, ERASED, RUN)

    assert left == []
    assert files_that_tell(scored.layout.data_dir, ERASED) == []


def files_that_tell_parquet_apart(data_dir: Path, but: Path) -> list[str]:
    """As `files_that_tell`, with one file set aside that cannot be read."""
    aside = data_dir.parent / "aside"
    shutil.move(but, aside)
    try:
        return files_that_tell(data_dir, ERASED)
    finally:
        shutil.move(aside, but)


@pytest.mark.fault("an erasure is killed at any instant")
@pytest.mark.parametrize("kills", [2, pytest.param(30, marks=pytest.mark.campaign)])
def test_a_killed_erasure_is_finished_by_the_next(kills: int, scored_once: Chain, tmp_path: Path, tally: Tally) -> None:
    """Killed before any change to a file's name: readers go on, and the same words again leave the same files."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201  # what a failure is repeated with
    random = np.random.default_rng(seed)
    undisturbed = copied(scored_once, tmp_path / "undisturbed")
    steps = kill_at(undisturbed, 0, tmp_path / "steps")
    whole = stored_files(undisturbed)

    for at in range(kills):
        chain = copied(scored_once, tmp_path / f"killed-{at}")
        kill_at(chain, int(random.integers(1, steps + 1)), tmp_path / "steps")
        rows = [table.version(AS_OF).verified().rows for table in (chain.raw, chain.scores)]
        again = chain_over(chain.layout.data_dir)
        traced = trace_score(chain.layout, OTHER, AS_OF)["raw"]["row"]["customer_id"]
        with suppress(UnknownVersion):  # it was done but for the killer
            forget_customer(again, ERASED, RUN)
        tally.tried()
        tally.found(wrong=files_that_tell(chain.layout.data_dir, ERASED) != [])
        tally.found(lost=stored_files(chain) != whole or traced != OTHER or min(rows) < 58)

    assert steps > 50
    assert not tally.faults


def test_a_version_goes_last_of_all_that_is_its(scored: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is stopped as the versions themselves are to go left nothing beside them that no attempt would find."""
    old = [event.version for event in scored.scores.history(AS_OF)]
    beside = [scored.scores.root / feature_counts_file(AS_OF, version) for version in old]
    there = [path.is_file() for path in beside]

    def refused(path: Path) -> None:
        if path.name in old and path.parent.parent == scored.scores.root:
            raise KeyboardInterrupt
        rmtree(path)

    rmtree = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", refused)
    with pytest.raises(KeyboardInterrupt):
        forget_customer(scored, ERASED, RUN)

    stopped_at = [path for path in beside if (scored.scores.root / version_folder(AS_OF, path.stem)).is_dir()]
    assert there == [True] * len(old)
    assert [path.is_file() for path in beside].count(False) == 1
    assert len(stopped_at) == len(old)


def kill_at(chain: Chain, step: int, counted: Path) -> int:
    """Erase in a process that is killed before a step; how many there are where it is not."""
    counted.write_text("0")
    with running(erase_and_die, chain.layout.data_dir, ERASED, step, counted) as process:
        process.join(60)
        assert process.exitcode == (-signal.SIGKILL if step else 0)
    return int(counted.read_text())


def stored_files(chain: Chain) -> dict[str, bytes]:
    """Every file of every version, and what lies beside it; not the logs, which tell when and how often."""
    root = chain.layout.data_dir / "tables"
    files = [path for path in root.rglob("*") if path.is_file() and "_delta_log" not in path.parts]
    kept = [path for path in files if any(part.startswith("snapshot_date=") for part in path.parts)]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in kept}
