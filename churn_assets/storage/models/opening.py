"""Opening a model to score with: as fast as its proof allows, and never without one."""

from churn_assets.core.models.card import EXACT, ModelCard
from churn_assets.core.models.golden import ProvenModel, check_golden, gives_golden, with_kernel
from churn_assets.core.models.model import Model
from churn_assets.core.profile import Profile
from churn_assets.storage.models.store import ModelStore

__all__ = ["open_proven"]


def open_proven(store: ModelStore, card: ModelCard, profile: Profile, libraries: dict[str, str]) -> ProvenModel:
    """A model that gives its golden rows, with its kernel where it has one.

    Under the libraries of its card the stored kernel is enough, if it gives the golden rows to the bit:
    scikit-learn is not even loaded. Else the artefact is opened, and its kernel compiled and proven anew.

    Args:
        store: where it lies.
        card: of the model.
        profile: whose feature code makes its features.
        libraries: the versions that are installed.

    Raises:
        ModelFault: a file is missing or another one, or the golden rows do not come out again.
    """
    golden = store.golden(card)
    if card.kernel == EXACT and card.libraries == libraries:
        quick = Model(None, card, store.kernel(card))
        if quick.kernel is not None and gives_golden(quick, profile, golden):
            return ProvenModel(quick)
    plain = Model(store.artefact(card), card)
    check_golden(plain, profile, golden, libraries)
    return with_kernel(plain, profile, golden)
