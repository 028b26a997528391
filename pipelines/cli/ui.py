"""`tilth ui`: Dagster over the project, until it is stopped."""

from __future__ import annotations

import signal
import socket
import subprocess
from types import FrameType
from typing import Annotated

import typer

from tilth.errors import TilthError
from tilth.pipelines.cli.answers import Answer, here
from tilth.pipelines.project import open_project

__all__ = ["ui"]

_GRACE_S = 20


def ui(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port to serve on.")] = 3000,
) -> Answer:
    """Serve the Dagster UI of the project, with its sources running, until Ctrl-C.

    Example: tilth ui --port 3001
    """
    from tilth.pipelines.instance import ui_command

    _refuse_taken(port)
    project = open_project(here(context).project)
    command, environment = ui_command(project, port)
    url = f"http://127.0.0.1:{port}"
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell started us with these ignored
        signal.signal(number, _stop)
    with project.systems():
        print(f"serving {project.settings.name} on {url} (Ctrl-C stops it)", flush=True)
        code = _served(command, environment)
    return Answer({"url": url, "exit": code}, "stopped", code)


def _refuse_taken(port: int) -> None:
    """Nothing is started for a port that somebody else serves on."""
    if _is_free(port):
        return
    other = next((other for other in range(port + 1, min(port + 100, 65536)) if _is_free(other)), None)
    kept, step = "nothing was started", f"tilth ui --port {other}" if other else "tilth ui --port PORT"
    raise TilthError(f"port {port} is taken by another program", where=f"127.0.0.1:{port}", kept=kept, next=step)


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a server that just ended seems to be there
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _served(command: list[str], environment: dict[str, str]) -> int:
    server = subprocess.Popen(command, env=environment)
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        try:
            server.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        return 0
