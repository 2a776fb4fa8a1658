"""Model versions, and the append-only records of how they were judged, promoted and tried as a canary."""

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from churn_assets.core.errors import ChurnError, InputError, NoChampion, RunError, UnknownVersion
from churn_assets.core.evaluation.gates import judge
from churn_assets.core.evaluation.results import Evidence, Gate
from churn_assets.core.models.card import ModelCard
from churn_assets.core.models.signing import Signing
from churn_assets.core.options import GateBounds
from churn_assets.core.table_schemas import CANARIES, EVALUATIONS, PROMOTIONS
from churn_assets.storage.expirations import REMOVAL, Expirations
from churn_assets.storage.inventory import MODELS
from churn_assets.storage.layout import Layout
from churn_assets.storage.models.store import UNSIGNED, ModelStore
from churn_assets.storage.tables.ledger import Ledger, Row

__all__ = ["Canary", "Registered", "Registry", "Status"]

Status = Literal["champion", "challenger", "rejected", "retired"]


@dataclass(frozen=True)
class Canary:
    """A model version that scores `share` of the customers in the published table."""

    model_version: str
    share: float


@dataclass(frozen=True)
class Registered:
    """A model version and where it stands; a canary is a challenger in use, for a share of the customers."""

    card: ModelCard
    status: Status
    missed: tuple[str, ...]
    canary_share: float | None = None

    def row(self) -> dict[str, Any]:
        """The line that a list of models shows."""
        metrics = self.card.metrics
        return {
            "model_version": self.card.model_version,
            "trained_as_of": self.card.trained_as_of,
            "backtest_date": self.card.backtest_date,
            "status": self.status,
            "canary_share": self.canary_share,
            "estimator": self.card.chosen.estimator,
            "train_rows": self.card.train_rows,
            "holdout_rows": metrics.rows if metrics else 0,
            "roc_auc": metrics.roc_auc if metrics else None,
            "average_precision": metrics.average_precision if metrics else None,
            "brier": metrics.brier if metrics else None,
            "missed": list(self.missed),
        }


