"""A `data_dir` in an object store: where it is, the folder of this machine that mirrors it, and how long to wait."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["SCHEME", "ObjectStore", "StorageOptions", "parse_object_store"]

SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
S3_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?P<prefix>(/[A-Za-z0-9_.=-]+)*)/*")


class StorageOptions(BaseModel):
    """How long an object store may take to answer, how often it is asked, and how long its mirror keeps files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_seconds: Annotated[float, Field(gt=0)] = 5.0
    request_seconds: Annotated[float, Field(gt=0)] = 30.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    mirror_days: Annotated[int, Field(ge=1)] = 30


@dataclass(frozen=True)
class ObjectStore:
    """A data folder in an S3 bucket; its credentials are known to nobody but the libraries that ask it.

    Attributes:
        uri: `s3://bucket/prefix`, without a slash at its end.
        mirror: the folder of this machine that holds copies of its files, and what is being made.
        endpoint: of a server other than Amazon's, empty for that; None for what the environment tells the libraries.
        options: how patiently it is asked.
    """

    uri: str
    mirror: Path
    endpoint: str | None = ""
    options: StorageOptions = field(default_factory=StorageOptions)

    def __str__(self) -> str:
        return self.uri


def parse_object_store(text: str) -> str | None:
    """The URI of the object store that `text` names, without a slash at its end; None where it names a folder.

    Raises:
        ValueError: it is of another kind of store, or not well-formed; the text is not repeated, as it may hold a key.
    """
    if not SCHEME.match(text):
        return None
    found = S3_URI.fullmatch(text)
    if found is None or ".." in text:
        message = "an object store is named as s3://bucket/prefix, of letters, digits and _ . = -; keys go elsewhere"
        raise ValueError(message)
    return f"s3://{found['bucket']}{found['prefix']}"
