"""Months of an installation in one bucket, step by step beside the same on a disk: the same answers, the same bytes."""

import datetime as dt
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from pyarrow.fs import LocalFileSystem, S3FileSystem, copy_files

from churn_assets.composition import build_chain
from churn_assets.pipeline.maintenance.expire import expire
from churn_assets.profiles import subscription
from churn_assets.settings import load_settings
from churn_assets.storage.expirations import Expirations
from churn_assets.storage.inventory import Inventory
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.table import Table
from churn_assets_tests.integration.installation import LAST_DAY, REPOSITORY, Installation, Outcome
from churn_assets_tests.s3_server import ACCESS_KEY, SECRET_KEY, make_bucket, serving_s3

pytestmark = [pytest.mark.integration, pytest.mark.campaign]

BIN = Path(sys.executable).parent
PATIENCE = 240
NIGHTS = [LAST_DAY - dt.timedelta(days=more) for more in range(14, -1, -1)]
TRAINED = NIGHTS[7]
CONFIG = """
profile: walked
training: {window_days: 14, parameters: {max_iter: 25}}
gates: {min_roc_auc: 0.5, brier_below_base_rate: false}
audit: {max_tier_change: null, max_mean_change: null, max_reference_psi: null, max_feature_psi: null}
"""
VOLATILE = {
    "seconds",
    "published_at",
    "promoted_at",
    "set_at",
    "run_id",
    "customer_hash",
    "bytes",
    "code_revision",
    "expired",
}
OTHER_TIERS = {"CHURN_DECISIONS__MEDIUM_ABOVE": "0.05"}


@dataclass(frozen=True)
class Walk:
    """The same installation twice: on a disk, and in a bucket that machines of several names share."""

    disk: Installation
    bucket: Installation
    folder: Path

    def machine(self, name: str) -> Installation:
        """Another machine that works on the bucket, and has fetched nothing yet."""
        (self.folder / name).mkdir(exist_ok=True)
        if not (self.folder / name / "source").is_symlink():  # every machine mounts the exports
            (self.folder / name / "source").symlink_to(self.disk.data / "source")
        return self.bucket.having(CHURN_WORK_DIR=str(self.folder / name))

    def both(self, *words: str, **environment: str) -> Any:
        """What a command gives, which has to be the same in both but for times; JSON where it is asked for."""
        told = [each.having(**environment).run(*words) for each in (self.disk, self.bucket)]
        for outcome in told:
            assert outcome.exit_code == 0, outcome.stdout + outcome.stderr
            assert not {ACCESS_KEY, SECRET_KEY} & set(re.findall(r"\w+", outcome.stdout + outcome.stderr))
        answers = [_lasting(outcome.json) if "--json" in words else outcome.stdout for outcome in told]
        assert answers[0] == answers[1]
        return answers[1]

    def layouts(self) -> tuple[Layout, Layout]:
        """Where they lie."""
        with self.bucket.entered():
            return Layout(self.disk.data), Layout.of(load_settings().data_dir)


def _lasting(answer: Any) -> Any:
    """An answer without what is another one each time."""
    if isinstance(answer, dict):
        return {name: _lasting(value) for name, value in answer.items() if name not in VOLATILE}
    return [_lasting(each) for each in answer] if isinstance(answer, list) else answer


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """A company's own profile, and a first model with its night, made on the disk and copied to the bucket."""
    disk = Installation(tmp_path / "installation", {"CHURN_CODE_REVISION": "walked"})
    disk.configure(CONFIG)
    shutil.copy(subscription.__file__, disk.root / "walked.py")
    for words in (
        ("sample", "--customers", "400", "--days", "100", "--until", str(LAST_DAY)),
        ("run", "--date", str(NIGHTS[0])),
    ):
        made = disk.run(*words)
        assert made.exit_code == 0, made.stderr
    with serving_s3() as endpoint:
        name = make_bucket(endpoint)
        there = S3FileSystem(endpoint_override=endpoint)
        for each in ("tables", "models"):
            target = f"{name}/production/{each}"
            copy_files(str(disk.data / each), target, source_filesystem=LocalFileSystem(), destination_filesystem=there)
        shared = Walk(disk, disk.having(CHURN_DATA_DIR=f"s3://{name}/production"), tmp_path)
        yield replace(shared, bucket=shared.machine("machine"))


