"""How a request is let in: a token that is had for a client's credentials, or one that never changes.

What is declared is a frozen value that shows no secret; the pass that a pull carries holds the token of the moment.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from tilth.connectors.http.flaws import Flaw
from tilth.connectors.http.wire import Answer
from tilth.connectors.secrets import Secret

__all__ = ["Auth", "Fixed", "OAuth2", "Pass", "basic", "sendable", "token_request"]

_REFUSED = "correct the credentials in the auth of {source} in connections.yaml"
_EARLY, _EARLY_S = 0.1, 30.0  # a token is renewed so long before its end: a share of its time, and at most so much


@dataclass(frozen=True, slots=True)
class OAuth2:
    """Client credentials: a token for an identifier and a secret, from a token endpoint."""

    token: str  # a path on the API's own origin, or a whole address
    client_id: str
    client_secret: Secret
    scope: str | None = None
    in_body: bool = False  # the credentials in the form instead of the header


@dataclass(frozen=True, slots=True)
class Fixed:
    """One header that lets every request in."""

    header: str
    value: Secret = field(repr=False)


Auth = OAuth2 | Fixed


def basic(user: str, password: Secret) -> Fixed:
    """User and password, as a header."""
    pair = base64.b64encode(f"{user}:{password.reveal()}".encode())
    return Fixed("authorization", Secret(f"Basic {pair.decode('ascii')}"))


def sendable(value: str) -> bool:
    """Whether a header can carry it: visible ASCII."""
    return bool(value) and value.isascii() and value.isprintable()


def token_request(auth: OAuth2) -> tuple[Mapping[str, str], bytes]:
    """Headers and form of the request for a token."""
    form = {"grant_type": "client_credentials"} | ({"scope": auth.scope} if auth.scope else {})
    headers = {"content-type": "application/x-www-form-urlencoded"}
    if auth.in_body:
        form |= {"client_id": auth.client_id, "client_secret": auth.client_secret.reveal()}
    else:
        pair = basic(quote_plus(auth.client_id), Secret(quote_plus(auth.client_secret.reveal())))
        headers[pair.header] = pair.value.reveal()
    return headers, "&".join(f"{name}={quote_plus(value)}" for name, value in form.items()).encode("ascii")


class Pass:
    """What lets the requests of one pull in; `ask` asks the token endpoint."""

    def __init__(self, auth: Auth | None, ask: Callable[[OAuth2], Answer], clock: Callable[[], float]) -> None:
        self._auth, self._ask, self._clock = auth, ask, clock
        self._token: Secret | None = None
        self._until = 0.0
        self.lifetime_s: float | None = None  # of the last token, as the server told
        self.seen: list[Secret] = self._known()  # every secret that may turn up in what a server says

    def _known(self) -> list[Secret]:
        auth = self._auth
        if isinstance(auth, OAuth2):
            sent = token_request(auth)[0].get("authorization", "")
            return [auth.client_secret, *([Secret(sent), Secret(sent.removeprefix("Basic "))] if sent else [])]
        if auth is None:
            return []
        bare = auth.value.reveal().partition(" ")[2]
        return [auth.value, *([Secret(bare)] if bare else [])]

    def headers(self) -> dict[str, str]:
        """The headers of the next request; a token that is missing or near its end is fetched first."""
        if isinstance(self._auth, Fixed):
            return {self._auth.header: self._auth.value.reveal()}
        if self._auth is None:
            return {}
        if self._token is None or self._clock() >= self._until:
            self._fetch(self._auth)
        return {"authorization": f"Bearer {self._token.reveal()}"} if self._token else {}

    def renew(self) -> bool:
        """Forget the token that was refused; False when there is no other to be had."""
        self._token = None
        return isinstance(self._auth, OAuth2)

    def _fetch(self, auth: OAuth2) -> None:
        began = self._clock()
        token, lifetime = _granted(self._ask(auth))
        self.seen.append(token)
        self._token, self.lifetime_s = token, lifetime
        self._until = float("inf") if lifetime is None else began + lifetime - min(_EARLY_S, lifetime * _EARLY)


def _granted(answer: Answer) -> tuple[Secret, float | None]:
    """The token in an answer, and the seconds it is good for; Flaw when there is none."""
    told: dict[str, Any] = {}
    try:
        body = json.loads(answer.body)
        told = body if isinstance(body, dict) else {}
    except (ValueError, RecursionError):
        pass
    status = f"{answer.status} {answer.reason}".strip()
    if answer.status in (400, 401, 403):
        reason = told.get("error")
        got = f"{status}: {reason}" if isinstance(reason, str) else status
        raise Flaw("the credentials were refused", got=got, next=_REFUSED, status=answer.status, lasting=True)
    if answer.status in (404, 405):
        step = "correct token in the auth of {source} in connections.yaml"
        raise Flaw(
            f"there is no token endpoint at {answer.path}", got=status, next=step, status=answer.status, lasting=True
        )
    token = told.get("access_token")
    if answer.status != 200 or answer.cut or not isinstance(token, str) or not sendable(token):
        raise Flaw("no token came", expected="JSON with an access_token", got=answer.cut or status)
    try:
        lifetime = float(told["expires_in"])
    except (KeyError, TypeError, ValueError):
        lifetime = None
    return Secret(token), lifetime if lifetime and lifetime > 0 else None
