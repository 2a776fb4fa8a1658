"""Whether today's feature code gives a model other features than it was trained on, asked once for each change.

Golden rows tell a change that moves many rows. One that moves few is told here: where the feature code
has changed since a model was trained, a whole day's stored features are computed again by the code of
today and compared, row by row. The verdict stands in the commit of the scores, where the next night finds it.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from churn_assets.core.arrow.batches import BLOCK_ROWS, ordered_map, rechunk
from churn_assets.core.errors import DamagedVersion, UnknownVersion
from churn_assets.core.models.card import ModelCard
from churn_assets.core.scoring.shift import Finding
from churn_assets.core.scoring.skew import FeatureSkew, compare_features
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.features import feature_batches
from churn_assets.pipeline.scoring.serving_models import ResolvedInput
from churn_assets.storage.tables.parquet import count_rows
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["SkewAudit", "SkewVerdict", "audit_feature_skew"]

DETAIL = "feature_skew"
LOOKED_BACK = 35  # days; before these, those that the model learnt from
LISTED = 5


class SkewVerdict(BaseModel):
    """What came of a day's features when code of digest `code` computed them again for models of digest `trained`.

    `accepted` says that a person let the rows that differ pass, on this night or an earlier one.
    """

    model_config = ConfigDict(frozen=True)

    trained: str
    code: str
    day: dt.date
    features_version: str
    rows: int
    differing: int
    columns: dict[str, int]
    examples: list[str]
    accepted: bool = False

    @property
    def words(self) -> str:
        """The verdict as part of a sentence; customers stand in it by the hash of their id."""
        told = f"{self.differing} of {self.rows} rows of customer_features {self.day}"
        if not self.differing:
            return f"{told} come out otherwise by today's feature code"
        listed = [f"{name} ({rows})" for name, rows in self.columns.items()]
        names = ", ".join(listed[:LISTED]) + (", ..." if len(listed) > LISTED else "")
        return (
            f"{told} come out otherwise by today's feature code than by the code of the model's training: {names}; "
            f"customers {', '.join(self.examples)} by the SHA-256 of their ids"
        )


@dataclass(frozen=True)
class SkewAudit:
    """The verdicts on the models of a night; none for a model whose feature code has not changed."""

    verdicts: tuple[SkewVerdict, ...]

    @property
    def findings(self) -> list[Finding]:
        """Each verdict that no person has accepted, as a figure of the night's audit: no row may differ."""
        return [
            Finding(DETAIL, each.differing / max(each.rows, 1), 0.0, each.words, figure="changed_rows_share")
            for each in self.verdicts
            if not each.accepted
        ]

    def details(self, accepted: Iterable[str]) -> dict[str, Any]:
        """What the commit tells of it, where a person `accepted` findings of these words."""
        let_pass = set(accepted)
        told = [each.model_copy(update={"accepted": each.accepted or each.words in let_pass}) for each in self.verdicts]
        return {DETAIL: [each.model_dump(mode="json") for each in told]} if told else {}


def audit_feature_skew(chain: Chain, day: dt.date, inputs: Sequence[ResolvedInput]) -> SkewAudit:
    """The verdict on each of the `inputs` of `day` whose feature code has changed since its model was trained.

    One that is there already, in the commits of the nearest scored days, is taken; else a day's features are computed
    again. Where no stored features are left to compare with there is none.

    Raises:
        ProfileError: today's code cannot compute the features of the day it is compared on.
    """
    cards = {each.model.card.feature_digest: each.model.card for each in inputs if each.feature_code_changed}
    if not cards:
        return SkewAudit(())
    known = _known(chain, day)
    verdicts = []
    for trained, card in cards.items():
        code = chain.profile.feature_digest(card.feature_parameters)
        verdict = known.get((trained, code)) or _compare(chain, day, card, code)
        if verdict is None:
            logger.warning("%s: no stored features are left by which the changed feature code could be judged", day)
            continue
        if verdict.accepted:
            logger.warning("%s: accepted earlier: %s", day, verdict.words)
        verdicts.append(verdict)
    return SkewAudit(tuple(verdicts))


