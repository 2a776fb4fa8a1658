"""Points about the model in force."""

from churn_assets.core.readiness import Point
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.libraries import installed_libraries
from churn_assets.storage.models.opening import open_proven

__all__ = ["card_point", "golden_point", "signature_point"]

NOBODY = "no model is champion"
TRAIN = "`churn-assets run` trains the first one, `churn-assets promote VERSION --reason TEXT` promotes one"


def card_point(chain: Chain) -> Point:
    """Whether the champion's folder is what its card says.

    Raises:
        ModelFault, UnknownVersion: it is not.
    """
    if not chain.registry.has_champion():
        return Point("model card", NOBODY, TRAIN)
    card = chain.registry.models.verify(chain.registry.champion())
    return Point("model card", f"{card.model_version}, trained as of {card.trained_as_of}, is what its card says")


def golden_point(chain: Chain) -> Point:
    """Whether the champion gives its golden rows through today's feature code and libraries.

    Raises:
        ModelFault, UnknownVersion: it does not.
    """
    if not chain.registry.has_champion():
        return Point("golden rows", NOBODY, TRAIN)
    store = chain.registry.models
    card = store.card(chain.registry.champion())
    open_proven(store, card, chain.profile, installed_libraries(card.libraries))
    return Point("golden rows", f"{card.model_version} gives {store.golden(card).num_rows} rows as when it was made")


def signature_point(chain: Chain) -> Point:
    """Whether nothing but a signed model is opened, and the champion is one.

    Raises:
        ModelFault, UnknownVersion: it is not.
    """
    if not chain.signing.required:
        return Point(
            "model signature",
            "a model is opened whoever made it: who may write its folder can have code run",
            "set models.require_signature and a key: docs/security.md",
        )
    if not chain.registry.has_champion():
        return Point("model signature", "only signed models are opened, and no model is champion yet")
    version = chain.registry.models.card(chain.registry.champion()).model_version
    return Point("model signature", f"only signed models are opened, and {version} is one")
