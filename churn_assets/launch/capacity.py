"""What this machine has to work with, as far as the operating system knows."""

import os
from contextlib import suppress
from pathlib import Path

from churn_assets.core.arrow.cpus import usable_cpus

__all__ = ["NIGHT_MEMORY", "available_memory", "nights_at_once"]

NIGHT_MEMORY = 800 * 2**20  # bytes; a night takes about 600 MiB however large it is (docs/benchmarks.md), and some room
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def nights_at_once() -> int:
    """How many nights run at once within cores and memory; one at least."""
    return max(1, min(usable_cpus(), available_memory() // NIGHT_MEMORY))


def available_memory(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int:
    """Bytes that can be had without swapping: what the kernel has to give, within this container's bound."""
    bounds = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError, ValueError, StopIteration):  # no Linux
        line = next(line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable:"))
        bounds.append(int(line.split()[1]) * 1024)
    with suppress(OSError, ValueError):  # no control group, or one without a bound: `max`
        bounds.append(int((cgroup / "memory.max").read_text()) - int((cgroup / "memory.current").read_text()))
    return max(0, min(bounds))
