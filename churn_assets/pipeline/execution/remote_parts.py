"""A part of a scoring as another process is told to do it: names of a profile, models and files, and no code.

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

from threadpoolctl import threadpool_limits

import churn_assets
from churn_assets.core.errors import ChurnError, RunError
from churn_assets.core.models.golden import golden_digest
from churn_assets.core.models.model import Model
from churn_assets.core.options import Decisions
from churn_assets.core.profile import Profile
from churn_assets.core.scoring.rows import ScoreAudit
from churn_assets.pipeline.execution.parts import ModelInput, ScoringJob, score_part
from churn_assets.profiles.loading import load_profile
from churn_assets.storage.layout import part_name
from churn_assets.storage.models.opening import open_proven
from churn_assets.storage.models.store import ModelStore

__all__ = ["ScoringTask", "TaskResult", "run_task", "scoring_tasks"]

LISTED = 12  # of a digest, in a sentence


@dataclass(frozen=True)
class TaskInput:
    """A contestant by its name, and the one file of it that the shard is about."""

    model_version: str
    file: Path
    is_customers: bool


@dataclass(frozen=True)
class ScoringTask:
    """One part of a `ScoringJob`, to be done anywhere where `data_dir` is seen under the same path.

    `proof` is what whoever asks found of its own process, with the versions of `libraries`.
    """

    part: int
    inbox: Path
    models: Path
    profile: str
    entries: tuple[TaskInput, ...]
    day: dt.date
    canary_share: float
    decisions: Decisions
    audit: ScoreAudit
    libraries: tuple[str, ...]
    proof: Mapping[str, str]


@dataclass(frozen=True)
class TaskResult:
    """A finished file below the inbox, which nobody writes any more, and what an audit saw of it."""

    file: Path
    audit: ScoreAudit


def scoring_tasks(
    scoring: ScoringJob, parts: Iterable[int], inbox: Path, models: Path, libraries: tuple[str, ...]
) -> Iterator[ScoringTask]:
    """`parts` of `scoring` as shards that deliver below `inbox`.

    Args:
        scoring: what is to be done.
        parts: the numbers of its parts.
        inbox: a folder that every worker sees; the caller removes it in the end.
        models: where the model versions lie.
        libraries: the packages whose versions a worker must have as they are here.
    """
    with threadpool_limits(1):
        contestants = [each.model for each in scoring.contestants]
        proof = _proof(scoring.profile, contestants, models, libraries)
    for part in parts:
        entries = [
            TaskInput(each.model.card.model_version, each.files[part], each.is_customers)
            for each in scoring.contestants
        ]
        yield ScoringTask(
            part=part,
            inbox=inbox,
            models=models,
            profile=scoring.profile.name,
            entries=tuple(entries),
            day=scoring.day,
            canary_share=scoring.canary_share,
            decisions=scoring.decisions,
            audit=scoring.audit.empty_copy(),
            libraries=libraries,
            proof=proof,
        )


def run_task(shard: ScoringTask) -> TaskResult | ChurnError:
    """Score a shard into a new folder below its inbox.

    A failure that another attempt would only repeat is given, not raised.
    """
    threadpool_limits(1)  # for good: numeric threads of a worker's process would compete with its other tasks
    attempt = shard.inbox / uuid.uuid4().hex
    try:
        scoring = _scoring(shard)
        attempt.mkdir()
        audit = score_part(scoring, attempt, 0)
    except BaseException as error:
        shutil.rmtree(attempt, ignore_errors=True)
        if isinstance(error, ChurnError):
            return error
        raise
    return TaskResult(attempt / part_name(0), audit)


def _scoring(shard: ScoringTask) -> ScoringJob:
    """The shard as this process scores it: of a single part.

    Raises:
        RunError: this process would not, or might not, give the same bytes.
    """
    if not shard.inbox.is_dir():
        raise RunError(
            f"worker on {platform.node()} does not see {shard.inbox}; nothing was published: mount the same data_dir "
            "there, under the same path"
        )
    profile = _profile(shard.profile)
    versions = tuple(entry.model_version for entry in shard.entries)
    models, proof = _opened(shard.models, shard.profile, versions, shard.libraries)
    if differing := [name for name, wanted in shard.proof.items() if proof[name] != wanted]:
        told = [f"{name} is {proof[name]} there and {shard.proof[name]} here" for name in differing]
        raise RunError(
            f"worker on {platform.node()} may give other scores: {', '.join(told)}; nothing was published: start "
            "every worker anew, from the image that runs this"
        )
    return ScoringJob(
        day=shard.day,
        profile=profile,
        contestants=tuple(
            ModelInput(model, (entry.file,), entry.is_customers)
            for model, entry in zip(models, shard.entries, strict=True)
        ),
        canary_share=shard.canary_share,
        decisions=shard.decisions,
        audit=shard.audit,
    )


@cache
def _profile(name: str) -> Profile:
    """The profile as this process loaded it, once: its digest is of the source that runs, not of a newer file."""
    return load_profile(name)


@lru_cache(maxsize=2)
def _opened(
    models: Path, profile: str, versions: tuple[str, ...], libraries: tuple[str, ...]
) -> tuple[tuple[Model, ...], dict[str, str]]:
    """The models, whose artefacts are what their cards say, and this process's side of the proof."""
    store = ModelStore(models)
    installed = {name: _installed(name) for name in libraries} | {"python": platform.python_version()}
    opened = tuple(open_proven(store, store.card(each), _profile(profile), installed)[0] for each in versions)
    return opened, _proof(_profile(profile), opened, models, libraries)


def _proof(profile: Profile, models: Iterable[Model], store: Path, libraries: Iterable[str]) -> dict[str, str]:
    """What a process's scores depend on, in words; `libraries` are looked up, all else is of this process."""
    told = {name: _installed(name) for name in libraries}
    told["python"] = platform.python_version()
    told["the code of churn_assets"] = _code_digest()[:LISTED]
    told[f"profile {profile.name}"] = profile.source_digest[:LISTED]
    for model in models:
        golden = ModelStore(store).golden(model.card)
        told[f"what model {model.card.model_version} gives its golden rows"] = golden_digest(model, profile, golden)[
            :LISTED
        ]
    return told


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


@cache
def _code_digest() -> str:
    """A digest of this package's source, as this process found it when it began to work."""
    digest = hashlib.sha256()
    root = Path(churn_assets.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
