"""Families of reasons: features that tell of one thing, and what is said of it in either direction."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from churn_assets.core.errors import ProfileError
from churn_assets.core.telling.sentences import Sentence, generic_sentence, parse_sentence

__all__ = ["AVERAGE", "AVERAGE_SENTENCE", "Family", "ReasonFamily", "check_families", "families_of"]

AVERAGE = "average"
AVERAGE_SENTENCE = "is close to the average customer"
RESERVED = {AVERAGE, "other", ""}


@dataclass(frozen=True)
class ReasonFamily:
    """Features whose contributions are one reason, and the sentences for those it drives to leave and to stay.

    Attributes:
        features: columns that the model sees.
        up: what is said where the family raises the risk, such as `pays {monthly_fee:.2f} a month`.
        down: what is said where it lowers it.
        shown: for a feature, how a person is shown its value: `{"log_days": np.expm1}`.
        protected: whether it must never be a reason that somebody is shown.
    """

    features: tuple[str, ...]
    up: str
    down: str
    shown: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    protected: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(self.features))


@dataclass(frozen=True)
class Family:
    """A family as reasons are made by it; of a hidden one only the share is ever told."""

    name: str
    features: tuple[str, ...]
    up: Sentence
    down: Sentence
    shown: Mapping[str, Callable[[Any], Any]]
    is_hidden: bool


def check_families(given: Mapping[str, ReasonFamily], features: Collection[str]) -> None:
    """Refuse families that do not fit the features of a profile.

    Raises:
        ProfileError: naming the family, what is wrong with it and what to do.
    """
    owners: dict[str, str] = {}
    for name, family in given.items():
        where = f"profile: reasons[{name!r}]"
        if name in RESERVED:
            raise ProfileError(f"{where}: the name is the product's own; choose another")
        if not family.features:
            raise ProfileError(f"{where} names no feature; name one, or take the family out")
        for feature in family.features:
            if feature not in features:
                raise ProfileError(f"{where} names {feature!r}, which is none of feature_columns; correct it")
            if feature in owners:
                raise ProfileError(f"{where} names {feature!r}, as reasons[{owners[feature]!r}] does; leave it in one")
            owners[feature] = name
        told = {each for text in (family.up, family.down) for each in parse_sentence(text, where).features}
        for feature in sorted(told | family.shown.keys()):
            if feature not in features:
                raise ProfileError(f"{where} tells {feature!r}, which is none of feature_columns; correct it")
    if own := [name for name in given if name in features and name not in given[name].features]:
        raise ProfileError(f"profile: reasons[{own[0]!r}] bears the name of a feature that is not in it; rename it")


def families_of(
    given: Mapping[str, ReasonFamily], features: Sequence[str], protected: Collection[str]
) -> tuple[Family, ...]:
    """The families of a model with these features, each feature in one: in the profile's order, then one by one.

    Args:
        given: the profile's.
        features: of the model, which may lack some, or have others.
        protected: columns that are never a reason.
    """
    return tuple(_families(given, features, protected))


def _families(
    given: Mapping[str, ReasonFamily], features: Sequence[str], protected: Collection[str]
) -> Iterator[Family]:
    owned = {feature for family in given.values() for feature in family.features}
    for name, family in given.items():
        if there := tuple(each for each in family.features if each in features):
            where = f"profile: reasons[{name!r}]"
            up, down = parse_sentence(family.up, where), parse_sentence(family.down, where)
            told = {*there, *up.features, *down.features}
            is_hidden = family.protected or bool(told & set(protected))
            yield Family(name, there, up, down, family.shown, is_hidden)
    for feature in features:
        if feature not in owned:
            sentence = generic_sentence(feature)
            yield Family(feature, (feature,), sentence, sentence, {}, feature in protected)
