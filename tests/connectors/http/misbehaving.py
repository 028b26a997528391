"""A real HTTP API on loopback that misbehaves by request, as it is told to; every page of it is otherwise right.

Faults have names and are given by the number of the request for data, from 1. What was asked is written down.
"""

from __future__ import annotations

import base64
import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, unquote_plus, urlsplit

__all__ = ["ID", "SECRET", "Asked", "Misbehaving", "record", "running"]

ID, SECRET = "tilth", "s3cr3t/with+odd & 100% %41'x"


def record(number: int, **different: Any) -> dict[str, Any]:
    """One sound record of the API."""
    return {
        "id": f"C-{number:05}",
        "name": f"Größe {number}, »Öl«",
        "score": number / 8,
        "address": {"city": "Köln", "lines": [number, 1.5]},
        "updated_at": f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z",
        "deleted": False,
        **different,
    }


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at: float


@dataclass
class Misbehaving:
    """The API's content, its faults, and what it was asked."""

    records: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    size: int = 10
    faults: dict[int, str] = field(default_factory=dict[int, str])
    always: str = ""  # the fault of every request for data
    token_faults: dict[int, str] = field(default_factory=dict[int, str])
    lifetime: float = 3600
    uses: int = 1_000_000  # of a token, before it is refused
    clock: Callable[[], float] = time.time
    asked: list[Asked] = field(default_factory=list[Asked])
    tokens: list[str] = field(default_factory=list[str])
    left: dict[str, int] = field(default_factory=dict[str, int])
    raw: Callable[[Asked], bytes | None] = lambda _: None  # a body of one's own
    told: dict[str, str] = field(default_factory=dict[str, str])  # further headers
    status: int = 200
    data_requests: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pages(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.path.startswith("/v1/")]

    def page(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The page that a query asks for: by cursor, or by offset."""
        found = [r for r in self.records if str(r.get("updated_at")) > query.get("updated_after", "")]
        start = int(query.get("offset", 0))
        if "cursor" in query:
            start = int(base64.b64decode(query["cursor"]).decode())
        size = min(self.size, int(query.get("limit", self.size)))
        part = found[start : start + size]
        more = start + size < len(found)
        following = base64.b64encode(str(start + size).encode()).decode() if more else None
        return {"data": part, "page": {"next": following, "count": len(part), "total": len(found)}}

    def token(self) -> str:
        token = f"token-{len(self.tokens)}-{time.monotonic_ns()}"
        self.tokens.append(token)
        self.left[token] = self.uses
        return token


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    api: Misbehaving
    lock: threading.Lock

    def log_message(self, format: str, *args: Any) -> None:
        del format, args

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, query, headers, time.monotonic())
        content = self.rfile.read(int(headers.get("content-length", 0)))
        with self.lock:
            self.api.asked.append(asked)
            if parts.path == "/oauth/token":
                self._grant(asked, content.decode())
            elif not parts.path.startswith("/v1/"):
                self._json({"error": "not found"}, 404)
            else:
                self.api.data_requests += 1
                self._data(asked, self.api.data_requests)

    def _grant(self, asked: Asked, form: str) -> None:
        fault = self.api.token_faults.get(sum(one.path == "/oauth/token" for one in self.api.asked), "")
        if fault:
            return self._misbehave(fault, {"access_token": "x"}, asked)
        pair = base64.b64decode(asked.headers.get("authorization", "").removeprefix("Basic ")).decode()
        told = [unquote_plus(part) for part in pair.split(":")] if pair else []
        fields = {name: values[0] for name, values in parse_qs(form).items()}
        told = told or [fields.get("client_id", ""), fields.get("client_secret", "")]
        if told != [ID, SECRET] or fields.get("grant_type") != "client_credentials":
            return self._json({"error": "invalid_client", "echo": told}, 401)
        return self._json({"access_token": self.api.token(), "expires_in": self.api.lifetime, "token_type": "bearer"})

    def _data(self, asked: Asked, number: int) -> None:
        api = self.api
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if api.left.get(token, 0) < 1 and not token.startswith("fixed"):
            return self._json({"error": f"no token {token}"}, 401)
        api.left[token] = api.left.get(token, 1) - 1
        body = api.raw(asked)
        if body is not None:
            return self._send(body, api.status)
        fault = api.faults.get(number, api.always)
        if fault:
            return self._misbehave(fault, api.page(asked.query), asked)
        return self._json(api.page(asked.query))

    def _misbehave(self, fault: str, page: dict[str, Any], asked: Asked) -> None:
        data, name, _, argument = page.get("data", []), *fault.partition(" ")
        whole = json.dumps(page).encode()
        if name == "status":
            code, _, wait = argument.partition(" ")
            return self._send(b"<html>failed</html>", int(code), {"retry-after": wait} if wait else {})
        if name in ("html", "nothing", "brackets", "words"):
            said = {"html": b"<!DOCTYPE html><title>Down</title>", "nothing": b"", "brackets": b"{}", "words": b"Hello"}
            return self._send(said[name], 200)
        if name == "early":  # JSON that ends early, in a body that does not
            return self._send(whole[: int(len(whole) * float(argument or 0.6))], 200)
        if name == "short":
            return self._json({**page, "data": data[: len(data) // 2]})
        if name == "empty":
            return self._json({**page, "data": []})
        if name == "long":
            return self._json({**page, "data": [*data, record(99_999)]})
        if name == "headless":
            return self._json({"data": data})
        if name == "fewer":  # a total that does not agree
            return self._json({**page, "page": {**page["page"], "total": page["page"]["total"] + 3}})
        if name == "again":  # the page before this one, as a cache may give it
            return self._json({**self._before(asked), "page": page["page"]})
        if name == "circle":
            return self._json({**page, "page": {**page["page"], "next": asked.query.get("cursor", "Mw==")}})
        if name == "revoked":
            self.api.left.clear()
            return self._json({"error": "expired"}, 401)
        if name == "gzip":
            packed = gzip.compress(whole)
            return self._send(packed[: -int(argument or 4)], 200, {"content-encoding": "gzip"})
        return self._break(name, whole)

    def _before(self, asked: Asked) -> dict[str, Any]:
        cursor = asked.query.get("cursor")
        start = int(base64.b64decode(cursor).decode()) if cursor else 0
        return self.api.page(
            {**asked.query, "cursor": base64.b64encode(str(max(0, start - self.api.size)).encode()).decode()}
        )

    def _break(self, name: str, whole: bytes) -> None:
        """What goes wrong below HTTP."""
        self.close_connection = True
        if name == "hangup":  # before a word
            return
        if name == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        half = whole[: len(whole) // 2]
        if name == "cut":
            self._begin(len(whole))
            self.wfile.write(half)
        elif name == "chunks":
            self._begin(None)
            self.wfile.write(f"{len(half):x}\r\n".encode() + half + b"\r\n")
        elif name in ("silence", "drip", "drip-headers"):
            self._crawl(name, whole)
        else:
            raise AssertionError(name)

    def _crawl(self, name: str, whole: bytes) -> None:
        """Slower than anybody waits; until the other side has gone."""
        slow = whole if name == "drip" else b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000
        if name == "drip":
            self._begin(len(whole))
        self.connection.settimeout(0.02)
        for at in range(len(slow)):
            try:
                if name != "silence":
                    self.wfile.write(slow[at : at + 1])
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    def _begin(self, length: int | None) -> None:
        how = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{how}\r\n\r\n".encode())

    def _json(self, body: Any, status: int = 200) -> None:
        self._send(json.dumps(body, ensure_ascii=False).encode(), status)

    def _send(self, body: bytes, status: int, headers: Mapping[str, str] | None = None) -> None:
        self.send_response_only(status)
        told = {"Date": formatdate(self.api.clock(), usegmt=True), "Content-Type": "application/json"}
        told |= {**(self.api.told if self.path.startswith("/v1/") else {}), **(headers or {})}
        told |= {"Content-Length": str(len(body))}
        for name, value in told.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address  # the other side went: it is meant to


@contextmanager
def running(api: Misbehaving) -> Iterator[Misbehaving]:
    """The API on a free port, for a block."""
    handler = cast("type[BaseHTTPRequestHandler]", type("Handler", (_Handler,), {"api": api, "lock": threading.Lock()}))
    with _Server(("127.0.0.1", 0), handler) as server:
        api.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


def of(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Sound records with these numbers."""
    return [record(number) for number in numbers]
