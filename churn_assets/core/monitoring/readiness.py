"""Whether an installation is fit for production, point by point: what is judged of settings and of text alone."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from churn_assets.core.options import GateBounds

__all__ = ["Point", "gates_point", "lock_point", "storage_point"]

COIN = 0.5  # the ROC-AUC of one
NAMED = 5
PASSING = {  # where a volume may be gone with a machine or a container
    "tmpfs": "memory",
    "ramfs": "memory",
    "overlay": "a container's own layer",
}


@dataclass(frozen=True)
class Point:
    """One point of the list: what was found, and what to do; nothing to do means that it passed."""

    point: str
    finding: str
    advice: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is to be done."""
        return not self.advice


def gates_point(gates: GateBounds) -> Point:
    """Whether every gate is on that a model could do without by being useless, lucky or leaky."""
    off = [
        name
        for name, is_on in (
            ("min_rows", gates.min_rows > 0),
            ("min_churners", gates.min_churners > 0),
            ("min_roc_auc", gates.min_roc_auc > COIN),
            ("brier_below_base_rate", gates.brier_below_base_rate),
            ("max_calibration_error", gates.max_calibration_error is not None),
            ("max_feature_roc_auc", gates.max_feature_roc_auc is not None),
            ("max_roc_auc", gates.max_roc_auc is not None),
            ("max_roc_auc_loss", gates.max_roc_auc_loss is not None),
        )
        if not is_on
    ]
    if off:
        return Point("gates", f"off: {', '.join(off)}", "set them below gates in config.yaml")
    return Point("gates", "every gate that guards promotion is on")


def lock_point(lock: str, installed: Mapping[str, str]) -> Point:
    """Whether what is installed is what `uv.lock` names, of the packages that are both.

    Args:
        lock: the content of the file.
        installed: versions by normalized name.
    """
    locked: dict[str, set[str]] = {}
    for package in tomllib.loads(lock)["package"]:
        if "version" in package:
            locked.setdefault(package["name"], set()).add(package["version"])
    other = [
        f"{name} {version} (locked: {', '.join(sorted(locked[name]))})"
        for name, version in sorted(installed.items())
        if name in locked and version not in locked[name]
    ]
    both = len(locked.keys() & installed.keys())
    if other:
        more = f" and {len(other) - NAMED} more" if len(other) > NAMED else ""
        return Point("environment", f"not as locked: {', '.join(other[:NAMED])}{more}", "install by `make setup`")
    return Point("environment", f"{both} packages are installed as uv.lock names them")


def storage_point(folder: PurePath, mounts: str) -> Point:
    """Whether what is written below `folder` outlives the machine's memory and a container.

    Args:
        folder: `data_dir`, absolute.
        mounts: what `/proc/mounts` holds.
    """
    lines = [line.split() for line in mounts.splitlines()]
    points = [(PurePath(fields[1].replace("\\040", " ")), fields[2]) for fields in lines if len(fields) > 2]  # noqa: PLR2004  # device, place, kind
    above = [(len(place.parts), kind) for place, kind in points if folder.is_relative_to(place)]
    kind = max(enumerate(above), key=lambda each: (each[1][0], each[0]))[1][1] if above else "unknown"
    if kind in PASSING:
        return Point(
            "storage", f"{folder} lies on {kind}, {PASSING[kind]}, and is gone with it", "mount a volume for data_dir"
        )
    return Point("storage", f"{folder} lies on {kind}")
