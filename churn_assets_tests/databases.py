"""Tables in real databases, for tests only: filled with rows, and read back."""

from pathlib import Path
from typing import Any

import adbc_driver_postgresql
import adbc_driver_sqlite
import pyarrow as pa
from adbc_driver_manager import dbapi

from churn_assets.storage.databases.database import Database

__all__ = ["asked", "database", "fill", "run"]


def database(uri: str, key: str = "source") -> Database:
    """The database at an address, as the product opens it."""
    return Database(key, uri, "", Path("/"))


def fill(uri: str, table: str, rows: pa.Table) -> None:
    """Add rows to a table, which is created where it is not there."""
    with _connected(uri) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest(table, rows, mode="create_append")
        connection.commit()


def run(uri: str, statement: str) -> None:
    """Run one statement."""
    with _connected(uri) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        connection.commit()


def asked(uri: str, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with _connected(uri) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def _connected(uri: str) -> dbapi.Connection:
    library = adbc_driver_sqlite if uri.startswith("sqlite") else adbc_driver_postgresql
    address = uri.replace("sqlite:///", "file:", 1)
    return dbapi.connect(driver=library._driver_path(), db_kwargs={"uri": address}, autocommit=False)