class Registry:
    """Which models there are, and which one's scores are published."""

    def __init__(
        self, layout: Layout, gates: GateBounds, profile: str | None = None, signing: Signing = UNSIGNED
    ) -> None:
        """Below `layout`, judged by `gates`; only models of `profile` may serve, where one is named.

        Nor does one that `signing` refuses.
        """
        self.gates = gates
        self.profile = profile
        self.models = ModelStore(layout.models, signing)
        self.promotions = Ledger(layout.table("promotions"), PROMOTIONS)
        self.evaluations = Ledger(layout.table("evaluations"), EVALUATIONS)
        self.canaries = Ledger(layout.table("canaries"), CANARIES)
        self._expirations = Expirations(layout.folder.below("tables"))

    def champion(self) -> str:
        """The model version whose scores are published.

        Raises:
            NoChampion: none has been promoted.
        """
        champion = _champion(self.promotions.rows())
        if champion is None:
            raise NoChampion(
                "no model has been promoted yet: `churn-assets run` trains the first one, and "
                "`churn-assets promote VERSION --reason TEXT` makes a model champion"
            )
        return champion

    def has_champion(self) -> bool:
        """Whether any model was ever promoted."""
        return bool(self.promotions.rows())

    def live_on(self, day: dt.date, timezone: str) -> Row:
        """The promotion that was in force at the end of `day`.

        Raises:
            UnknownVersion: no model had been promoted by then.
        """
        promotions = self.promotions.rows()
        before = [row for row in promotions if row["promoted_at"].astimezone(ZoneInfo(timezone)).date() <= day]
        if not before:
            when = f"{promotions[0]['promoted_at']:%Y-%m-%d %H:%M} UTC" if promotions else ""
            first = f"; the first was promoted at {when}" if when else ""
            raise UnknownVersion(f"no model was live on {day}{first}; `churn-assets models` lists every version")
        return before[-1]

    def registered(self, faults: list[ChurnError] | None = None) -> list[Registered]:
        """Every version with its status, oldest training day first.

        A folder whose card cannot be used is passed over, and added to `faults`: one damaged model
        must not hide the others.
        """
        promotions = self.promotions.rows()
        champion = _champion(promotions)
        once = {row["to_version"] for row in promotions}
        canary = self.canary()
        evidence = self._evidence()
        models = []
        for version in self.models.versions():
            try:
                card = self.models.card(version)
            except ChurnError as error:
                if faults is not None:
                    faults.append(error)
                continue
            missed = tuple(_missed(version, evidence, self.gates))
            status: Status = "rejected" if missed else "challenger"
            if version in once:
                status = "champion" if version == champion else "retired"
            is_canary = canary is not None and version == canary.model_version
            if is_canary:  # also one that was champion once
                status = "challenger"
            models.append(Registered(card, status, missed, canary.share if canary and is_canary else None))
        return models

    def missed(self, version: str) -> list[str]:
        """What a model misses of the gates in force, in words."""
        return _missed(version, self._evidence(), self.gates)

    def gates_of(self, version: str) -> list[Gate]:
        """Every gate in force, as the newest evaluation of `version` stands to it."""
        evidence = self.evidence_of(version)
        return judge(evidence, self.gates) if evidence else []

    def evidence_of(self, version: str) -> Evidence | None:
        """The newest evidence of `version`."""
        return self._evidence().get(version)

    def last_evaluation(self, version: str) -> Row | None:
        """The newest evaluation of `version`."""
        rows = [row for row in self.evaluations.rows() if row["model_version"] == version]
        return rows[-1] if rows else None

    def challenger(self, profile: str) -> str | None:
        """Who scores beside the champion, unseen: the canary, else the newest of `profile` that passed its gates.

        One that was trained as of an earlier day than the champion has had its time.
        """
        if canary := self.canary():
            return canary.model_version
        ours = [each for each in self.registered() if each.card.profile == profile]
        since = max((each.card.trained_as_of for each in ours if each.status == "champion"), default=dt.date.min)
        passed = [each.card for each in ours if each.status == "challenger" and each.card.trained_as_of >= since]
        return max(passed, key=lambda card: (card.trained_as_of, card.model_version)).model_version if passed else None

    def canary(self) -> Canary | None:
        """The canary in force; a canary that has become champion is none any more."""
        rows = self.canaries.rows()
        if not rows or rows[-1]["model_version"] is None:
            return None
        newest = rows[-1]
        promotions = self.promotions.rows()
        since = {row["to_version"] for row in promotions if row["promoted_at"] >= newest["set_at"]}
        if newest["model_version"] in since | {_champion(promotions)}:
            return None
        return Canary(newest["model_version"], newest["share"])

    def set_canary(self, canary: Canary | None, *, actor: str, reason: str) -> Row | None:
        """Record that `canary` scores its share from now on, or nobody does.

        Raises:
            UnknownVersion: no such version.
            InputError: it missed its gates, is champion, there is no canary to take back, or nobody says why.
            RunError: somebody else set the canary at the same time.
        """
        _require_reason(reason)
        seen = len(self.canaries.rows())
        if canary is None and self.canary() is None:
            raise InputError("there is no canary to take back")
        if canary is not None:
            self._serviceable(canary.model_version)
            if missed := self.missed(canary.model_version):
                raise InputError(f"model {canary.model_version} missed its gates: {'; '.join(missed)}; it is no canary")
            if self.champion() == canary.model_version:
                raise InputError(f"model {canary.model_version} is champion and scores everybody already")
        row = {
            "set_at": dt.datetime.now(dt.UTC),
            "model_version": canary.model_version if canary else None,
            "share": canary.share if canary else 0.0,
            "actor": actor,
            "reason": reason,
        }

        def record(rows: list[Row]) -> Row:
            if len(rows) != seen:
                raise RunError("somebody else set the canary just now; nothing was changed: look, and try again")
            if canary is not None:
                self._refuse_expired(canary.model_version)
            return row

        return self.canaries.append(record)

    def _serviceable(self, version: str) -> None:
        """Refuse a model that could not score tonight: a changed or missing file, another business, one that went."""
        card = self.models.verify(version)
        self._refuse_expired(version)
        if self.profile is not None and card.profile != self.profile:
            raise InputError(f"model {version} was trained for profile {card.profile}, and {self.profile} is in force")

    def _refuse_expired(self, version: str) -> None:
        """Refuse a model that an expiry took, or may be taking now: to be asked whenever a record of it is decided.

        In an object store nothing is taken away at once, but what is to go is recorded before `let_decide_anew`.
        """
        if self.models.folder.store is not None:
            expired = self._expirations.versions(MODELS).get(version)
            if expired is not None and (until := expired + REMOVAL) > dt.datetime.now(dt.UTC):
                raise UnknownVersion(
                    f"model {version} has expired and is being removed; nothing was changed: name another one, or try "
                    f"again after {until:%Y-%m-%d %H:%M} UTC if it is still there"
                )
        if not self.models.is_stored(version):
            raise UnknownVersion(
                f"model {version} has expired, or its folder is gone; nothing was changed: `churn-assets models` lists "
                "every version"
            )

    def let_decide_anew(self, actor: str) -> None:
        """Let promotions and canaries that are being recorded be decided anew, once an expiry has taken models.

        So either a record comes before this, and the expiry finds its model in use, or it finds the model gone.
        """
        for ledger in (self.promotions, self.canaries):
            ledger.interrupt({"kind": "expire", "actor": actor})

    def _evidence(self) -> dict[str, Evidence]:
        """The newest evidence of each version; what another release wrote, and this cannot read, is none."""
        newest: dict[str, Evidence] = {}
        for row in self.evaluations.rows():
            with suppress(ValidationError):
                newest[row["model_version"]] = Evidence.model_validate_json(row["evidence"] or "")
        return newest

    def newest_as_of(self, day: dt.date) -> str:
        """The newest version that was trained as of `day` or before and was not rejected.

        Raises:
            UnknownVersion: there is none.
        """
        allowed = [
            each.card
            for each in self.registered()
            if each.card.trained_as_of <= day
            and each.status != "rejected"
            and self.profile in {None, each.card.profile}
        ]
        if not allowed:
            raise UnknownVersion(f"no model was trained as of {day} or before; `churn-assets train --as-of {day}`")
        return max(allowed, key=lambda card: (card.trained_as_of, card.model_version)).model_version

    def promote(self, version: str, *, actor: str, reason: str, force: bool = False, first: bool = False) -> Row | None:
        """Record that `version` is champion from now on.

        Args:
            version: a model version.
            actor: who promotes.
            reason: why.
            force: also when it missed its gates.
            first: only where there is no champion yet; None is given back where there is one.

        Raises:
            UnknownVersion: no such version.
            InputError: it missed its gates, is champion already, or nobody says why.
            RunError: somebody else promoted a model at the same time.
        """
        _require_reason(reason)
        self._serviceable(version)
        missed = self.missed(version)
        if missed and not force:
            raise InputError(f"model {version} missed its gates: {'; '.join(missed)}; --force promotes it anyway")
        seen = _champion(self.promotions.rows())
        if first and seen is not None:
            return None
        if seen == version:
            raise InputError(f"model {version} is champion already")

        def record(rows: list[Row]) -> Row | None:
            if first and rows:
                return None
            if _champion(rows) != seen:
                raise RunError(
                    f"model {_champion(rows)} was promoted just now; nothing was changed: look, and try again"
                )
            self._refuse_expired(version)
            return {
                "promoted_at": dt.datetime.now(dt.UTC),
                "from_version": seen,
                "to_version": version,
                "actor": actor,
                "reason": reason,
                "forced": bool(missed),
            }

        return self.promotions.append(record)


def _require_reason(reason: str) -> None:
    """The record says why: nothing is recorded without, whoever asks."""
    if not reason.strip():
        raise InputError(
            "no reason was given: say why, for whoever reads the record, with --reason or as `reason` in the "
            "run's config"
        )


def _missed(version: str, evidence: dict[str, Evidence], bounds: GateBounds) -> list[str]:
    if version not in evidence:
        return ["there is no record of its evaluation here: train it again"]
    return [gate.finding for gate in judge(evidence[version], bounds) if not gate.passed]


def _champion(promotions: list[Row]) -> str | None:
    return str(promotions[-1]["to_version"]) if promotions else None
