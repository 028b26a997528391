"""Writes down every address that this process, and any Python started by it, asks a socket for."""

import os
import sys
from pathlib import Path


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        address = arguments[1] if event in ("socket.connect", "socket.bind", "socket.sendto") else arguments[0]
        with Path(os.environ["WATCHED"]).open("a", encoding="utf-8") as file:
            file.write(f"{event} {address!r}\n")


if "WATCHED" in os.environ:
    sys.addaudithook(_watch)
