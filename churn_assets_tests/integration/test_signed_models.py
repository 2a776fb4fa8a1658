"""With signatures required, nothing of a model that nobody vouches for is opened, whichever command is asked."""

import base64
import datetime as dt
import hashlib
from pathlib import Path

import joblib
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from churn_assets.core.models.card import ModelCard, sealed
from churn_assets_tests.integration.installation import NIGHTS, Installation
from churn_assets_tests.unit.storage.models.test_store import Trap

pytestmark = pytest.mark.integration

SECRET = bytes(range(32))
PUBLIC = Ed25519PrivateKey.from_private_bytes(SECRET).public_key().public_bytes_raw()
SIGNING_KEY = f"ed25519-private:{base64.b64encode(SECRET).decode()}"
VERIFY_KEYS = f'["ed25519-public:{base64.b64encode(PUBLIC).decode()}"]'


def slip_in(folder: Path) -> None:
    """Put another artefact in the place of a model's, with every digest made anew."""
    joblib.dump(Trap(folder.parent / "trapped"), folder / "model.joblib")
    card = ModelCard.model_validate_json((folder / "card.json").read_bytes())
    digest = hashlib.sha256((folder / "model.joblib").read_bytes()).hexdigest()
    changed = card.model_copy(update={"files": card.files | {"model.joblib": digest}, "kernel": "", "reasons": ""})
    (folder / "card.json").write_text(sealed(changed).model_dump_json())


def said_by_nights(installation: Installation) -> str:
    """What the runs of the nightly job said."""
    with installation.dagster() as instance:
        runs = [run for run in instance.get_runs() if run.job_name == "nightly"]
        return "\n".join(entry.user_message for run in runs for entry in instance.all_logs(run.run_id))


def test_a_model_that_nobody_vouches_for_scores_nobody(installation: Installation, tmp_path: Path) -> None:
    """Refused until it is signed, opened by the public key alone, and refused again once somebody has changed it."""
    [model] = installation.run("models", "--json").json
    version, day = model["model_version"], NIGHTS[-1] + dt.timedelta(days=1)
    night = installation.having(CHURN_MODELS__REQUIRE_SIGNATURE="true", CHURN_MODELS__VERIFY_KEYS=VERIFY_KEYS)
    training = night.having(CHURN_MODELS__SIGNING_KEY=SIGNING_KEY)
    published = installation.published()

    unsigned = night.run("run", "--date", str(NIGHTS[-1]))
    listed = night.run("models")
    cannot_sign = night.run("models", "sign", version)
    signed = training.run("models", "sign", version)
    same = night.run("run", "--date", str(NIGHTS[-1]), "--json")
    slip_in(installation.data / "models" / version)
    damaged = night.run("verify", "--json").json["damaged"]
    refusals = [
        night.run(*words)
        for words in (
            ("run", "--date", str(day)),
            ("promote", version, "--reason", "mine"),
            ("canary", version, "--share", "0.5", "--reason", "mine"),
            ("models", "export", version, str(tmp_path / "export")),
            ("models", "--card", version),
            ("backfill", "--from", str(day), "--to", str(day), "--jobs", "1"),
        )
    ]
    customer = installation.rows("churn_scores", NIGHTS[-1]).column("customer_id")[0].as_py()
    told = said_by_nights(installation)
    traced = night.run("trace", customer, "--date", str(NIGHTS[-1]))

    assert "is not signed, and models.require_signature is true" in unsigned.error(1)
    assert "is not signed" in listed.stderr
    assert "no key to sign with" in cannot_sign.error(2)
    assert signed.exit_code == 0, signed.stderr
    assert same.json[0]["model_version"] == version
    for refused in refusals:
        assert "its signature is not of what lies in the folder" in refused.stderr, refused
        assert refused.exit_code != 0
    assert not (installation.data / "models" / "trapped").exists()
    assert not (tmp_path / "export").exists()
    assert installation.published("churn_scores") == {"churn_scores": published["churn_scores"]}
    assert told.count("models.require_signature is false") == len(NIGHTS)  # once a night, and none of those with a key
    assert [Path(each["file"]).name for each in damaged] == ["card.sig"]
    assert version in traced.stdout, traced.stderr  # it opens no model