def test_everything_that_befalls_an_installation_befalls_one_in_a_bucket(walk: Walk) -> None:
    """A backfill, a canary, a promotion, models that come and go, a migration, rollbacks, erasure, expiry, a service.

    Each step gives the same answer as on a disk; at the end the same versions are current, and all bytes are the same.
    """
    _backfill(walk)
    _models(walk)
    _daemon(walk)
    _migration(walk)
    _rollback(walk)
    _service_and_erasure(walk)
    _expiry(walk)
    _looks(walk)
    _same_bytes(walk)


def _backfill(walk: Walk) -> None:
    """Days by two workers, days one after the other, and nothing left to do."""
    words = ("--from", str(NIGHTS[1]), "--to", str(NIGHTS[4]), "--jobs", "2", "--json")
    filled = walk.both("backfill", *words)
    again = walk.both("backfill", *words)
    nights = walk.both("run", "--from", str(NIGHTS[5]), "--to", str(NIGHTS[6]), "--json")

    assert [night["snapshot_date"] for night in filled["nights"]] == [str(day) for day in NIGHTS[1:5]]
    assert (filled["failed"], again["nights"], len(again["published_before"])) == ([], [], 4)
    assert len(nights) == 2


def _models(walk: Walk) -> None:
    """A second model scores unseen, then a share, then everybody; one is taken away and comes back as a stranger."""
    trained = walk.both("train", "--as-of", str(TRAINED), "--json")
    version = trained["model_version"]
    unseen = walk.both("run", "--date", str(NIGHTS[7]), "--json")
    walk.both("canary", version, "--share", "0.2", "--reason", "see it live", "--json")
    shared = walk.both("run", "--date", str(NIGHTS[8]), "--json")
    walk.both("promote", version, "--reason", "it is newer", "--json")
    night = walk.both("run", "--date", str(NIGHTS[9]), "--json")

    assert trained["created"]
    assert len(unseen[0]["models"]) == 1
    assert shared[0]["models"].keys() > {version}
    assert night[0]["models"].keys() == {version}
    for name, each in (("disk", walk.disk), ("bucket", walk.machine("elsewhere"))):
        exported = each.run("models", "export", version, str(walk.folder / f"exported-{name}"))
        assert exported.exit_code == 0, exported.stderr
    artefacts = [walk.folder / f"exported-{name}" / "data" / "model.joblib" for name in ("disk", "bucket")]
    assert artefacts[0].read_bytes() == artefacts[1].read_bytes()
    as_of = NIGHTS[0] - dt.timedelta(days=30)  # a stranger is judged on what came later
    words = ("--trained-as-of", str(as_of), "--reason", "a stranger's", "--trust", "--json")
    imported = walk.both("models", "import", str(artefacts[1]), *words)
    listed = walk.both("models", "--json")
    assert {version, imported["model_version"]} < {each["model_version"] for each in listed}


