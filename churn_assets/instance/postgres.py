"""Dagster's state in PostgreSQL, by the address that the settings hold."""

import importlib.util
import time

from dagster._core.storage.base_storage import DagsterStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from churn_assets.core.errors import InputError, SettingsError

__all__ = ["driver_url", "open_postgres"]

DRIVER = "postgresql+psycopg2"  # SQLAlchemy 2.1 takes `postgresql://` for psycopg 3, which Dagster's statements fail on
TRIES = 5
FIRST_WAIT = 0.2  # seconds, doubled from try to try: a server that starts anew takes some
CONNECT_SECONDS = 10


def driver_url(url: str) -> URL:
    """The address with the driver that Dagster works with, whichever way PostgreSQL is spelt in it."""
    return make_url(url).set(drivername=DRIVER)


def open_postgres(url: str, inst_data: ConfigurableClassData | None) -> DagsterStorage:
    """Dagster's storage in PostgreSQL, its tables made where they are not there.

    Raises:
        SettingsError: the package for it is not installed.
        InputError: the server does not answer, or lets nobody in.
    """
    if importlib.util.find_spec("dagster_postgres") is None:
        raise SettingsError(
            "CHURN_DAGSTER_PG_URL is set and the package dagster-postgres is not installed: install "
            "churn-assets[postgres], or leave the variable out and Dagster's state lies below data_dir"
        )
    from dagster_postgres.storage import DagsterPostgresStorage  # noqa: PLC0415  # an extra

    address = driver_url(url)
    _await(address)
    storage: DagsterStorage = DagsterPostgresStorage(address.render_as_string(hide_password=False), inst_data=inst_data)
    return storage


def _await(address: URL) -> None:
    """Connect once: what Dagster says of a server that is down is many lines, and no sentence."""
    engine = create_engine(address, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS})
    for attempt in range(1, TRIES + 1):
        try:
            with engine.connect():
                return
        except OperationalError as error:
            if attempt == TRIES:
                host = address.host or address.query.get("host", "localhost")
                reason = str(error.orig).strip().splitlines()[0]
                raise InputError(
                    f"PostgreSQL on {host}, which CHURN_DAGSTER_PG_URL names, does not let us in ({reason}); "
                    f"see that it runs, and that user {address.username} may use its database {address.database}"
                ) from None
            time.sleep(FIRST_WAIT * 2 ** (attempt - 1))
