"""The day in a query: bound by the driver, and never pasted into the text."""

import re

__all__ = ["SETTING", "names_day", "query_fault", "with_day_bound", "with_day_set"]

DAY = re.compile(r"(?<![:\w]):snapshot_date\b")
QUOTED = re.compile(r"'[^']*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
SETTING = "churn.snapshot_date"


def names_day(query: str) -> bool:
    """Whether a query asks for one day."""
    return DAY.search(QUOTED.sub("", query)) is not None


def query_fault(query: str) -> str:
    """What is wrong with a query before any database has seen it; empty where nothing is."""
    text = QUOTED.sub(" ", query)
    if not re.match(r"\s*(select|with|values|table)\b", text, re.IGNORECASE):
        return "it is to be one select"
    if ";" in text.rstrip().rstrip(";"):
        return "it holds more than one statement: write one select"
    if any(DAY.search(quoted) for quoted in QUOTED.findall(query) if quoted.startswith("'")):
        return ":snapshot_date stands in quotes: write it without them, it is bound as a value"
    return ""


def with_day_bound(query: str, mark: str) -> tuple[str, int]:
    """The query with a driver's mark of a parameter for the day, and how many of them it holds."""
    return _replaced(query, mark)


def with_day_set(query: str) -> str:
    """The query that reads the day from a setting of its transaction.

    PostgreSQL's driver gives all rows of a query with bound parameters at once; such a one it streams.
    """
    return _replaced(query, f"current_setting('{SETTING}')::date")[0]


def _replaced(query: str, by: str) -> tuple[str, int]:
    """The query with `by` for the day wherever it stands outside of quotes and comments."""
    pieces, at, count = [], 0, 0
    for quoted in [*QUOTED.finditer(query), None]:
        text, times = DAY.subn(lambda _: by, query[at : quoted.start() if quoted else len(query)])
        pieces += [text, quoted[0] if quoted else ""]
        count += times
        at = quoted.end() if quoted else at
    return "".join(pieces).rstrip().rstrip(";"), count
