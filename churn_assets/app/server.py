"""The service as a process: a socket, uvicorn, and nothing reachable from elsewhere without keys."""

import ipaddress
import logging
import socket
from collections.abc import Callable

import uvicorn

from churn_assets.app.factory import build_app
from churn_assets.app.protocol import server_config
from churn_assets.app.scores.standing import JudgedBy
from churn_assets.app.telemetry import logs
from churn_assets.core.errors import InputError
from churn_assets.settings import Settings
from churn_assets.storage.layout import Layout

__all__ = ["serve"]

BACKLOG = 2048
logger = logging.getLogger("churn_assets.app")


def serve(settings: Settings, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Answer until the process is told to end; `tell` takes the address once it can be asked.

    Raises:
        InputError: the address cannot be used, or would let everybody in.
    """
    if not settings.app.keys and not _is_loopback(host):
        raise InputError(
            f"--host {host} can be reached from elsewhere and app.keys is empty: add a key as docs/serving.md says, "
            "or serve on 127.0.0.1"
        )
    bounds = JudgedBy(settings.monitoring, settings.retraining, settings.validation)
    app = build_app(Layout.of(settings.data_dir), settings.app, settings.timezone, bounds=bounds)
    with _listen(host, port) as listening:
        logs.configure()
        if not settings.app.keys:
            logger.warning("NO KEYS ARE SET: whoever can reach this address reads every score")
        bound = listening.getsockname()
        fields = {"host": bound[0], "port": bound[1], "data_dir": settings.data_dir, "keys": sorted(settings.app.keys)}
        logger.info("listening", extra={"fields": fields})
        name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        tell(f"http://{name}:{bound[1]}")
        uvicorn.Server(server_config(app)).run(sockets=[listening])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise InputError(f"--host {host} --port {port} cannot be listened on: {error}; name another") from error
