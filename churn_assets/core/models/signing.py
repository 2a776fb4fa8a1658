"""Signatures of model versions: who holds a key vouches for every byte of a model's folder.

HMAC-SHA256 (RFC 2104) comes with Python and has one key for both sides; Ed25519 (RFC 8032) has a private key, which
signs, and a public one, which only tells. Both give the same signature for the same model and key.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from churn_assets.core.errors import ModelFault, SettingsError
from churn_assets.core.models.options import ModelOptions

__all__ = ["Signature", "Signing"]

HMAC = "hmac-sha256"
ED25519 = "ed25519"
KEY_BYTES = 32
FORMS = "hmac-sha256:…, ed25519-private:… or ed25519-public:…, with 32 bytes in base64 behind the colon"
ADVICE = "promote another version, or look where it comes from and `churn-assets models sign {}`"
NO_KEY = (
    "models.require_signature is true, and there is no key to tell a signature by: set CHURN_MODELS__VERIFY_KEYS or "
    "CHURN_MODELS__SIGNING_KEY"
)


class Signature(BaseModel):
    """What lies beside a card: made by which `algorithm` and by the key of which name, in hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: str
    key: str
    signature: str = Field(pattern="^([0-9a-f]{2})+$")


@dataclass(frozen=True)
class _Key:
    """One key; `name` tells it from others and tells nothing of it, `sign` is None for one that only verifies."""

    algorithm: str
    name: str
    verify: Callable[[bytes, bytes], bool] = field(repr=False)
    sign: Callable[[bytes], bytes] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Signing:
    """The keys in force, and whether a model without a signature by one of them is refused.

    `elsewhere` names the environment variable that holds the signing key where models are made, and is not set here.
    """

    required: bool = False
    signer: _Key | None = None
    accepted: tuple[_Key, ...] = ()
    elsewhere: str = ""

    @classmethod
    def of(cls, options: ModelOptions, elsewhere: str = "") -> "Signing":
        """The keys that the settings name.

        Raises:
            SettingsError: one is none, the library for it is missing, or a signature is required and there is none.
        """
        given = options.signing_key.get_secret_value()
        signer = _key("models.signing_key", given) if given else None
        if signer is not None and signer.sign is None:
            raise SettingsError("models.signing_key is a public key, which signs nothing: give the private one")
        others = [
            _key(f"models.verify_keys[{at}]", each.get_secret_value()) for at, each in enumerate(options.verify_keys)
        ]
        accepted = tuple(each for each in (signer, *others) if each is not None)
        if options.require_signature and not accepted:
            raise SettingsError(NO_KEY + (f", or {elsewhere}, which models.signing_key names" if elsewhere else ""))
        return cls(options.require_signature, signer, accepted, elsewhere)

    def check_signer(self) -> None:
        """Refuse to make a model that nobody could open here, or that is to be signed, before any work is done.

        Raises:
            SettingsError: a signature is required or a key is named, and there is none here that signs.
        """
        if self.elsewhere:
            raise SettingsError(
                f"models.signing_key is to be read from the environment variable {self.elsewhere}, which is not set: "
                "set it, or train where it is"
            )
        if self.required and self.signer is None:
            raise SettingsError(
                "models.require_signature is true, and no key is here that signs a new model: set "
                "CHURN_MODELS__SIGNING_KEY, or train where it is"
            )

    def sign(self, version: str, digests: Mapping[str, str]) -> Signature:
        """A signature over a model's name and the SHA-256 of each of its files, by name.

        Raises:
            SettingsError: there is no key that signs.
        """
        if self.signer is None or self.signer.sign is None:
            raise SettingsError("there is no key to sign with: set CHURN_MODELS__SIGNING_KEY")
        signature = self.signer.sign(_message(version, digests)).hex()
        return Signature(algorithm=self.signer.algorithm, key=self.signer.name, signature=signature)

    def check(self, version: str, digests: Mapping[str, str], stored: bytes | None) -> None:
        """Refuse a model whose signature is `stored`, None for none, and that no accepted key made for it.

        Raises:
            ModelFault: naming the model and what to do.
        """
        advice = ADVICE.format(version)
        if stored is None:
            raise ModelFault(f"model {version} is not signed, and models.require_signature is true: {advice}")
        given = _read(version, stored)
        keys = [each for each in self.accepted if (each.algorithm, each.name) == (given.algorithm, given.key)]
        if not keys:
            raise ModelFault(
                f"model {version} was signed by a key that is not accepted here ({given.algorithm} {given.key!r:.40}); "
                f"it was not loaded: add that key to models.verify_keys, or {advice}"
            )
        if not keys[0].verify(_message(version, digests), bytes.fromhex(given.signature)):
            raise ModelFault(
                f"model {version}: its signature is not of what lies in the folder, which was changed since; it was "
                "not loaded: restore the folder from a backup, or promote another version"
            )

    def check_stored(self, version: str, digests: Mapping[str, str], stored: bytes | None) -> None:
        """Refuse a signature that is not of what is stored, as far as the keys that are here can tell; else its form.

        Raises:
            ModelFault: as `check`; of a model that is not signed only where a signature is required.
        """
        if self.required or (self.accepted and stored is not None):
            self.check(version, digests, stored)
        elif stored is not None:
            _read(version, stored)


def _read(version: str, stored: bytes) -> Signature:
    try:
        return Signature.model_validate_json(stored)
    except ValidationError as error:
        raise ModelFault(
            f"model {version}: its signature cannot be read; it was not loaded: {ADVICE.format(version)}"
        ) from error


def _message(version: str, digests: Mapping[str, str]) -> bytes:
    """What is signed: no other use of the same key gives these bytes."""
    content = {"of": "a model version of churn_assets", "model_version": version, "files": dict(digests)}
    return json.dumps(content, sort_keys=True).encode()


def _key(setting: str, text: str) -> _Key:
    kind, _, encoded = text.strip().partition(":")
    try:
        secret = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    make = {HMAC: _hmac_key, f"{ED25519}-private": _private_key, f"{ED25519}-public": _public_key}.get(kind)
    fits = len(secret) >= KEY_BYTES if kind == HMAC else len(secret) == KEY_BYTES
    if make is None or not fits:
        raise SettingsError(f"{setting} is no key: it is written as {FORMS}; docs/security.md makes one")
    return make(secret)


def _hmac_key(secret: bytes) -> _Key:
    def sign(message: bytes) -> bytes:
        return hmac.digest(secret, message, "sha256")

    def verify(message: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(sign(message), signature)

    return _Key(HMAC, _named(sign(b"the name of this key")), verify, sign)


def _private_key(secret: bytes) -> _Key:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise _missing() from error
    private = Ed25519PrivateKey.from_private_bytes(secret)
    public = _public_key(private.public_key().public_bytes_raw())
    return _Key(ED25519, public.name, public.verify, private.sign)


def _public_key(public: bytes) -> _Key:
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # an extra
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  # as above
    except ImportError as error:
        raise _missing() from error
    key = Ed25519PublicKey.from_public_bytes(public)

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return _Key(ED25519, _named(public), verify)


def _named(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _missing() -> SettingsError:
    return SettingsError(
        "an ed25519 key is set below models, and the package cryptography is not installed: install "
        "churn-assets[signing], or use an hmac-sha256 key"
    )
