"""A night whose user may not write or read a folder says which; with access again a plain run makes it whole."""

import shutil
from pathlib import Path

import pytest

from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.faults.nights.conftest import Night
from churn_assets_tests.faults.nights.night_state import audit_disturbed, audit_recovered
from churn_assets_tests.faults.nights.warm import Warm

pytestmark = [pytest.mark.integration, pytest.mark.fault("a folder may not be written or read")]

READ_ONLY, CLOSED = 0o555, 0o000
FOLDERS = (
    ".",
    "source",
    "source/snapshot_date={day}",
    "tables",
    "tables/raw_customers",
    "tables/raw_customers/_delta_log",
    "tables/raw_customers/_staging",
    "tables/customers/_delta_log",
    "tables/customer_features",
    "tables/churn_scores",
    "tables/churn_scores/_delta_log",
    "tables/churn_scores/_lookup",
    "tables/churn_scores/_report",
    "tables/churn_reasons/_delta_log",
    "tables/feature_drift",
    "tables/score_summary/_delta_log",
    "tables/promotions",
    "tables/promotions/_delta_log",
    "models",
    "models/{model}",
    "metrics",
    "dagster",
    "dagster/history",
    "dagster/history/runs",
    "dagster/logs",
)
# root without what lets it pass over permissions: files are its own, as they are of whoever runs the product
PLAIN_USER = """
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
assert libc.capget(header, sets) == 0
for at in range(3):
    sets[at] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
assert libc.capset(header, sets) == 0
"""


@pytest.mark.parametrize(
    ("night", "folders"),
    [
        ("installed_night", ["tables/churn_scores"]),
        *(pytest.param("watched_night", [each], marks=pytest.mark.campaign) for each in FOLDERS),
    ],
    indirect=["night"],
)
def test_a_folder_that_is_refused_is_named(
    night: Night, warm: Warm, tmp_path: Path, tally: Tally, folders: list[str]
) -> None:
    """Read-only and closed: nothing half published, and the very night once the folder is given back."""
    for folder in folders:
        for mode in (READ_ONLY, CLOSED):
            installation = night.installation.copy_to(tmp_path / "installation")
            model = next(path.name for path in (installation.data / "models").iterdir() if path.name[0] != "_")
            refused = installation.data / folder.format(day=night.day, model=model)
            usual = refused.stat().st_mode
            refused.chmod(mode)

            code, said = warm.run(installation, *night.words, before=PLAIN_USER)

            refused.chmod(usual)
            tally.tried()
            named = "error: " not in said or refused.name in said or str(installation.data) in said
            unclear = code != 0 and (said.count("error: ") != 1 or not named)
            tally.found(words=unclear or "Traceback" in said or "errors." in said)
            audit_disturbed(installation, night.before, night.after, night.told_first, tally)
            again, _ = warm.run(installation, *night.words, before=PLAIN_USER)
            tally.found(not_recovered=again != 0)
            audit_recovered(installation, night.after, tally)
            shutil.rmtree(installation.root)

    assert not tally.faults
