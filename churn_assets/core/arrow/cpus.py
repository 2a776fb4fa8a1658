"""How many processors this process may use, as its kernel says: by affinity, and by its container's quota."""

import math
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["usable_cpus"]

CGROUP = Path("/sys/fs/cgroup")


def usable_cpus(cgroup: Path = CGROUP) -> int:
    """One at least; a pod of two on a machine of 64 has two, whichever way it is bounded.

    `os.cpu_count` tells those of the machine.
    """
    bounds = [os.cpu_count() or 1]
    if hasattr(os, "sched_getaffinity"):  # not on every system
        bounds.append(len(os.sched_getaffinity(0)))
    with suppress(OSError, ValueError, ZeroDivisionError):  # no control groups, or no quota: `max`
        quota, period = (cgroup / "cpu.max").read_text().split()
        bounds.append(math.ceil(int(quota) / int(period)))
    with suppress(OSError, ValueError, ZeroDivisionError):  # as above, in the first version of control groups: -1
        quota_v1, period_v1 = (int((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
        bounds.append(math.ceil(quota_v1 / period_v1) if quota_v1 > 0 else bounds[0])
    return max(1, min(bounds))
