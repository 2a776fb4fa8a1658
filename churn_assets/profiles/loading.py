"""Import a profile by its module's name."""

import dataclasses
import hashlib
import importlib
import inspect
import logging
import sys
from pathlib import Path

from churn_assets.core.errors import ProfileError
from churn_assets.core.profile import Profile
from churn_assets.core.profile_schemas import customers_schema

__all__ = ["load_profile"]

logger = logging.getLogger("churn_assets")


def load_profile(name: str, folder: Path | None = None) -> Profile:
    """The `PROFILE` of the importable module `name`, with its name and source digest filled in.

    A module may also lie in `folder`, which is searched last, now and by whatever is imported later. A protected
    attribute that is a feature is warned of.

    Raises:
        ProfileError: the module cannot be imported, or defines no `PROFILE = Profile(...)`.
    """
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        module = importlib.import_module(name)
    except ProfileError as error:
        raise ProfileError(f"{name}: {error}") from error
    except (Exception, SystemExit) as error:
        raise ProfileError(
            f"profile: module {name!r} cannot be imported ({type(error).__name__}: {error}); "
            "name one of churn_assets.profiles, or a module beside config.yaml or on PYTHONPATH"
        ) from error
    profile = getattr(module, "PROFILE", None)
    if not isinstance(profile, Profile):
        raise ProfileError(f"profile: module {name!r} defines no PROFILE = Profile(...); add it")
    try:
        customers_schema(profile)
    except ProfileError as error:
        raise ProfileError(f"{name}: {error}") from error
    if protected := profile.protected_features:
        logger.warning(
            "%s: the model sees %s, which no reason may tell; take what it must not judge by out of feature_columns",
            name,
            ", ".join(protected),
        )
    source = inspect.getsource(module) + profile.translations
    return dataclasses.replace(profile, name=name, source_digest=hashlib.sha256(source.encode()).hexdigest())
