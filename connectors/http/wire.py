"""One request, one answer: bytes within a time and a size, from the origin that was asked.

The time is that of the whole attempt, kept at the socket: a server that sends a byte now and then ends with it, too.
The environment is not asked for proxies or certificates, certificates are verified, redirects are not followed here.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tilth.connectors.http.flaws import Flaw
from tilth.errors import MissingExtra

if TYPE_CHECKING:
    import httpx2

__all__ = ["LARGEST", "Answer", "Wire"]

LARGEST = 64 << 20
"""Bytes of one answer, at most; compressed or not."""

_SIGNS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("connection refused", "errno 111"), "the connection was refused: no server listens there"),
    (("name or service not known", "errno -2", "errno -3", "errno -5", "nodename"), "the host is unknown"),
    (("unreachable", "no route to host"), "the host cannot be reached"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. `cut` tells how the body ended before its end; empty: it did not."""

    status: int
    reason: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    path: str = "/"  # where it was had, with the query
    cut: str = ""
    seconds: float = 0.0  # between the question and the end of the answer


class _Deadline:
    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock, self.at = clock, 0.0

    def left(self, timeout: float | None) -> float:
        """Seconds left for one operation; TimeoutError when there are none."""
        left = self.at - self.clock()
        if left <= 0:
            raise TimeoutError
        return left if timeout is None else min(left, timeout)


class _Stream:
    """A connection whose every operation has what is left of the attempt's time."""

    def __init__(self, inner: Any, deadline: _Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> _Stream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Stream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class Wire:
    """The connection to one server, closed with `close`; `ca`: a file of certificates to trust instead of the usual."""

    def __init__(self, *, secure: bool, ca: str | None, proxy: str | None, clock: Callable[[], float]) -> None:
        try:
            import httpx2
        except ImportError:
            raise MissingExtra.of("httpx2", "http") from None
        self._deadline = _Deadline(clock)
        context = None
        if secure:
            context = ssl.create_default_context(cafile=ca) if ca else httpx2.create_ssl_context(trust_env=False)
        self._transport = _transport(self._deadline, context, proxy)  # a client would add cookies, and log addresses

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.close()

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], *, timeout_s: float, content: bytes | None = None
    ) -> Answer:
        """What the server at `url` answers; Flaw when nothing comes back that could be looked at."""
        import httpx2

        began = self._deadline.clock()
        self._deadline.at = began + timeout_s
        sent = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": "tilth", **headers}
        try:
            response = self._transport.handle_request(httpx2.Request(method, url, headers=sent, content=content))
            with closing(response):
                body, cut = _body(response)
        except (httpx2.TimeoutException, TimeoutError):
            raise Flaw("there was no answer in time", expected=f"an answer within {timeout_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise _unreached(error, url) from None
        named = {name.lower(): value for name, value in response.headers.items()}
        body, unpacked = _unpacked(body, named.get("content-encoding", ""))
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        took = self._deadline.clock() - began
        return Answer(response.status_code, response.reason_phrase, named, body, path, cut or unpacked, took)


def _transport(deadline: _Deadline, context: ssl.SSLContext | None, proxy: str | None) -> httpx2.BaseTransport:
    import httpcore2
    import httpx2

    class Backend(httpcore2.SyncBackend):
        def connect_tcp(self, host: str, port: int, timeout: float | None = None, *rest: Any, **named: Any) -> Any:
            inner = super().connect_tcp(host, port, deadline.left(timeout), *rest, **named)
            return _Stream(inner, deadline)

    class Bounded(httpx2.HTTPTransport):
        def __init__(self) -> None:  # with a pool of our own, for only that takes a backend
            self._pool = httpcore2.ConnectionPool(
                ssl_context=context, proxy=_proxy(proxy), max_connections=1, network_backend=Backend()
            )

    return Bounded()


def _proxy(url: str | None) -> Any:
    import httpcore2

    if url is None:
        return None
    parts = urlsplit(url)
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return httpcore2.Proxy(f"{parts.scheme}://{host}:{parts.port or 8080}", auth=auth)


def _body(response: httpx2.Response) -> tuple[bytes, str]:
    """The bytes as they came, and how they ended early."""
    import httpx2

    parts, size = list[bytes](), 0
    try:
        for part in response.iter_raw():
            size += len(part)
            if size > LARGEST:
                raise _too_large()
            parts.append(part)
    except (httpx2.TimeoutException, TimeoutError):
        return b"".join(parts), "the time was over"
    except httpx2.HTTPError:
        return b"".join(parts), "the connection ended"
    return b"".join(parts), ""


def _unpacked(body: bytes, encoding: str) -> tuple[bytes, str]:
    if encoding.lower() in ("", "identity"):
        return body, ""
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        raise Flaw("{} came in an encoding that was not asked for", expected="gzip, or none", got=encoding)
    unpacker = zlib.decompressobj(47 if "gzip" in encoding.lower() else 15)
    try:
        plain = unpacker.decompress(body, LARGEST + 1)
    except zlib.error:
        return b"", "what was compressed is damaged"
    if len(plain) > LARGEST:
        raise _too_large()
    return plain, "" if unpacker.eof else "what was compressed ended early"


def _too_large() -> Flaw:
    step = "ask for smaller pages: the size in the paging of {source}"
    return Flaw("{} is too large", expected=f"{LARGEST >> 20} MB at most", next=step, lasting=True)


def _unreached(error: Exception, url: str) -> Flaw:
    said = " ".join(str(error).split()) or type(error).__name__
    lower = said.lower()
    if "certificate" in lower or "hostname mismatch" in lower:
        step = "give the server a certificate that is valid, or name its authority: ca of {source}"
        return Flaw("the server's certificate is not trusted", got=said, next=step, lasting=True)
    what = next((what for signs, what in _SIGNS if any(sign in lower for sign in signs)), "")
    expected = f"an HTTP server at {urlsplit(url).netloc}" if what else ""
    return Flaw(what or "the connection was lost before an answer came", expected=expected, got=said)
