"""An expiry that is cut off or raced at any instant: what is current is whole, and the next one finishes its work."""

import datetime as dt
import random
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from churn_assets.core.errors import ChurnError, UnknownVersion
from churn_assets.core.options import GateBounds
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.maintenance.expire import expire, plan_expiry
from churn_assets.storage.expirations import Expirations
from churn_assets.storage.inventory import Inventory, Stored
from churn_assets.storage.models.registry import Canary, Registry
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.parquet import open_part
from churn_assets.storage.tables.table import Table
from churn_assets.storage.verification import checks_of
from churn_assets_tests.aged import (
    REJECTED,
    contents,
    current_rows,
    expire_while_recording,
    expired_names,
    late,
)
from churn_assets_tests.chains import chain_over, copied
from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.storage_factories import DAY, make_card, running

pytestmark = pytest.mark.fault("an expiry is killed, or races")

SEED = 20_261_127
STEPS = ((Inventory, "set_aside"), (Table, "release"), (Expirations, "record"), (Table, "publish"), (shutil, "rmtree"))


class KilledError(BaseException):
    """The end of the process, as far as the code that runs is concerned."""


@pytest.fixture(scope="module")
def undisturbed(aged: Chain, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """The same after an expiry that nobody disturbed."""
    chain = copied(aged, tmp_path_factory.mktemp("undisturbed"))
    expire(chain, "tester", late())
    return chain


def kill_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> list[str]:
    """Let the process end before the step of this number, every other time in the middle of a removal; what ran."""
    ran: list[str] = []

    def counted(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*given: Any, **named: Any) -> Any:
            if len(ran) == steps:
                if name == "rmtree":
                    for path in [each for each in Path(given[0]).rglob("*") if each.is_file()][:1]:
                        path.unlink()
                raise KilledError
            ran.append(name)
            return step(*given, **named)

        return stepping

    for owner, name in STEPS:
        monkeypatch.setattr(owner, name, counted(name, getattr(owner, name)))
    return ran


@pytest.mark.parametrize("step", [1, 3, 18, 24, *(pytest.param(n, marks=pytest.mark.campaign) for n in range(27))])
def test_a_killed_expiry_is_finished_by_the_next(
    aged: Chain, undisturbed: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, tally: Tally
) -> None:
    """Whatever step was the last: nothing current is lost, and the next run leaves what an undisturbed one leaves."""
    chain = copied(aged, tmp_path)
    with monkeypatch.context() as patched:
        kill_after(patched, step)
        with pytest.raises(KilledError):
            expire(chain, "tester", late())
    tally.tried()
    between = current_rows(chain)
    tally.found(lost=between.keys() != current_rows(undisturbed).keys())

    expire(chain, "tester", late())

    names = expired_names(chain)
    tally.found(
        lost=current_rows(chain) != current_rows(undisturbed),
        wrong=contents(chain) != contents(undisturbed)
        or bool([each for check in checks_of(chain.layout) for each in check.run()]),
        doubled=sum(names.count(each) > 1 for each in names if each[0] in {"customers", "models"}),
    )
    assert not tally.faults


def test_two_expiries_at_once_remove_the_same_once(
    aged: Chain, undisturbed: Chain, tmp_path: Path, tally: Tally
) -> None:
    """Neither fails, what is left is what one alone leaves, and each version is recorded once."""
    chain = copied(aged, tmp_path)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            expire(chain_over(chain.layout.data_dir), "tester", late())
        except BaseException as error:  # noqa: BLE001  # told by the test
            failures.append(error)

    workers = [threading.Thread(target=run) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    tally.tried()
    versions = [each for each in expired_names(chain) if each[0] == "customers"]
    tally.found(lost=current_rows(chain) != current_rows(undisturbed), doubled=len(versions) - len(set(versions)))
    assert not failures
    assert not tally.faults
    assert contents(chain) == contents(undisturbed)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_version_that_is_rolled_back_to_meanwhile_is_kept_or_refused(
    aged: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, tally: Tally
) -> None:
    """Of a rollback and an expiry one comes first: what is current has its files, whichever it is."""
    chain = copied(aged, tmp_path)
    [old] = [
        each
        for plan in plan_expiry(chain, late())
        for each in plan.things
        if plan.kind == "version" and each.table == "churn_scores"
    ]
    set_aside, told = Inventory.set_aside, []

    def with_a_rollback(inventory: Inventory, stored: Stored) -> Stored | None:
        aside = set_aside(inventory, stored) if moment == "after" else None
        if stored == old:
            try:
                Table(chain.scores.root).rollback(DAY, old.version, Commit("rollback", "tester", "now"))
            except ChurnError as error:
                told.append(error)
        return aside or set_aside(inventory, stored)

    monkeypatch.setattr(Inventory, "set_aside", with_a_rollback)
    expire(chain, "tester", late())

    tally.tried()
    current = chain.scores.version(DAY).verified()
    assert current.rows == 3
    assert (current.version == old.version) == (moment == "before")
    assert [type(error) for error in told] == ([] if moment == "before" else [UnknownVersion])
    assert not list((chain.scores.root / "_expired").glob("*/*"))


@pytest.mark.parametrize("first", ["record", "expiry"])
@pytest.mark.parametrize("recorded", ["promotion", pytest.param("canary", marks=pytest.mark.campaign)])
def test_of_a_promotion_and_an_expiry_of_its_model_one_comes_first(
    aged: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: str, first: str, tally: Tally
) -> None:
    """Whoever is champion or canary is there, whole: the model stays, or the record that came second is refused."""
    chain = copied(aged, tmp_path)
    registry = Registry(chain.layout, GateBounds())

    def act() -> object:
        if recorded == "promotion":
            return registry.promote(REJECTED, actor="tester", reason="better")
        return registry.set_canary(Canary(REJECTED, 0.5), actor="tester", reason="better")

    refused = expire_while_recording(monkeypatch, act, lambda: expire(chain, "tester", late()), first)

    tally.tried()
    canary = registry.canary()
    serving = {registry.champion(), *([canary.model_version] if canary else [])}
    tally.found(
        lost=len(serving - set(registry.models.versions())),
        wrong=bool([each for check in checks_of(chain.layout) for each in check.run()]),
        words=(first == "record") != (refused is None),
    )
    assert not tally.faults
    assert (REJECTED in serving) == (first == "record")
    assert (REJECTED in registry.models.versions()) == (first == "record")
    assert (("models", REJECTED) in expired_names(chain)) == (first == "expiry")
    assert serving - {REJECTED} <= {make_card().model_version}
    assert first == "record" or f"model {REJECTED} has expired" in str(refused)


def test_a_reader_with_a_file_open_reads_on(aged: Chain, tmp_path: Path, tally: Tally) -> None:
    """The operating system keeps what is removed for whoever has it open: every row comes, each page checked."""
    chain = copied(aged, tmp_path)
    things = [each for plan in plan_expiry(chain, late()) for each in plan.things if plan.kind == "version"]
    part = things[0].path / "part-0.parquet"

    with open_part(part) as file:
        expire(chain, "tester", late())
        rows = file.read().num_rows

    tally.tried()
    assert not part.exists()
    assert rows == 3


def expire_endlessly(folder: Path, moment: dt.datetime) -> None:
    """Expire what lies below `folder`, again and again, until killed."""
    while True:
        expire(chain_over(folder), "tester", moment)


@pytest.mark.campaign
def test_sigkill_at_random_moments(aged: Chain, undisturbed: Chain, tmp_path: Path, tally: Tally) -> None:
    """A process that is killed at any moment of its expiry loses nothing that is current."""
    moments = random.Random(SEED)  # noqa: S311  # when to kill, guards nothing
    for attempt in range(40):
        chain = copied(aged, tmp_path / str(attempt))
        with running(expire_endlessly, chain.layout.data_dir, late()) as process:
            time.sleep(moments.uniform(0.2, 3.0))
            process.kill()
            process.join()
        tally.tried()
        expire(chain, "tester", late())
        tally.found(
            lost=current_rows(chain) != current_rows(undisturbed), wrong=contents(chain) != contents(undisturbed)
        )

    assert not tally.faults, f"seed {SEED}"
