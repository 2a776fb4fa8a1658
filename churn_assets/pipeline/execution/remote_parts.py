"""A part of a scoring as another process is asked to do it: names of a profile, models and files, and no code.

That process opens them from the same `data_dir`, once, and proves that it gives the same bytes: its
libraries and code are those of whoever asks, and the golden rows of each model come out the same to
the bit. It writes into a folder of its own attempt, which never becomes part of what is published;
who asked moves the file that it chose. So a part can be done twice, at once, late or by half.
"""

import datetime as dt
import hashlib
import platform
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

import churn_assets
from churn_assets.core.errors import ChurnError, ModelFault, RunError
from churn_assets.core.models.card import ModelCard
from churn_assets.core.models.golden import golden_digest
from churn_assets.core.models.model import Model
from churn_assets.core.options import Decisions, ReasonOptions
from churn_assets.core.profile import Profile
from churn_assets.core.reasons.explainer import Explainer, Unexplainable
from churn_assets.core.scoring.do_not_score import DoNotScoreList
from churn_assets.core.scoring.feature_counts import FeatureCounts
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.core.scoring.prior import PriorCorrection
from churn_assets.core.telling.counts import ReasonCounts
from churn_assets.pipeline.execution.parts import ModelInput, ScoringJob, score_part
from churn_assets.pipeline.execution.reasons import ReasonPlan
from churn_assets.profiles.loading import load_profile
from churn_assets.storage.layout import part_name, reasons_folder
from churn_assets.storage.models.opening import open_proven
from churn_assets.storage.models.store import ModelStore

__all__ = ["ScoringTask", "TaskResult", "digest_code", "run_task", "scoring_tasks"]

LISTED = 12  # of a digest, in a sentence


@dataclass(frozen=True)
class TaskInput:
    """A model by its name and seal, the one file of it that the task is about, and whether its customers are explained.

    The seal of the card holds a worker, which has no key, to the very model that was checked where one is.
    """

    model_version: str
    seal: str
    file: Path
    is_customers: bool
    correction: PriorCorrection
    is_explained: bool


@dataclass(frozen=True)
class ScoringTask:
    """One part of a `ScoringJob`, to be done anywhere where `data_dir` is seen under the same path.

    `proof` is what whoever asks found of its own process, with the versions of `libraries`. `excluded` is the file of
    whoever is not to be scored: ids stay out of what a scheduler keeps.
    """

    part: int
    inbox: Path
    models: Path
    profile: str
    inputs: tuple[TaskInput, ...]
    day: dt.date
    canary_share: float
    decisions: Decisions
    audit: ScoreAudit
    features: FeatureCounts
    reasons: ReasonOptions | None
    libraries: tuple[str, ...]
    proof: Mapping[str, str]
    excluded: Path | None = None


@dataclass(frozen=True)
class TaskResult:
    """Finished files below the inbox, which nobody writes any more, what an audit saw of them, and what was counted.

    `reasons_file` holds the reasons of the scores in `file`; it is None where they are not explained.
    """

    file: Path
    reasons_file: Path | None
    audit: ScoreAudit
    features: FeatureCounts
    reasons: ReasonCounts
    excluded: int = 0


def scoring_tasks(
    job: ScoringJob, parts: Iterable[int], inbox: Path, models: Path, libraries: tuple[str, ...]
) -> Iterator[ScoringTask]:
    """`parts` of `job` as tasks whose files come to lie below `inbox`.

    Args:
        job: what is to be done.
        parts: the numbers of its parts.
        inbox: a folder that every worker sees; the caller removes it in the end.
        models: where the model versions lie.
        libraries: the packages whose versions a worker must have as they are here.
    """
    with threadpool_limits(1):
        proof = _proof(job.profile, [each.model for each in job.inputs], models, libraries)
    excluded = _hand_over(job.inputs[0].excluded, inbox)
    explainers = job.reasons.explainers if job.reasons else [None] * len(job.inputs)
    for part in parts:
        inputs = [
            TaskInput(
                each.model.card.model_version,
                each.model.card.seal,
                each.files[part],
                each.is_customers,
                each.correction,
                by is not None,
            )
            for each, by in zip(job.inputs, explainers, strict=True)
        ]
        yield ScoringTask(
            part=part,
            inbox=inbox,
            models=models,
            profile=job.profile.name,
            inputs=tuple(inputs),
            day=job.day,
            canary_share=job.canary_share,
            decisions=job.decisions,
            audit=job.audit.empty_copy(),
            features=job.features.empty_copy(),
            reasons=job.reasons.options if job.reasons else None,
            libraries=libraries,
            proof=proof,
            excluded=excluded,
        )


def _hand_over(excluded: DoNotScoreList | None, inbox: Path) -> Path | None:
    """A file of whoever is not to be scored, named by the list's digest, for the workers."""
    if excluded is None:
        return None
    path = inbox / f"{excluded.digest}.parquet"
    pq.write_table(pa.table({"ids": excluded.ids}), path)
    return path


@lru_cache(maxsize=1)
def _excluded(path: Path) -> DoNotScoreList:
    """Who is not to be scored.

    Raises:
        RunError: the file is not what was handed over.
    """
    excluded = DoNotScoreList(pq.read_table(path).column("ids").chunks)
    if excluded.digest != path.stem:
        raise RunError(
            f"worker on {platform.node()} reads another list than was written to {path}; nothing was published"
        )
    return excluded


