"""How many processors a process may use."""

import os
from pathlib import Path

import pytest

from churn_assets.core.arrow.cpus import usable_cpus


@pytest.fixture(autouse=True)
def _large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four processors, all of which may be used."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))


@pytest.mark.parametrize(
    ("cpu_max", "expected"),
    [("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("max 100000", 64), ("garbage", 64), ("0 0", 64)],
)
def test_a_quota_bounds_what_the_machine_has(tmp_path: Path, cpu_max: str, expected: int) -> None:
    """A container's quota counts in whole processors, begun ones too; none bounds nothing."""
    (tmp_path / "cpu.max").write_text(f"{cpu_max}\n")

    cpus = usable_cpus(tmp_path)

    assert cpus == expected


@pytest.mark.parametrize(("quota", "expected"), [("300000", 3), ("-1", 64)])
def test_a_quota_of_old_control_groups_bounds_too(tmp_path: Path, quota: str, expected: int) -> None:
    """The first version of control groups tells it in two files, and none by a negative number."""
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")

    cpus = usable_cpus(tmp_path)

    assert cpus == expected


def test_affinity_bounds_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was pinned to three processors has three."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 2, 5})

    cpus = usable_cpus(tmp_path)

    assert cpus == 3


def test_a_system_without_affinity_has_its_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither affinity nor quota is known, every processor counts."""
    monkeypatch.delattr(os, "sched_getaffinity")

    cpus = usable_cpus(tmp_path)

    assert cpus == 64
