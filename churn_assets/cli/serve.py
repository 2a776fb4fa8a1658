"""The command that lets the app read scores."""

from typing import Annotated

import typer

__all__ = ["commands"]

commands = typer.Typer()


@commands.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="The address; others than loopback ask for keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8000,
) -> None:
    """Let the app read scores: an HTTP service that loads no model, and follows every publish and rollback."""
    from churn_assets.app.server import serve as run
    from churn_assets.settings import load_settings

    run(load_settings(), host, port)
