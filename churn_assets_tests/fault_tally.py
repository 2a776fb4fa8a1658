"""What fault tests tried and what did not hold, as rows of a table."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Tally", "fault_table"]

COLUMNS = ("tries", "lost", "doubled", "wrong", "words", "not recovered")


@dataclass(frozen=True)
class Tally:
    """Counts of one test.

    `tries`; what was `lost`, `doubled` or `wrong` after them; `words`: how often a person got none, or a traceback;
    `not recovered`: how often the documented command did not bring back what an undisturbed night gives.
    """

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0))

    def tried(self, times: int = 1) -> None:
        """Count attempts."""
        self.counts["tries"] += times

    def found(self, *, lost: int = 0, doubled: int = 0, wrong: int = 0, words: int = 0, not_recovered: int = 0) -> None:
        """Count what did not hold."""
        counts = {"lost": lost, "doubled": doubled, "wrong": wrong, "words": words, "not recovered": not_recovered}
        for name, more in counts.items():
            self.counts[name] += int(more)

    @property
    def faults(self) -> dict[str, int]:
        """What did not hold, empty where all did."""
        return {name: count for name, count in self.counts.items() if count and name != "tries"}


def fault_table(reports: Iterable[tuple[Mapping[str, Any], bool]]) -> str:
    """A Markdown table with a row for each fault, of the properties of ended tests and whether they failed.

    A test without a tally is one try, and wrong where it failed.
    """
    rows: dict[str, Counter[str]] = {}
    for properties, failed in reports:
        if "fault" in properties:
            counts = properties.get("tally") or {"tries": 1, "wrong": int(failed)}
            rows.setdefault(properties["fault"], Counter()).update(counts)
    heading = f"| fault | {' | '.join(COLUMNS)} |\n|---|{'---:|' * len(COLUMNS)}"
    lines = [f"| {name} | {' | '.join(f'{rows[name][each]:,}' for each in COLUMNS)} |" for name in sorted(rows)]
    return "\n".join([heading, *lines])
