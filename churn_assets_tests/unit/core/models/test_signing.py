"""A signature tells who vouches for a model, and nothing that is printed tells a key."""

import base64
import sys

import pytest
from pydantic import SecretStr

from churn_assets.core.errors import ModelFault, SettingsError
from churn_assets.core.models.options import ModelOptions
from churn_assets.core.models.signing import Signature, Signing

VERSION = "20261001-0a1b2c3d"
FILES = {"model.joblib": "ab" * 32, "card.json": "cd" * 32}
MINE, OTHER = bytes(range(32)), bytes(range(32, 64))


def hmac_key(secret: bytes = MINE) -> str:
    """A key of one side."""
    return f"hmac-sha256:{base64.b64encode(secret).decode()}"


def private_key(secret: bytes = MINE) -> str:
    """A key that signs."""
    return f"ed25519-private:{base64.b64encode(secret).decode()}"


def public_key(secret: bytes = MINE) -> str:
    """The key that tells what a private one has signed."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  # an extra

    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    return f"ed25519-public:{base64.b64encode(public).decode()}"


def signing(signing_key: str = "", *verify_keys: str, required: bool = True) -> Signing:
    """The keys in force, as the settings give them."""
    keys = tuple(SecretStr(each) for each in verify_keys)
    return Signing.of(ModelOptions(require_signature=required, signing_key=SecretStr(signing_key), verify_keys=keys))


def stored(signature: Signature) -> bytes:
    """The file beside the card."""
    return signature.model_dump_json().encode()


@pytest.mark.parametrize(
    ("key", "accepted"),
    [
        pytest.param(hmac_key(), hmac_key(), id="hmac"),
        pytest.param(private_key(), private_key(), id="ed25519"),
        pytest.param(private_key(), public_key(), id="ed25519, by the public key alone"),
    ],
)
def test_a_signature_is_told_by_its_key(key: str, accepted: str) -> None:
    """It is the same each time, holds among several keys, and for no other model, file or digest."""
    mine = stored(signing(key).sign(VERSION, FILES))
    others = signing("", hmac_key(OTHER), accepted)

    others.check(VERSION, dict(reversed(FILES.items())), mine)

    assert mine == stored(signing(key).sign(VERSION, FILES))
    for version, files in (
        ("20261001-ffffffff", FILES),
        (VERSION, FILES | {"model.joblib": "ef" * 32}),
        (VERSION, FILES | {"more": "ab" * 32}),
        (VERSION, {"card.json": FILES["card.json"]}),
    ):
        with pytest.raises(ModelFault, match=r"signature is not of what lies in the folder.* restore"):
            others.check(version, files, mine)


@pytest.mark.parametrize("key", [hmac_key(OTHER), private_key()], ids=["of another secret", "of another kind"])
def test_a_signature_by_a_key_that_is_not_accepted_is_refused(key: str) -> None:
    """The sentence says so, and how such a key is accepted."""
    foreign = stored(signing(key).sign(VERSION, FILES))

    with pytest.raises(ModelFault, match=r"signed by a key that is not accepted here .* models\.verify_keys"):
        signing(hmac_key()).check(VERSION, FILES, foreign)


def test_who_names_an_accepted_key_without_having_it_is_refused() -> None:
    """The name of a key is public; with it alone nobody signs."""
    name = signing(hmac_key()).sign(VERSION, FILES).key
    forged = signing(hmac_key(OTHER)).sign(VERSION, FILES).model_copy(update={"key": name})

    with pytest.raises(ModelFault, match="signature is not of what lies in the folder"):
        signing(hmac_key()).check(VERSION, FILES, stored(forged))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, r"is not signed, and models\.require_signature is true"),
        (b"", "cannot be read"),
        (b"{}", "cannot be read"),
        (b'{"algorithm": "hmac-sha256", "key": "", "signature": "no hex"}', "cannot be read"),
    ],
)
def test_a_model_without_a_signature_is_refused(content: bytes | None, says: str) -> None:
    """None, and none that can be read: one sentence, with what to do."""
    with pytest.raises(ModelFault, match=rf"{says}.*promote another version, or look where it comes from"):
        signing(hmac_key()).check(VERSION, FILES, content)


@pytest.mark.parametrize(
    "broken",
    [
        "MARKER",
        "hmac-sha256:MARKER!",
        "hmac-sha256:TUFSS0VS",
        "ed25519-private:TUFSS0VS",
        "rsa:" + "MARKER12" * 8,
        hmac_key()[:-4],
    ],
)
def test_what_is_no_key_is_refused_without_a_word_of_it(broken: str) -> None:
    """The sentence names the setting and the forms; too short a secret is no key."""
    with pytest.raises(SettingsError, match=r"models\.signing_key is no key.*hmac-sha256:") as refused:
        signing(broken)
    with pytest.raises(SettingsError, match=r"models\.verify_keys\[0\] is no key"):
        signing("", broken)

    assert "MARKER" not in str(refused.value)
    assert "TUFSS0VS" not in str(refused.value)


def test_a_key_is_wanted_where_it_is_needed() -> None:
    """To tell a signature, to sign, and to make a model that may be opened: each refusal names the setting."""
    verifying = signing("", public_key())

    with pytest.raises(SettingsError, match="no key to tell a signature by: set CHURN_MODELS__VERIFY_KEYS"):
        signing()
    with pytest.raises(SettingsError, match="is a public key, which signs nothing"):
        signing(public_key())
    with pytest.raises(SettingsError, match="no key to sign with"):
        verifying.sign(VERSION, FILES)
    with pytest.raises(SettingsError, match="or train where it is"):
        verifying.check_signer()
    signing("", required=False).check_signer()


def test_ed25519_without_its_library_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the extra to install; HMAC does without."""
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    public = public_key()
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)

    for key in (private_key(), public):
        with pytest.raises(SettingsError, match=r"cryptography is not installed: install churn-assets\[signing\]"):
            signing("", key)
    assert signing(hmac_key()).required


def test_nothing_that_is_printed_tells_a_key() -> None:
    """Neither options nor keys show a secret, nor does a signature hold one."""
    options = ModelOptions(signing_key=SecretStr(hmac_key()), verify_keys=(SecretStr(private_key(OTHER)),))
    keys = Signing.of(options)

    told = f"{options!r} {options.model_dump_json()} {keys!r} {keys.sign(VERSION, FILES)!r}"

    for secret in (MINE, OTHER):
        assert base64.b64encode(secret).decode() not in told
        assert secret.hex() not in told
        assert repr(secret)[2:-1] not in told
