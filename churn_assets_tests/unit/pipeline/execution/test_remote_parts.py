"""A part as another process does it: proven first, delivered whole, and never into what is published."""

import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import churn_assets
from churn_assets.core.errors import AuditFailed, ChurnError, ModelFault, RunError, UnknownVersion
from churn_assets.core.scoring.do_not_score import DoNotScoreList
from churn_assets.pipeline.execution import remote_parts
from churn_assets.pipeline.execution.parts import PartResult, ScoringJob, score_part
from churn_assets.pipeline.execution.remote_parts import ScoringTask, TaskResult, run_task, scoring_tasks
from churn_assets.profiles.loading import load_profile
from churn_assets_tests.clusters import DAY, PART_ROWS, PARTS, Evening, an_evening


@pytest.fixture
def evening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evening:
    """A day in eight parts, and a process that has opened nothing yet."""
    remote_parts._opened.cache_clear()
    remote_parts._profile.cache_clear()
    return an_evening(tmp_path, monkeypatch)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Where workers deliver."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def task_of(evening: Evening, inbox: Path, part: int = 2, **changes: Any) -> ScoringTask:
    """A part of the day as a worker gets it: through a pickle."""
    scoring = evening.scoring(evening.fitted, evening.rules)
    [task] = scoring_tasks(scoring, [part], inbox, evening.chain.layout.models.path, ("numpy", "scikit-learn"))
    told: ScoringTask = pickle.loads(pickle.dumps(replace(task, **changes)))  # noqa: S301  # our own
    return told


def delivered(task: ScoringTask) -> TaskResult:
    """What a worker delivers, which is no failure."""
    told = run_task(task)
    assert isinstance(told, TaskResult), told
    return told


def refused(task: ScoringTask) -> ChurnError:
    """How a worker refuses; it leaves nothing in the inbox."""
    told = run_task(task)
    assert isinstance(told, ChurnError)
    assert not task.inbox.exists() or list(task.inbox.iterdir()) == []
    return told


@pytest.mark.parametrize("part", [0, PARTS - 1])
def test_task_is_the_part(evening: Evening, inbox: Path, tmp_path: Path, part: int) -> None:
    """What is delivered has the bytes that the part has when it is scored by whoever asks, its audit and its counts.

    So have its reasons: of those whom the model scored, and of nobody who was scored by rules.
    """
    here = score_part(evening.scoring(evening.fitted, evening.rules), tmp_path, part)
    audit = here.audit

    result = delivered(task_of(evening, inbox, part))

    assert result.file.read_bytes() == (tmp_path / f"part-{part}.parquet").read_bytes()
    assert (result.audit.rows, result.audit.summary()) == (PART_ROWS, audit.summary())
    assert (result.audit.first_id, result.audit.last_id) == (audit.first_id, audit.last_id)
    assert result.features.summary() == here.features.summary()
    assert result.features.summary().rows == PART_ROWS
    assert result.reasons_file is not None
    assert result.reasons_file.read_bytes() == (tmp_path / "reasons" / f"part-{part}.parquet").read_bytes()
    assert result.reasons == here.reasons
    assert 0 < result.reasons.explained < PART_ROWS
    assert result.reasons.trouble == ""


def test_task_leaves_out_who_is_on_the_list(evening: Evening, inbox: Path, tmp_path: Path) -> None:
    """The list travels as a file beside what is delivered, and no id in the task; another list than that is refused."""
    excluded = DoNotScoreList([evening.chain.customers.version(DAY).read().column("customer_id")[3:300:7].chunk(0)])
    models = evening.chain.layout.models.path
    whole = evening.scoring(evening.fitted, evening.rules)
    job = replace(whole, inputs=tuple(replace(each, excluded=excluded) for each in whole.inputs))
    here = score_part(job, tmp_path, 2)
    [task] = scoring_tasks(job, [2], inbox, models, ("numpy", "scikit-learn"))

    result = delivered(task)

    assert result.file.read_bytes() == (tmp_path / "part-2.parquet").read_bytes()
    assert result.audit.rows + result.excluded == PART_ROWS
    assert result.excluded == here.excluded > 0
    assert str(excluded.ids[10]).encode() not in pickle.dumps(task)
    remote_parts._excluded.cache_clear()
    pq.write_table(pa.table({"ids": excluded.ids[1:]}), task.excluded)
    assert "reads another list" in str(run_task(task))


def test_task_is_small(evening: Evening, inbox: Path) -> None:
    """A task carries names, no model and no list of all files: a billion customers have two thousand of them."""
    told = pickle.dumps(task_of(evening, inbox))

    assert len(told) < 4096


def test_every_attempt_writes_a_file_of_its_own(evening: Evening, inbox: Path, tmp_path: Path) -> None:
    """A part that is done once more touches nothing that was delivered, also when that was moved away by then."""
    task = task_of(evening, inbox)
    first = delivered(task)
    moved = first.file.rename(tmp_path / "part-2.parquet")
    before = (moved.stat().st_ino, moved.stat().st_mtime_ns, moved.read_bytes())

    second = delivered(task)

    assert second.file != first.file
    assert second.file.read_bytes() == before[2]
    assert (moved.stat().st_ino, moved.stat().st_mtime_ns, moved.read_bytes()) == before