def run_task(task: ScoringTask) -> TaskResult | ChurnError:
    """Score a task into a new folder below its inbox.

    A failure that another attempt would only repeat is given, not raised.
    """
    threadpool_limits(1)  # for good: numeric threads of a worker's process would compete with its other tasks
    attempt = task.inbox / uuid.uuid4().hex
    try:
        job = _job(task)
        attempt.mkdir()
        result = score_part(job, attempt, 0)
    except BaseException as error:
        shutil.rmtree(attempt, ignore_errors=True)
        if isinstance(error, ChurnError):
            return error
        raise
    explained = reasons_folder(attempt) / part_name(0) if job.reasons else None
    scores = attempt / part_name(0)
    return TaskResult(scores, explained, result.audit, result.features, result.reasons, result.excluded)


def _job(task: ScoringTask) -> ScoringJob:
    """The task as this process scores it: of a single part.

    Raises:
        RunError: this process would not, or might not, give the same bytes.
    """
    if not task.inbox.is_dir():
        raise RunError(
            f"worker on {platform.node()} does not see {task.inbox}; nothing was published: mount the same data_dir "
            "there, under the same path"
        )
    profile = _profile(task.profile)
    wanted = tuple((each.model_version, each.seal) for each in task.inputs)
    models, proof = _opened(task.models, task.profile, wanted, task.libraries)
    if differing := [name for name, wanted in task.proof.items() if proof[name] != wanted]:
        differences = [f"{name} is {proof[name]} there and {task.proof[name]} here" for name in differing]
        raise RunError(
            f"worker on {platform.node()} may give other scores: {', '.join(differences)}; nothing was published: "
            "start every worker anew, from the image that runs this"
        )
    excluded = _excluded(task.excluded) if task.excluded else None
    return ScoringJob(
        day=task.day,
        profile=profile,
        inputs=tuple(
            ModelInput(model, (each.file,), each.is_customers, each.correction, excluded)
            for model, each in zip(models, task.inputs, strict=True)
        ),
        canary_share=task.canary_share,
        decisions=task.decisions,
        audit=task.audit,
        features=task.features,
        reasons=_reasons(task, profile),
    )


def _reasons(task: ScoringTask, profile: Profile) -> ReasonPlan | None:
    if task.reasons is None:
        return None
    explainers = [
        _explainer(task.models, each.model_version, each.seal) if each.is_explained else None for each in task.inputs
    ]
    return ReasonPlan(tuple(explainers), profile, task.decisions, task.reasons)


@lru_cache(maxsize=2)
def _explainer(models: Path, version: str, seal: str) -> Explainer:
    """The explainer of a model, which whoever asks has opened too.

    Raises:
        ModelFault: it is not what the model's card says.
    """
    store = ModelStore(models)
    explainer = store.explainer(_sealed_card(store, version, seal))
    if isinstance(explainer, Unexplainable):
        raise ModelFault(f"model {version} gives no reasons here: {explainer.reason}")
    return explainer


@cache
def _profile(name: str) -> Profile:
    """The profile as this process loaded it, once: its digest is of the source that runs, not of a newer file."""
    return load_profile(name)


@lru_cache(maxsize=2)
def _opened(
    models: Path, profile: str, wanted: tuple[tuple[str, str], ...], libraries: tuple[str, ...]
) -> tuple[tuple[Model, ...], dict[str, str]]:
    """The models, whose artefacts are what their cards say, and this process's side of the proof."""
    store = ModelStore(models)
    installed = {name: _installed(name) for name in libraries} | {"python": platform.python_version()}
    cards = [_sealed_card(store, *each) for each in wanted]
    opened = tuple(open_proven(store, card, _profile(profile), installed).model for card in cards)
    return opened, _proof(_profile(profile), opened, models, libraries)


def _sealed_card(store: ModelStore, version: str, seal: str) -> ModelCard:
    """The card of a model, and none that was put in its place since the model was checked where the task began.

    Raises:
        ModelFault: it is another one.
    """
    card = store.card(version)
    if card.seal != seal:
        raise ModelFault(
            f"model {version} on {platform.node()} is another one than where the night began; it was not loaded and "
            "nothing was published: look who writes the models' folder"
        )
    return card


def _proof(profile: Profile, models: Iterable[Model], store: Path, libraries: Iterable[str]) -> dict[str, str]:
    """What a process's scores depend on, in words; `libraries` are looked up, all else is of this process."""
    proof = {name: _installed(name) for name in libraries}
    proof["python"] = platform.python_version()
    proof["the code of churn_assets"] = _code_digest()[:LISTED]
    proof[f"profile {profile.name}"] = profile.source_digest[:LISTED]
    for model in models:
        golden = ModelStore(store).golden(model.card)
        digest = golden_digest(model, profile, golden)
        proof[f"what model {model.card.model_version} gives its golden rows"] = digest[:LISTED]
    return proof


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


@cache
def _code_digest() -> str:
    """A digest of this package's source, as this process found it when it began to work."""
    return digest_code(Path(churn_assets.__file__).parent)


def digest_code(root: Path) -> str:
    """A digest of every Python file below a folder: its name and its content."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
