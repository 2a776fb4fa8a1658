"""The snapshot day: when it ends, by the wall clock of the company's time zone, and how a path names it."""

import datetime as dt
import re
from functools import cached_property
from zoneinfo import ZoneInfo

__all__ = ["PLACEHOLDER", "DayTemplate", "end_of_day"]

PLACEHOLDER = "{snapshot_date}"  # of a day in a template of paths
NAMED = re.compile(r"\{snapshot_date(?::([^{}]*))?\}")
ISO = "%Y-%m-%d"
DIRECTIVES = {
    "Y": r"\d{4}",
    "y": r"\d\d",
    "m": r"\d\d",
    "d": r"\d\d",
    "j": r"\d{3}",
    "-m": r"\d{1,2}",
    "-d": r"\d{1,2}",
}
DIRECTIVE = re.compile(r"%(-?.)")


def end_of_day(day: dt.date, timezone: str) -> dt.datetime:
    """The moment a snapshot day ends, in UTC; days of 23 and 25 hours too."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(timezone)).astimezone(dt.UTC)


class DayTemplate:
    """A path in which a day stands as `{snapshot_date}`, or in a form of `strftime`: `{snapshot_date:%Y%m%d}`."""

    def __init__(self, text: str) -> None:
        self.text = text

    def fault(self) -> str:
        """What is wrong with it, in words; empty where nothing is."""
        if store := re.match(r"[a-z][a-z0-9+.-]*://", self.text, re.IGNORECASE):
            return f"{store[0]} is no folder of this machine: mount the store, or copy its files, and name a folder"
        if odd := re.search(r"\{[^{}]*\}", NAMED.sub("", self.text)):
            return f"{odd[0]} is no placeholder: write {PLACEHOLDER}, or its parts as {{snapshot_date:%Y%m%d}}"
        letters = {letter for form in self._forms for letter in DIRECTIVE.findall(form)}
        if unknown := sorted(letters - DIRECTIVES.keys()):
            return f"%{unknown[0]} is no part of a day: use %{', %'.join(DIRECTIVES)}"
        if self.is_dated and not _tells_a_day("".join(self._forms)):
            return "its placeholders tell no whole day: a year, a month and a day are needed"
        return ""

    @property
    def is_dated(self) -> bool:
        """Whether it names a day."""
        return bool(self._forms)

    def on(self, day: dt.date) -> str:
        """The path of a day."""
        return NAMED.sub(lambda found: day.strftime(found[1] or ISO), self.text)

    def anywhere(self) -> str:
        """The path with a `*` for each part of a day."""
        return NAMED.sub("*", self.text)

    def days_in(self, path: str) -> set[dt.date]:
        """Every day that stands in a path of this template; which of them is meant shows only by `on`."""
        if set(self._forms) == {ISO}:
            texts = [[text] for text in re.findall(r"\d{4}-\d{2}-\d{2}", path)]
        else:
            found = self._pattern.fullmatch(path)
            texts = [list(found.groups())] if found else []
        days: set[dt.date] = set()
        for parts in texts:
            try:
                days.add(self._day_of(parts))
            except ValueError:  # a folder such as 2026-02-31 is no day
                continue
        return days

    @cached_property
    def _forms(self) -> list[str]:
        return [form or ISO for form in NAMED.findall(self.text)]

    def _day_of(self, parts: list[str]) -> dt.date:
        """The day of the texts that stand for the distinct forms: by one that tells all of it, else by all together."""
        forms = dict(zip(dict.fromkeys(self._forms), parts, strict=True))
        whole = {form: text for form, text in forms.items() if _tells_a_day(form)}
        told = dict([next(iter(whole.items()))]) if whole else forms
        form = "|".join(told).replace("%-", "%")
        return dt.datetime.strptime("|".join(told.values()), form).date()  # noqa: DTZ007  # a day has no zone

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Paths of the template, a group for each distinct form of a day."""
        pieces, at, seen = [], 0, dict[str, int]()
        for found in NAMED.finditer(self.text):
            form = found[1] or ISO
            digits = DIRECTIVE.sub(lambda part: DIRECTIVES[part[1]], re.escape(form).replace(r"\-", "-"))
            pieces += [_globbed(self.text[at : found.start()])]
            pieces += [f"(?P=d{seen[form]})" if form in seen else f"(?P<d{len(seen)}>{digits})"]
            seen.setdefault(form, len(seen))
            at = found.end()
        return re.compile("".join([*pieces, _globbed(self.text[at:])]), re.DOTALL)


def _tells_a_day(form: str) -> bool:
    letters = {letter.removeprefix("-") for letter in DIRECTIVE.findall(form)}
    return bool(letters & {"Y", "y"}) and ({"m", "d"} <= letters or "j" in letters)


def _globbed(text: str) -> str:
    """The part of a glob between two days, as a regular expression."""
    wild = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*|\?|\[[^\]]+\])", text)
    return "".join(wild.get(part, part if at % 2 else re.escape(part)) for at, part in enumerate(parts))
