"""Nights whose tables lie in a bucket and whose runs stand in PostgreSQL: disturbed, they leave those of a disk."""

import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pyarrow.fs import LocalFileSystem, S3FileSystem, copy_files

from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.faults.nights.conftest import Night, spread
from churn_assets_tests.faults.nights.night_state import audit_disturbed, audit_recovered
from churn_assets_tests.faults.nights.warm import Warm
from churn_assets_tests.integration.installation import Installation
from churn_assets_tests.postgres import PostgresServer, postgres_server
from churn_assets_tests.s3_server import make_bucket, serving_s3

pytestmark = [pytest.mark.integration, pytest.mark.campaign]

PARTS, KILLS_OF_A_PART, RACES = 2, 10, 8


@dataclass(frozen=True)
class SharedStorage:
    """Where installations are moved to: an S3 server and a PostgreSQL."""

    endpoint: str
    postgres: PostgresServer

    def move(self, installation: Installation, folder: Path) -> "SharedInstallation":
        """Its tables and models in a bucket of their own, used by a machine that works in `folder`."""
        bucket = f"{make_bucket(self.endpoint)}/production"
        for name in ("tables", "models"):
            copy_files(
                str(installation.data / name),
                f"{bucket}/{name}",
                source_filesystem=LocalFileSystem(),
                destination_filesystem=S3FileSystem(endpoint_override=self.endpoint),
            )
        return SharedInstallation(self, bucket, installation, folder)


@dataclass(frozen=True)
class SharedInstallation:
    """An installation in a bucket; `exported` is the one whose exports it reads."""

    storage: SharedStorage
    bucket: str
    exported: Installation
    folder: Path

    def machine(self, name: str, *, with_postgres: bool = True) -> Installation:
        """A machine that works on it and has fetched nothing, with Dagster's runs in a database or on itself."""
        work = self.folder / name / "work"
        work.mkdir(parents=True)
        (work / "source").symlink_to(self.exported.data / "source")
        shutil.copy(self.exported.root / "config.yaml", work.parent)
        environment = {"CHURN_DATA_DIR": f"s3://{self.bucket}", "CHURN_WORK_DIR": str(work)}
        if with_postgres:
            environment["CHURN_DAGSTER_PG_URL"] = self.storage.postgres.create(f"dagster_{secrets.token_hex(4)}")
        return Installation(work.parent, {**self.exported.environment, **environment})

    def fetched(self, machine: Installation) -> Installation:
        """What lies in the bucket now, as a folder, with the runs of `machine`."""
        copy = Installation(self.folder / f"fetched-{secrets.token_hex(4)}", machine.environment)
        copy_files(
            self.bucket,
            str(copy.data),
            source_filesystem=S3FileSystem(endpoint_override=self.storage.endpoint),
            destination_filesystem=LocalFileSystem(),
        )
        return copy


@pytest.fixture(scope="module")
def storage() -> Iterator[SharedStorage]:
    """Both servers."""
    with serving_s3() as endpoint, postgres_server() as postgres:
        yield SharedStorage(endpoint, postgres)


@pytest.mark.fault("a night in a bucket and PostgreSQL is killed")
@pytest.mark.parametrize("part", range(PARTS))
def test_a_killed_night_is_whole_after_a_plain_run(
    watched_night: Night, storage: SharedStorage, warm: Warm, tmp_path: Path, tally: Tally, part: int
) -> None:
    """Whatever instant it is killed at, the bucket holds whole tables, then the very bytes of a night on a disk."""
    calm = storage.move(watched_night.installation, tmp_path / "calm")
    machine = calm.machine("machine")
    started = time.monotonic()
    code, said = warm.run(machine, *watched_night.words)
    seconds, reached = time.monotonic() - started, []
    assert code == 0, said
    audit_recovered(calm.fetched(machine), watched_night.after, tally)
    assert not tally.faults  # undisturbed it is the same as on a disk

    for at, share in enumerate(spread(part, PARTS, KILLS_OF_A_PART)):
        shared = storage.move(watched_night.installation, tmp_path / f"killed-{at}")
        machine = shared.machine("machine")
        night = warm.start(machine, *watched_night.words)
        time.sleep(share * 1.02 * seconds)
        night.kill()
        night.wait()
        tally.tried()
        before, after = watched_night.before, watched_night.after
        found = audit_disturbed(shared.fetched(machine), before, after, watched_night.told_first, tally)
        reached.append(len(found.current) - len(before.current))
        code, said = warm.run(machine, *watched_night.words)
        tally.found(not_recovered=code != 0, words="Traceback" in said)
        audit_recovered(shared.fetched(machine), after, tally)
        shutil.rmtree(shared.folder)

    print("tables that had the day:", reached)  # noqa: T201  # how the instants were spread
    assert not tally.faults


@pytest.mark.fault("two nights of a day race in a bucket")
def test_of_two_machines_both_end_well_or_one_in_words(
    watched_night: Night, storage: SharedStorage, warm: Warm, tmp_path: Path, tally: Tally
) -> None:
    """One has Dagster's runs in PostgreSQL, the other on itself: the bucket's commits alone keep them apart."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201  # what a failure is repeated with
    random = np.random.default_rng(seed)

    for at in range(RACES):
        shared = storage.move(watched_night.installation, tmp_path / f"race-{at}")
        machines = [shared.machine("one"), shared.machine("other", with_postgres=False)]
        nights = []
        for machine in machines:
            nights.append(warm.start(machine, *watched_night.words))
            time.sleep(random.uniform(0, 1))
        codes = [night.wait() for night in nights]
        said = [night.said for night in nights]
        tally.tried()
        print(*(text for text, code in zip(said, codes, strict=True) if code))  # noqa: T201  # likewise
        tally.found(
            lost=all(codes),
            words=sum(
                code != 0 and (text.count("error: ") != 1 or "Traceback" in text)
                for text, code in zip(said, codes, strict=True)
            ),
        )
        for machine in machines:
            code, text = warm.run(machine, *watched_night.words)
            tally.found(not_recovered=code != 0, words="Traceback" in text)
            audit_recovered(shared.fetched(machine), watched_night.after, tally)
        shutil.rmtree(shared.folder)

    assert not tally.faults
