"""One database behind an address, which holds a password: it stands in no sentence, and no error of a driver leaves."""

import importlib
import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pyarrow as pa

from churn_assets.core.errors import RunError, SettingsError
from churn_assets.storage.databases.faults import in_words

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi

__all__ = ["Database", "Dialect"]

Dialect = Literal["postgresql", "sqlite", "other"]
SCHEMES: dict[str, Dialect] = {"postgresql": "postgresql", "postgres": "postgresql", "sqlite": "sqlite"}
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.%-]*)(:\d+)?")
POSTGRESQL = {  # what an address may set otherwise: a machine that is gone is noticed in minutes, not hours
    "application_name": "churn-assets",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "120000",
}
BUSY = "pragma busy_timeout = 30000"  # milliseconds that SQLite waits for another program


class Database:
    """Where one is, and how it is spoken to; `label` names it without its user and password."""

    def __init__(self, key: str, uri: str, driver: str, base: Path) -> None:
        """A database that `<key>.uri` names; `driver` says which of ADBC's speaks to it, where its scheme does not.

        Relative paths of SQLite start at `base`.

        Raises:
            SettingsError: the address cannot be read, or no driver is known or installed.
        """
        self.key = key
        scheme = urlsplit(uri).scheme if "://" in uri else ""
        name = driver or SCHEMES.get(scheme, "")
        if not name:
            raise SettingsError(
                f"{key}.uri begins with no scheme that is known: write postgresql:// or sqlite://, or name its driver "
                f"in {key}.driver"
            )
        self.dialect: Dialect = SCHEMES.get(name, "other")
        self._module = f"adbc_driver_{SCHEMES.get(name, name)}"
        if not all(map(importlib.util.find_spec, ("adbc_driver_manager", self._module))):
            package = "churn-assets[sql]" if self.dialect != "other" else f"churn-assets[sql] and adbc-driver-{name}"
            raise SettingsError(f"{key}.uri needs ADBC's driver for {name}, which is not installed: install {package}")
        self._path = ""
        if self.dialect == "sqlite":
            self._path = _path_of(uri, base)
            self.label = f"sqlite:{self._path}"
        else:
            self.label = _label(key, uri) if self.dialect == "postgresql" else f"{name} of {key}.uri"
        self._uri = _with_defaults(uri) if self.dialect == "postgresql" else uri

    @contextmanager
    def connected(self, fault: type[RunError], *, writes: bool = False) -> Iterator["dbapi.Connection"]:
        """A connection in a transaction; whatever goes wrong with it is told in a sentence, as `fault`.

        What is not committed is undone.
        """
        connection: dbapi.Connection | None = None
        words = ""
        try:
            connection = self._connect(writes=writes)
            yield connection
        except Exception as error:
            if not _is_drivers(error):
                raise
            words = in_words(error)
        finally:
            if connection is not None:
                with suppress(Exception):  # of a connection that was cut
                    connection.close()
        if words:  # outside of the handler, and without its context: no error of the driver goes along
            what = "the connection" if connection is None else "what was asked"
            sentence = f"{self.label}: {what} failed: {words}; mend that, or correct {self.key}, and run again"
            raise fault(sentence) from None

    def _connect(self, *, writes: bool) -> "dbapi.Connection":
        uri = self._uri
        if self.dialect == "sqlite":
            uri = f"file:{quote(self._path)}?mode={'rwc' if writes else 'ro'}"
        driver = importlib.import_module(f"{self._module}.dbapi")  # of an extra, and only where one is configured
        connection: dbapi.Connection = (
            driver.connect(db_kwargs={"uri": uri}) if self.dialect == "other" else driver.connect(uri)
        )
        if self.dialect == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(BUSY)
                cursor.fetchall()
        return connection


def _is_drivers(error: Exception) -> bool:
    """Whether a driver raised it: ADBC's own errors, or Arrow's where rows are read on."""
    return type(error).__module__.startswith("adbc_driver_manager") or isinstance(error, OSError | pa.ArrowException)


def _label(key: str, uri: str) -> str:
    """The host and database of PostgreSQL's address.

    Raises:
        SettingsError: a mark in its user or password is not written as an address wants it.
    """
    parts = urlsplit(uri)
    hosts = parts.netloc.rpartition("@")[2]
    elsewhere = "@" in parts.path + parts.query or parts.netloc.count("@") > 1 or parts.fragment
    if not parts.scheme or elsewhere or not all(map(HOST.fullmatch, hosts.split(","))):
        raise SettingsError(
            f"{key}.uri cannot be read: write it as postgresql://user:password@host:port/database, marks such as @ / : "
            "# in its user and password as %40 %2F %3A %23"
        )
    return f"postgresql:{hosts or dict(parse_qsl(parts.query)).get('host', '')}{parts.path}"


def _path_of(uri: str, base: Path) -> str:
    """The file of `sqlite:///relative.db` or `sqlite:////absolute.db`."""
    return str(base / uri.removeprefix("sqlite://").removeprefix("/"))


def _with_defaults(uri: str) -> str:
    parts = urlsplit(uri)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    return parts._replace(query=urlencode({**POSTGRESQL, **given}, quote_via=quote)).geturl()
