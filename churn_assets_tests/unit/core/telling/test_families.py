"""Families of reasons: what a profile may name, and what is never shown."""

from typing import Any

import pytest

from churn_assets.core.errors import ProfileError
from churn_assets.core.telling.families import ReasonFamily
from churn_assets_tests.factories import MEMBERS, Members, profile_of

FEATURES = ("plan", "visits", "spend", "active")


def profile_with(reasons: dict[str, ReasonFamily], **changes: Any) -> Any:
    """A profile with those families."""
    return profile_of(Members, feature_columns=FEATURES, reasons=reasons, **changes)


def family(*features: str, up: str = "goes", down: str = "stays", **changes: Any) -> ReasonFamily:
    """A family whose words do not matter."""
    return ReasonFamily(features, up=up, down=down, **changes)


REFUSED = {
    "an unknown column": ({"use": family("logins")}, "reasons['use'] names 'logins', which is none of feature_columns"),
    "a feature in two": ({"use": family("visits"), "more": family("visits")}, "names 'visits', as reasons['use'] does"),
    "a placeholder that is no feature": (
        {"use": family("visits", up="was here {logins} times")},
        "reasons['use'] tells 'logins', which is none of feature_columns",
    ),
    "a shown value of no feature": (
        {"use": family("visits", shown={"logins": float})},
        "reasons['use'] tells 'logins', which is none of feature_columns",
    ),
    "no format": ({"use": family("visits", up="was here {visits:.2q} times")}, "'.2q' is no format of Python's"),
    "an open brace": ({"use": family("visits", up="was here {visits times")}, "cannot be read"),
    "an empty hole": ({"use": family("visits", up="was here {} times")}, "a hole names a feature and a format"),
    "no feature": ({"use": family()}, "reasons['use'] names no feature"),
    "a name of the product's": ({"average": family("visits")}, "reasons['average']: the name is the product's own"),
    "the name of another feature": ({"spend": family("visits")}, "reasons['spend'] bears the name of a feature"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_fits_no_feature_is_refused_in_a_sentence(case: str) -> None:
    """A family that could not be told is refused when the profile is made, by its name."""
    reasons, sentence = REFUSED[case]

    with pytest.raises(ProfileError) as refused:
        profile_with(reasons)

    assert sentence in str(refused.value)
    assert str(refused.value).startswith("profile: reasons[")


def test_features_without_a_family_are_their_own() -> None:
    """Every feature is in one family, the profile's in front, and has words in both directions."""
    profile = profile_with({"use": family("visits", "active")})

    families = profile.families(FEATURES)

    assert [(each.name, each.features) for each in families] == [
        ("use", ("visits", "active")),
        ("plan", ("plan",)),
        ("spend", ("spend",)),
    ]
    assert families[1].up.text == "plan is {}"
    assert not any(each.is_hidden for each in families)


def test_what_is_protected_is_hidden_with_its_whole_family() -> None:
    """A family of a slice, one that tells a slice's value and one that is marked are never shown."""
    profile = profile_with(
        {
            "group": family("plan", "visits"),
            "told": family("spend", up="spends {spend} on {plan}"),
            "marked": family("active", protected=True),
        },
        slices=("plan",),
    )

    hidden = {each.name: each.is_hidden for each in profile.families(FEATURES)}

    assert hidden == {"group": True, "told": True, "marked": True}
    assert profile.protected_features == ["plan", "visits", "spend", "active"]
    assert MEMBERS.protected_features == []


def test_a_model_of_other_features_has_families_all_the_same() -> None:
    """A family keeps what the model has of it; a feature that the profile no longer names is its own."""
    profile = profile_with({"use": family("visits", "active")})

    families = profile.families(("active", "old"))

    assert [(each.name, each.features) for each in families] == [("use", ("active",)), ("old", ("old",))]
