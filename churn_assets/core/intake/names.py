"""What the name of a column tells: its words, the name a profile gives it, and whether it sounds like something."""

import keyword
import re
import unicodedata
from collections.abc import Iterable

import pandera.pandas as pa

__all__ = [
    "ACTIVITY",
    "LABEL",
    "PERSONAL",
    "PROTECTED",
    "key_rank",
    "profile_names",
    "sounds_like",
    "words_of_name",
]

KEY = {"id", "uid", "key", "uuid", "guid", "msisdn", "number", "no", "nr", "code", "hash"}
PERSON = {"customer", "client", "user", "member", "account", "subscriber", "cust", "contract"}
LABEL = {
    "churn", "churned", "churner", "attrition", "attrited", "exited", "exit", "left", "cancelled", "canceled", "lapsed",
    "gone", "lost", "unsubscribed", "label", "target",
}  # fmt: skip
PROTECTED = {
    "gender", "sex", "age", "birth", "birthday", "birthdate", "dob", "senior", "race", "ethnicity", "ethnic",
    "religion", "nationality", "disability", "disabled", "pregnant", "marital",
}  # fmt: skip
PERSONAL = {"name", "surname", "lastname", "firstname", "email", "mail", "phone", "telephone", "address", "street"}
ACTIVITY = {"last", "latest", "recent"}
ROW = {"row", "index", "unnamed"}
TAKEN = {"snapshot_date", "rescued_data", "faults"}
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words_of_name(name: str) -> list[str]:
    """The words of a name, in small letters: of `SeniorCitizen`, `senior citizen` and `senior_citizen` alike."""
    return re.findall(r"[a-z]+|\d+", HUMP.sub(" ", _ascii(name)).lower())


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


def sounds_like(name: str, words: set[str]) -> bool:
    """Whether one of `words` is a word of the name."""
    return not words.isdisjoint(words_of_name(name))


def key_rank(name: str) -> int:
    """How much a name sounds like that of a key: 3 a customer's id, 0 not at all."""
    words = set(words_of_name(name))
    if words & ROW:
        return 0
    return 2 * bool(words & KEY) + bool(words & PERSON)


def profile_names(names: Iterable[str]) -> dict[str, str]:
    """For each name of a source one that Python's style has for it, each another."""
    given: dict[str, str] = {}
    for at, name in enumerate(names, start=1):
        written = re.sub(r"[^a-z0-9]+", "_", HUMP.sub("_", _ascii(name)).lower()).strip("_")
        plain = written or f"column_{at}"
        plain = f"n_{plain}" if plain[0].isdigit() else plain
        if keyword.iskeyword(plain) or hasattr(pa.DataFrameModel, plain) or plain in TAKEN:
            plain += "_"
        free = plain
        count = 1
        while free in given.values():
            count += 1
            free = f"{plain}_{count}"
        given[name] = free
    return given