def _daemon(walk: Walk) -> None:
    """A night that Dagster's daemon runs in a process of its own gives the scores of one from the command line."""
    night = walk.disk.run("run", "--date", str(NIGHTS[10]), "--json")
    workspace = ("-w", str(REPOSITORY / "workspace.yaml"))
    installation = walk.bucket.having(DAGSTER_HOME=str(REPOSITORY))
    tags = json.dumps({"dagster/partition": str(NIGHTS[10])})
    subprocess.run(
        [str(BIN / "dagster"), "job", "launch", *workspace, "-j", "nightly", "--tags", tags],
        cwd=installation.root,
        env=installation.variables(),
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    log = walk.folder / "daemon.log"

    with installation.started(BIN / "dagster-daemon", "run", *workspace, output=log), installation.dagster() as state:
        _wait(lambda: any(run.is_finished for run in _runs_of(state, NIGHTS[10])), log.read_text)
        [run] = _runs_of(state, NIGHTS[10])

    assert run.status == dg.DagsterRunStatus.SUCCESS, log.read_text()[-6000:]
    _, bucket = walk.layouts()
    assert Table(bucket.table("churn_scores")).current(NIGHTS[10]) == night.json[0]["score_version"]


def _runs_of(state: dg.DagsterInstance, day: dt.date) -> list[dg.DagsterRun]:
    return list(state.get_runs(dg.RunsFilter(tags={"dagster/partition": str(day)})))


def _migration(walk: Walk) -> None:
    """A column of another type: every day is written anew, and the next night runs by the new profile."""
    module = walk.disk.root / "walked.py"
    text = module.read_text()
    changed = text.replace("active_days: int =", "active_days: float =")
    assert changed != text
    module.write_text(changed)
    sys.modules.pop("walked", None)

    moved = walk.both("migrate", "--reason", "the warehouse counts halves", "--json")
    again = walk.both("migrate", "--dry-run", "--json")
    night = walk.both("run", "--date", str(NIGHTS[11]), "--json")

    assert {row["table"] for row in moved} >= {"raw_customers", "customers"}
    assert all(row["written_anew"] == row["days"] >= 11 for row in moved)
    assert again == []
    assert night[0]["scored"] > 300


def _rollback(walk: Walk) -> None:
    """A day scored anew, taken back, scored again: the version of before is not written twice."""
    day = str(NIGHTS[7])
    anew = walk.both("run", "--date", day, "--json")[0]["score_version"]
    back = walk.both("rollback", "--date", day, "--reason", "a drill", "--json")
    again = walk.both("run", "--date", day, "--json")[0]["score_version"]
    history = walk.both("scores", "history", "--date", day, "--json")
    walk.both("scores", "diff", "--date", day, "--json")

    assert back["from"] == anew == again != back["to"]
    assert [row["kind"] for row in history] == ["score", "rollback", "score", "score"]


def _service_and_erasure(walk: Walk) -> None:
    """A service on another machine follows nights, a rollback and an erasure, whoever makes them."""
    day = str(NIGHTS[12])
    customer, gone = _customers(walk)
    with _served(walk.machine("service")) as address:
        _wait(lambda: "snapshot_date" in _answer(address, customer), lambda: str(_answer(address, customer)))
        before = _answer(address, customer)
        first = walk.both("run", "--date", day, "--json")[0]["score_version"]
        seen = [_until(address, customer, first)]
        other = walk.both("run", "--date", day, "--json", **OTHER_TIERS)[0]["score_version"]
        seen.append(_until(address, customer, other))
        walk.both("rollback", "--date", day, "--reason", "wrong tiers", "--json")
        seen.append(_until(address, customer, first))
        erased = walk.both("forget", gone, "--reason", "ticket 4711", "--json")
        _wait(lambda: httpx.get(f"{address}/v1/scores/{gone}").status_code == 404, str)
        after = _answer(address, customer)

    assert before["snapshot_date"] == str(NIGHTS[11])
    assert seen[0] == seen[2]
    assert {name: after[name] for name in after if name != "score_version"} == {
        name: seen[0][name] for name in seen[0] if name != "score_version"
    }
    assert erased["tables"]["churn_scores"] >= len(NIGHTS[:13])
    assert after["score_version"] != first
    assert walk.disk.run("scores", "show", customer, "--json").json["score_version"] == after["score_version"]


def _customers(walk: Walk) -> tuple[str, str]:
    """One who is explained, and one who has scores on every night and is not: their erasure leaves reasons alone."""
    explained = set(walk.disk.rows("churn_reasons", NIGHTS[11])["customer_id"].to_pylist())
    scored = [set(walk.disk.rows("churn_scores", day)["customer_id"].to_pylist()) for day in NIGHTS[:12]]
    everywhere = set.intersection(*scored)
    return min(explained & everywhere), min(everywhere - explained)


@contextmanager
def _served(installation: Installation) -> Iterator[str]:
    """The address of `churn-assets serve`."""
    log = installation.root / "serve.log"
    with installation.having(CHURN_APP__POLL_SECONDS="0.2").started(
        BIN / "churn-assets", "serve", "--port", "0", output=log
    ):
        _wait(lambda: "listening" in log.read_text(), log.read_text)
        told = next(json.loads(line) for line in log.read_text().splitlines() if '"listening"' in line)
        yield f"http://{told['host']}:{told['port']}"


def _answer(address: str, customer: str) -> dict[str, Any]:
    asked = httpx.get(f"{address}/v1/scores/{customer}", params={"reasons": "true"}, timeout=60)
    assert asked.status_code in {200, 503}, asked.text
    answer: dict[str, Any] = asked.json()
    return answer


def _until(address: str, customer: str, version: str) -> dict[str, Any]:
    """The answer of the service once it has the scores of this version."""
    _wait(lambda: _answer(address, customer).get("score_version") == version, lambda: str(_answer(address, customer)))
    answer = _answer(address, customer)
    assert answer["reasons"]
    return answer


def _wait(says: Callable[[], bool], told: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE
    while not says():
        assert time.monotonic() < end, told()
        time.sleep(0.2)


def _expiry(walk: Walk) -> None:
    """A year later the same has had its time; what is left is sound, and scores that stay are traced."""
    shown = [each.run("expire", "--dry-run", "--json").json["expired"] for each in (walk.disk, walk.bucket)]
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=400)
    gone = []
    for each in (walk.disk, walk.bucket):
        with each.entered():
            rows = [expired.row() for expired in expire(build_chain(load_settings()), "tester", later)]
        gone.append(
            sorted(
                (row["kind"], row["table"], row["count"], sorted(row["names"]))
                for row in rows
                if row["kind"] not in {"record", "unfinished"}
            )
        )
    names = [
        {
            name
            for row in Expirations(each.folder.below("tables")).rows()
            for name in row["names"]
            if row["kind"] != "record"
        }
        for each in walk.layouts()
    ]

    assert shown == [[], []]
    assert gone[0] == gone[1]
    assert {kind for kind, *_ in gone[1]} >= {"version", "lookup", "model"}
    assert names[0] == names[1]


def _looks(walk: Walk) -> None:
    """Whatever is only looked at, on a machine that has fetched nothing."""
    customer, _ = _customers(walk)
    fresh = walk.machine("fresh")
    verified = fresh.run("verify", "--json")
    assert verified.exit_code == 0, verified.stdout
    assert verified.json["damaged"] == []
    assert verified.json["checked"] > 100
    for words in (
        ("trace", customer, "--date", str(NIGHTS[7]), "--json"),
        ("trace", customer, "--json"),
        ("report", "--json"),
        ("report", "--date", str(NIGHTS[8])),
        ("drift", "--json"),
        ("performance", "--json"),
        ("models", "--json"),
        ("scores", "history", "--date", str(NIGHTS[7]), "--json"),
        ("scores", "show", customer, "--reasons", "--json"),
    ):
        told = [_told(each.run(*words)) for each in (walk.disk, fresh)]
        assert told[0] == told[1], words
    status, doctor = fresh.run("status", "--json"), fresh.run("doctor", "--json")
    assert status.json["snapshot_date"] == str(NIGHTS[12])
    unfit = {each["point"] for each in doctor.json if not each["passed"]}
    assert unfit == {each["point"] for each in walk.disk.run("doctor", "--json").json if not each["passed"]} - {
        "storage"
    }


def _told(outcome: Outcome) -> Any:
    """What a command printed, without times and where a picture lies on this machine."""
    assert outcome.exit_code == 0, outcome.stderr
    if outcome.stdout.startswith(("{", "[")):
        return _lasting(json.loads(outcome.stdout))
    return re.sub(r"/\S+/tables/", "", outcome.stdout)


def _same_bytes(walk: Walk) -> None:
    """Every version, lookup, count, report and model in the bucket is the file that lies on the disk."""
    disk, bucket = walk.layouts()
    names = Inventory(disk).tables()
    current = [{name: Table(each.table(name)).versions() for name in names} for each in (disk, bucket)]
    local = {
        path.relative_to(disk.data_dir).as_posix(): _digest(path.read_bytes())
        for below in ("tables", "models")
        for path in (disk.data_dir / below).rglob("*")
        if path.is_file()
    }
    stored = {name: _digest(bucket.folder.read(name) or b"") for name in bucket.folder.listed()}

    assert current[0] == current[1]
    assert len(names) > 10
    assert {name: at for name, at in stored.items() if _is_content(name)} == {
        name: at for name, at in local.items() if _is_content(name)
    }


def _is_content(name: str) -> bool:
    """Whether a file holds no clock and no id of its own: versions and what lies beside them, and models."""
    return name.startswith("models/") or (
        "snapshot_date=" in name and not {"_delta_log", "_sha256"} & set(Path(name).parts)
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
