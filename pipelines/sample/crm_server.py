"""The CRM itself: an HTTP API on loopback, which misbehaves on a schedule. A process of its own.

Run as a script, with the standard library only. What it holds comes as one line of JSON on standard input, the answer
is one line on standard output. When standard input closes, or the sample is gone in any other way, it ends.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import select
import socket
import sys
import threading
import time
from bisect import bisect_right
from collections import deque
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

__all__ = ["main"]

_HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, error: str, **headers: str) -> None:
        super().__init__(error)
        self.status, self.error, self.headers = status, error, headers


class _Crm:
    """The records, who may read them, and what goes wrong when. One request at a time."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order, self.lock = order, threading.Lock()
        self.objects = {name: _sorted(records) for name, records in order["objects"].items()}
        self.faults: dict[str, str] = order["faults"]  # by the number of the request for a page
        self.tokens: dict[str, int] = {}  # uses left
        self.pages = 0
        self.recent: deque[float] = deque(maxlen=order["rate"])
        self.salt = secrets.token_urlsafe(6)  # cursors are good for the life of this process

    def grant(self, header: str, form: str) -> bytes:
        """A token for the client's credentials."""
        kind, _, coded = header.partition(" ")
        pair = base64.b64decode(coded).decode("utf-8", "replace") if kind == "Basic" else ""
        client, _, secret = (unquote_plus(part) for part in pair.partition(":"))
        right = hmac.compare_digest(secret.encode(), self.order["secret"].encode())
        if parse_qs(form).get("grant_type") != ["client_credentials"]:
            raise _Refused(400, "unsupported_grant_type")
        if client != self.order["client"] or not right:
            raise _Refused(401, "invalid_client")
        token = secrets.token_urlsafe(24)
        self.tokens[token] = self.order["uses"]
        return json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 600}).encode()

    def admit(self, header: str) -> None:
        """Let a request in: with a token that is still good, and not too many in a second."""
        token = header.removeprefix("Bearer ")
        if self.tokens.get(token, 0) < 1:
            raise _Refused(401, "invalid_token")
        now = time.monotonic()
        if len(self.recent) == self.recent.maxlen and now - self.recent[0] < 1:
            raise _Refused(429, "too many requests", **{"Retry-After": "1"})
        self.recent.append(now)
        self.tokens[token] -= 1

    def page(self, name: str, query: dict[str, list[str]]) -> dict[str, Any]:
        """The page that is asked for: its records as JSON texts, and what stands around them."""
        if name not in self.objects:
            raise _Refused(404, f"no such object: {name}")
        times, texts = self.objects[name]
        after, start = self._window(query)
        first = bisect_right(times, datetime.fromisoformat(after)) if after else 0
        start, total = max(start, first), len(texts) - first
        end = min(start + min(int(query.get("limit", ["100"])[0]), self.order["page"]), len(texts))
        following = self._cursor(after, end) if end < len(texts) else None
        return {"records": texts[start:end], "next": following, "count": end - start, "total": total}

    def _window(self, query: dict[str, list[str]]) -> tuple[str, int]:
        if "cursor" not in query:
            return query.get("updated_after", [""])[0], 0
        try:
            salt, after, start = base64.urlsafe_b64decode(query["cursor"][0]).decode().split("|")
        except ValueError:
            salt, after, start = "", "", "0"
        if salt != self.salt:
            raise _Refused(410, "this cursor is not known")
        return after, int(start)

    def _cursor(self, after: str, start: int) -> str:
        return base64.urlsafe_b64encode(f"{self.salt}|{after}|{start}".encode()).decode()


def _sorted(records: list[tuple[str, str]]) -> tuple[list[datetime], list[str]]:
    """Records by the time of their last change: the times, and the records."""
    found = sorted(((datetime.fromisoformat(at), text) for at, text in records), key=lambda pair: pair[0])
    return [at for at, _ in found], [text for _, text in found]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    crm: _Crm

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._answered(lambda: self._granted(form))

    def do_GET(self) -> None:
        self._answered(self._read)

    def log_message(self, format: str, *args: Any) -> None:
        del format, args

    def _answered(self, work: Any) -> None:
        try:
            with self.crm.lock:
                work()
        except _Refused as refused:
            self._send(json.dumps({"error": refused.error}).encode(), refused.status, refused.headers)
        except ValueError:
            self._send(b'{"error": "bad request"}', 400)

    def _granted(self, form: str) -> None:
        if urlsplit(self.path).path != "/oauth/token":
            raise _Refused(404, "no such address")
        self._send(self.crm.grant(self.headers.get("Authorization", ""), form))

    def _read(self) -> None:
        parts = urlsplit(self.path)
        version, _, name = parts.path.removeprefix("/").partition("/")
        if version != "v1":
            raise _Refused(404, "no such address")
        self.crm.admit(self.headers.get("Authorization", ""))
        page = self.crm.page(name, parse_qs(parts.query))
        self.crm.pages += 1
        fault = self.crm.faults.get(str(self.crm.pages), "")
        if fault == "unavailable":
            raise _Refused(503, "try again later")
        if fault == "limit":
            raise _Refused(429, "too many requests", **{"Retry-After": "1"})
        if fault == "expired":
            self.crm.tokens.clear()
            raise _Refused(401, "invalid_token")
        if fault == "short":
            page["records"] = page["records"][: len(page["records"]) // 2]
        self._send(_HTML if fault == "html" else _encoded(page), whole=fault != "cut")

    def _send(
        self, body: bytes, status: int = 200, headers: dict[str, str] | None = None, *, whole: bool = True
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if body is _HTML else "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if whole else body[: len(body) * 2 // 3])
        self.close_connection = self.close_connection or not whole


def _encoded(page: dict[str, Any]) -> bytes:
    around = json.dumps({"next": page["next"], "count": page["count"], "total": page["total"]})
    return f'{{"data": [{", ".join(page["records"])}], "page": {around}}}'.encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # the sample holds the port between nights
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address  # who asked has gone


def main() -> int:
    """Serve until the sample that started this process is gone."""
    sample = os.getppid()
    order = json.loads(sys.stdin.buffer.readline() or b"{}")
    _Handler.crm = _Crm(order)
    with _Server(("127.0.0.1", order["port"]), _Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while os.getppid() == sample:
            readable, _, _ = select.select([sys.stdin], [], [], 0.5)
            if readable and not sys.stdin.buffer.read(1):
                break
    return 0


if __name__ == "__main__":
    sys.exit(main())
