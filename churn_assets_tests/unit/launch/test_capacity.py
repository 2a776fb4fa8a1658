"""How many nights run at once follows from cores and memory."""

from pathlib import Path

import pytest

from churn_assets.launch import capacity
from churn_assets.launch.capacity import NIGHT_MEMORY, available_memory, nights_at_once

GIB = 2**30


def machine(folder: Path, available_kib: int, bound: str = "", used: int = 0) -> tuple[Path, Path]:
    """What the kernel of a made-up machine reports: its meminfo, and the folder of its control group."""
    meminfo = folder / "meminfo"
    meminfo.write_text(f"MemTotal: 99999999 kB\nMemFree: 1 kB\nMemAvailable:   {available_kib} kB\n")
    if bound:
        (folder / "memory.max").write_text(f"{bound}\n")
        (folder / "memory.current").write_text(f"{used}\n")
    return meminfo, folder


@pytest.mark.parametrize(
    ("available_kib", "bound", "used", "expected"),
    [
        (1024, "", 0, 2**20),
        (1024, "max", 0, 2**20),
        (1024, "2000", 500, 1500),
        (1, "3000", 100, 1024),
        (1024, "2000", 3000, 0),
    ],
)
def test_memory_is_what_kernel_and_container_leave(
    tmp_path: Path, available_kib: int, bound: str, used: int, expected: int
) -> None:
    """The smaller of what the kernel can give and what the container may still take; never less than nothing."""
    memory = available_memory(*machine(tmp_path, available_kib, bound, used))

    assert memory == expected


def test_without_a_kernel_that_tells_it_is_the_machine(tmp_path: Path) -> None:
    """Where there is neither meminfo nor control group, all of the machine's memory counts."""
    memory = available_memory(tmp_path / "none", tmp_path / "none")

    assert memory >= available_memory() > 0


@pytest.mark.parametrize(("cores", "memory", "expected"), [(8, 16 * GIB, 8), (8, 3 * NIGHT_MEMORY, 3), (2, 1, 1)])
def test_nights_at_once_are_bound_by_cores_and_memory(
    monkeypatch: pytest.MonkeyPatch, cores: int, memory: int, expected: int
) -> None:
    """One a core, as far as memory reaches, and one in any case."""
    monkeypatch.setattr(capacity, "usable_cpus", lambda: cores)
    monkeypatch.setattr(capacity, "available_memory", lambda: memory)

    assert nights_at_once() == expected