def test_straggler_finds_nothing_to_write_into(evening: Evening, inbox: Path, tmp_path: Path) -> None:
    """An attempt that begins after the work ended makes no folder, and says so."""
    task = task_of(evening, inbox)
    inbox.rmdir()
    before = sorted(tmp_path.iterdir())

    told = refused(task)

    assert isinstance(told, RunError)
    assert f"does not see {inbox}" in str(told)
    assert sorted(tmp_path.iterdir()) == before


def test_straggler_whose_inbox_goes_meanwhile_fails_harmlessly(
    evening: Evening, inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt at work while the inbox is removed raises, and writes nowhere else."""
    task = task_of(evening, inbox)

    def too_late(job: ScoringJob, folder: Path, part: int) -> PartResult:
        shutil.rmtree(inbox)
        return score_part(job, folder, part)

    monkeypatch.setattr(remote_parts, "score_part", too_late)
    tables = tmp_path / "tables"
    before = sorted(tables.rglob("*")), sorted(tmp_path.iterdir())

    with pytest.raises(FileNotFoundError):
        run_task(task)

    assert (sorted(tables.rglob("*")), sorted(tmp_path.iterdir())) == (
        [path for path in before[0] if inbox not in (path, *path.parents)],
        [path for path in before[1] if path != inbox],
    )


def test_other_libraries_and_scores_are_refused(evening: Evening, inbox: Path) -> None:
    """A process that differs in anything that scores depend on names each difference, and does not score."""
    task = task_of(evening, inbox)
    golden = f"what model {evening.fitted.card.model_version} gives its golden rows"
    other = {**task.proof, "numpy": "1.0", "the code of churn_assets": "abc", golden: "0"}

    told = str(refused(replace(task, proof=other)))

    for name in ("numpy", "the code of churn_assets", golden):
        assert f"{name} is {task.proof[name]} there and {other[name]} here" in told
    assert "scikit-learn" not in told


def test_library_that_is_absent_is_told(evening: Evening, inbox: Path) -> None:
    """A package that whoever asks has and the worker has not."""
    task = task_of(evening, inbox, libraries=("numpy", "scikit-learn", "no-such-package"))

    told = refused(replace(task, proof={**task.proof, "no-such-package": "2.0"}))

    assert "no-such-package is absent there and 2.0 here" in str(told)


def test_profile_that_changed_under_a_worker_is_refused(evening: Evening, inbox: Path) -> None:
    """A worker that loaded a profile before its file was changed is told from one that runs the new code."""
    delivered(task_of(evening, inbox))
    path = next((evening.folder / "profiles").glob("*.py"))
    path.write_text(path.read_text().replace("0.05 +", "0.06 +"))
    digest = load_profile(evening.chain.profile.name).source_digest[:12]
    task = task_of(evening, inbox)

    told = run_task(replace(task, proof={**task.proof, f"profile {task.profile}": digest}))

    assert isinstance(told, RunError)
    assert f"profile {task.profile} is " in str(told)


def test_model_that_is_not_there_or_damaged_is_refused(evening: Evening, inbox: Path) -> None:
    """A worker that does not see the model, or another artefact, says what it looked for."""
    task = task_of(evening, inbox)
    gone = refused(replace(task, models=evening.folder / "elsewhere"))
    artefact = evening.chain.layout.models / evening.fitted.card.model_version / "model.joblib"
    artefact.write_bytes(artefact.read_bytes() + b" ")

    damaged = refused(task)

    assert isinstance(gone, UnknownVersion)
    assert isinstance(damaged, ModelFault)
    assert "it was not loaded" in str(damaged)


def test_failure_that_would_come_again_is_given_and_another_raised(
    evening: Evening, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the product refuses needs no second attempt; a file system that stumbles does. Neither leaves a file."""
    task = task_of(evening, inbox)

    def failing(error: Exception) -> None:
        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(remote_parts, "score_part", fail)

    failing(AuditFailed("not fit to be read"))
    given = refused(task)
    failing(OSError("stale file handle"))

    with pytest.raises(OSError, match="stale"):
        run_task(task)

    assert isinstance(given, AuditFailed)
    assert list(inbox.iterdir()) == []


def test_digest_of_the_code_is_of_every_file(tmp_path: Path) -> None:
    """A file of the package that is changed, renamed or added, however deep it lies, is other code."""
    package = Path(churn_assets.__file__).parent
    copy = Path(shutil.copytree(package, tmp_path / "package", ignore=shutil.ignore_patterns("__pycache__")))
    files = sorted(copy.rglob("*.py"))
    whole = remote_parts.digest_code(copy)

    changed = set()
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        changed.add(remote_parts.digest_code(copy))
        path.write_bytes(content)
    (copy / "core" / "more.py").touch()
    more = remote_parts.digest_code(copy)

    assert remote_parts._code_digest() == whole == remote_parts.digest_code(package)
    assert len(changed | {whole, more}) == len(files) + 2
