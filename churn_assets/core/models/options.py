"""What `config.yaml` may set about the models that are kept."""

from pydantic import BaseModel, ConfigDict, SecretStr

__all__ = ["ModelOptions"]


class ModelOptions(BaseModel):
    """Who vouches for a model: `signing_key` signs what is made here, it and `verify_keys` tell what may be opened.

    Where `require_signature` is false nothing is asked of a signature.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    require_signature: bool = False
    signing_key: SecretStr = SecretStr("")
    verify_keys: tuple[SecretStr, ...] = ()
