"""The files of a key lookup, and the card that says what they are: read back before a single score is.

lookup.json       the card: which scores these are, the size and checksum of each file, the day in aggregates
keys.npy          the first 16 bytes of every 32nd customer id of each part, NUL-padded, in order
scores-N.arrow    every row of a part: customer id, probability and a number for its tier, action and model version
at_risk.npy       the rows of the customers at risk, the highest probability first
"""

import datetime as dt
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from churn_assets.core.errors import LookupFault

__all__ = [
    "AT_RISK",
    "CARD",
    "CHUNK_ROWS",
    "KEYS",
    "KEY_STEP",
    "KEY_WIDTH",
    "LOOKUP_SCHEMA",
    "DaySummary",
    "LookupCard",
    "LookupPart",
    "ScoreLabels",
    "checksum",
    "is_of_this_format",
    "scores_name",
]

FORMAT = 2
CARD = "lookup.json"
KEYS = "keys.npy"
AT_RISK = "at_risk.npy"
KEY_WIDTH = 16
KEY_STEP = 32
CHUNK_ROWS = 131_072  # of every record batch of a part but the last: a row is found by one division
LOOKUP_SCHEMA = pa.schema([("customer_id", pa.string()), ("churn_probability", pa.float64()), ("kind", pa.uint16())])
BLOCK_BYTES = 1 << 20


class ScoreLabels(NamedTuple):
    """What a score says besides its probability: few combinations for millions of rows."""

    risk_tier: str
    action: str
    model_version: str


@dataclass(frozen=True)
class DaySummary:
    """A day's scores in aggregates; `histogram` counts them by twentieths of the probability."""

    mean_probability: float
    tiers: Mapping[str, int]
    actions: Mapping[str, int]
    models: Mapping[str, int]
    histogram: Sequence[int]


class LookupPart(NamedTuple):
    """A part of the scores: how many rows it has, and the card's numbers of the kinds that are numbered in its file."""

    rows: int
    kinds: Sequence[int]


@dataclass(frozen=True)
class LookupCard:
    """What a lookup holds; `files` maps each name to its size in bytes and its CRC-32."""

    snapshot_date: dt.date
    score_version: str
    parts: tuple[LookupPart, ...]
    kinds: tuple[ScoreLabels, ...]
    summary: DaySummary
    files: Mapping[str, tuple[int, int]]

    @property
    def rows(self) -> int:
        """How many rows all parts have."""
        return sum(part.rows for part in self.parts)

    def write(self, folder: Path) -> None:
        """Write the card, which makes the folder a lookup."""
        content = json.dumps({"format": FORMAT, **asdict(self)}, default=str, sort_keys=True)
        (folder / CARD).write_text(json.dumps({"crc32": zlib.crc32(content.encode()), "card": content}))

    @classmethod
    def read(cls, folder: Path, day: dt.date, version: str) -> "LookupCard":
        """The card of a folder that is to hold the lookup of `version` of `day`.

        Raises:
            LookupFault: there is none, or it is damaged, or of another format, day or version.
        """
        content = _content_of(folder)
        if content["format"] != FORMAT:
            raise LookupFault(f"{folder}: format {content['format']}, and this release reads {FORMAT}")
        card = cls(
            snapshot_date=dt.date.fromisoformat(content["snapshot_date"]),
            score_version=content["score_version"],
            parts=tuple(LookupPart(*part) for part in content["parts"]),
            kinds=tuple(ScoreLabels(*kind) for kind in content["kinds"]),
            summary=DaySummary(**content["summary"]),
            files={name: (size, crc) for name, (size, crc) in content["files"].items()},
        )
        if (card.snapshot_date, card.score_version) != (day, version):
            raise LookupFault(f"{folder}: it holds version {card.score_version} of {card.snapshot_date}")
        return card

    def verify(self, folder: Path) -> None:
        """Hold every file against its size and checksum.

        Raises:
            LookupFault: one is missing, truncated or changed.
        """
        for name in self.files:
            self.verify_file(folder, name)

    def verify_file(self, folder: Path, name: str) -> None:
        """Hold one file against its size and checksum; as `verify`."""
        path, (size, crc) = folder / name, self.files[name]
        try:
            if path.stat().st_size != size:
                raise LookupFault(f"{path}: {path.stat().st_size} bytes, and there were {size}")
            if checksum(path) != crc:
                raise LookupFault(f"{path}: its content has changed since it was written")
        except OSError as error:
            raise LookupFault(f"{path}: {error.strerror}") from error


def scores_name(number: int) -> str:
    """The name of the file of a part's rows."""
    return f"scores-{number}.arrow"


def checksum(path: Path) -> int:
    """CRC-32 of a file: tells damage, not malice; whoever may write the data folder decides the scores anyway."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            crc = zlib.crc32(block, crc)
    return crc


def is_of_this_format(folder: Path) -> bool:
    """Whether this release reads the lookup in `folder`, damaged or not: another's is made again when it is needed."""
    try:
        return bool(_content_of(folder)["format"] == FORMAT)
    except (LookupFault, KeyError):
        return True


def _content_of(folder: Path) -> dict[str, Any]:
    try:
        outer = json.loads((folder / CARD).read_bytes())
        text = outer["card"]
        if zlib.crc32(text.encode()) != outer["crc32"]:
            raise LookupFault(f"{folder / CARD}: its content has changed since it was written")
        content: dict[str, Any] = json.loads(text)
    except OSError as error:
        raise LookupFault(f"{folder / CARD}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LookupFault(f"{folder / CARD}: this is no card of a lookup") from error
    return content