def _known(chain: Chain, day: dt.date) -> Mapping[tuple[str, str], SkewVerdict]:
    """The verdicts that the newest commits of `day`, of the scored day before it and of the newest one tell."""
    scored = chain.scores.days()
    before = [each for each in scored if each < day][-1:]
    known: dict[tuple[str, str], SkewVerdict] = {}
    for near in (*scored[-1:], *before, day):
        newest = next(chain.scores.backwards(near), None)
        for told in newest.commit.details.get(DETAIL, []) if newest else []:
            with suppress(ValidationError):  # another release wrote it in another form
                verdict = SkewVerdict.model_validate(told)
                pair = verdict.trained, verdict.code
                if verdict.accepted or pair not in known or not known[pair].accepted:
                    known[pair] = verdict
    return known


def _compare(chain: Chain, day: dt.date, card: ModelCard, code: str) -> SkewVerdict | None:
    """The verdict by the first day whose stored features are the model's own, and can be read with their customers."""
    for features, customers in _stored(chain, day, card):
        try:
            skew = _skew(chain, features, customers, card)
        except DamagedVersion as error:
            logger.warning("%s: the changed feature code is not judged by %s: %s", day, features.day, error)
            continue
        logger.info(
            "%s: %d of %d rows of customer_features %s differ by the changed feature code",
            *(day, skew.differing, skew.rows, features.day),
        )
        return SkewVerdict(
            trained=card.feature_digest,
            code=code,
            day=features.day,
            features_version=features.version,
            rows=skew.rows,
            differing=skew.differing,
            columns=dict(skew.columns.most_common()),
            examples=skew.examples,
        )
    return None


def _stored(chain: Chain, day: dt.date, card: ModelCard) -> Iterator[tuple[PartitionVersion, PartitionVersion]]:
    """Versions of `customer_features` that the model's feature code made, nearest day first, and their customers."""
    for near, version, customers in (*_recent(chain, day, card), *_learnt_from(card)):
        try:
            found = chain.features.version(near, version), chain.customers.version(near, customers)
        except UnknownVersion:  # it has expired
            continue
        if [count_rows(path) for path in found[0].files] == [count_rows(path) for path in found[1].files]:
            yield found


def _recent(chain: Chain, day: dt.date, card: ModelCard) -> Iterator[tuple[dt.date, str, str]]:
    """Days before `day`, newest first, then `day` and those after it, newest first."""
    there = chain.features.days()[::-1]
    ordered = [each for each in there if each < day] + [each for each in there if each >= day]
    for near in islice(ordered, LOOKED_BACK):
        for event in chain.features.backwards(near):
            if event.commit.details["feature_digest"] == card.feature_digest:
                yield near, event.version, event.commit.details["customers_version"]


def _learnt_from(card: ModelCard) -> Iterator[tuple[dt.date, str, str]]:
    """The days that the model learnt from, newest first."""
    pinned = {(each.table, each.snapshot_date): each.version for each in card.inputs}
    for table, near in sorted(pinned, reverse=True):
        if table == "customer_features" and ("customers", near) in pinned:
            yield near, pinned[table, near], pinned["customers", near]


def _skew(chain: Chain, features: PartitionVersion, customers: PartitionVersion, card: ModelCard) -> FeatureSkew:
    """How `features` differ from those that today's code makes of `customers`, part by part."""
    key, columns = chain.profile.id_column, card.feature_columns

    def count(part: int) -> FeatureSkew:
        here = FeatureSkew()
        stored = rechunk(features.batches([key, *columns], part=part), BLOCK_ROWS)
        computed = rechunk(feature_batches(chain, customers, card.feature_parameters, part), BLOCK_ROWS)
        for then, now in zip(stored, computed, strict=True):
            here.join(compare_features(then, now, key, columns))
        return here

    whole = FeatureSkew()
    for one in ordered_map(count, features.parts):
        whole.join(one)
    return whole
