"""What of an installation's readiness follows from settings and texts."""

from pathlib import PurePosixPath

import pytest

from churn_assets.core.monitoring.readiness import gates_point, lock_point, storage_point
from churn_assets.core.options import GateBounds

LOCK = """
[[package]]
name = "numpy"
version = "2.1"

[[package]]
name = "numpy"
version = "2.3"

[[package]]
name = "rich"
version = "14.0"

[[package]]
name = "churn-assets"
source = { editable = "." }
"""
MOUNTS = """overlay / overlay rw 0 0
/dev/sda1 /srv ext4 rw 0 0
tmpfs /srv/data/fast tmpfs rw 0 0
/dev/sdb1 /mnt/with\\040space xfs rw 0 0
"""


def test_gates_that_are_off_are_named() -> None:
    """As shipped all are on; each that is left out, or bounds nothing, is named."""
    off = gates_point(GateBounds(min_roc_auc=0.5, brier_below_base_rate=False, max_feature_roc_auc=None))

    assert gates_point(GateBounds()).passed
    assert off.finding == "off: min_roc_auc, brier_below_base_rate, max_feature_roc_auc"
    assert not off.passed


def test_what_is_not_installed_as_locked_is_named() -> None:
    """One of several locked versions will do; what is in one of the two alone is not compared."""
    same = lock_point(LOCK, {"numpy": "2.1", "rich": "14.0", "other": "1"})
    other = lock_point(LOCK, {"numpy": "2.2", "rich": "14.0"})

    assert (same.passed, same.finding) == (True, "2 packages are installed as uv.lock names them")
    assert (other.passed, other.finding) == (False, "not as locked: numpy 2.2 (locked: 2.1, 2.3)")


@pytest.mark.parametrize(
    ("folder", "passed", "kind"),
    [
        ("/srv/data", True, "ext4"),
        ("/srv/data/fast/churn", False, "tmpfs"),
        ("/home/data", False, "overlay"),
        ("/mnt/with space/data", True, "xfs"),
    ],
)
def test_storage_that_goes_with_the_machine_is_not_durable(folder: str, passed: bool, kind: str) -> None:  # noqa: FBT001  # a case
    """The nearest mount counts: memory and a container's own layer are gone with it."""
    point = storage_point(PurePosixPath(folder), MOUNTS)

    assert (point.passed, f"lies on {kind}" in point.finding) == (passed, True)
