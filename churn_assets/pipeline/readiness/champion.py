"""Points about the model in force."""

from churn_assets.core.monitoring.readiness import Point
from churn_assets.pipeline.chain import Chain, installed_libraries
from churn_assets.storage.models.opening import open_proven

__all__ = ["card_point", "golden_point"]

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
    open_proven(store, card, chain.profile, installed_libraries())
    return Point("golden rows", f"{card.model_version} gives {store.golden(card).num_rows} rows as when it was made")
