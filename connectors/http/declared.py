"""The blocks of a connection's settings, read into values: `auth`, `paging`, `changes`, `tombstones`, `objects`.

Each block is one function, whose keyword-only parameters are its settings, as for the connection itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from tilth.connectors.http.api import Endpoint, Tombstones
from tilth.connectors.http.auth import Auth, Fixed, OAuth2, sendable
from tilth.connectors.http.auth import basic as basic_header
from tilth.connectors.http.guards import Envelope
from tilth.connectors.http.paging import ByCursor, ByLink, ByOffset, Paging, Single, sizes
from tilth.connectors.http.records import text_of
from tilth.connectors.http.site import Site
from tilth.connectors.http.window import FORMATS, Changes
from tilth.connectors.secrets import Secret, is_reference, resolve
from tilth.connectors.settings import arguments, near
from tilth.errors import DeclarationError

__all__ = ["AUTHS", "PAGINGS", "Blocks", "basic", "bearer", "changes", "key", "oauth2", "tombstones"]


def oauth2(
    *, token: str, client_id: str, client_secret: Secret, scope: str | None = None, in_body: bool = False
) -> OAuth2:
    """Client credentials for a token. `token`: a path of the API, or a whole address."""
    return OAuth2(token, client_id, client_secret, scope, in_body)


def bearer(*, token: Secret) -> Fixed:
    """A token that never changes."""
    return Fixed("authorization", Secret(f"Bearer {token.reveal()}"))


def basic(*, user: str, password: Secret) -> Fixed:
    """User and password."""
    return basic_header(user, password)


def key(*, header: str, key: Secret) -> Fixed:
    """A key in a header of its own."""
    return Fixed(header.lower(), key)


def changes(*, parameter: str, format: str = "iso") -> Changes:
    """The filter for what changed after a time."""
    return Changes(parameter, format)


def tombstones(*, field: str, values: list[object] | None = None) -> Tombstones:
    """The records that tell of a deletion."""
    texts = None if values is None else frozenset(text for value in values if (text := _text(value)) is not None)
    return Tombstones(field, texts)


def _cursor(
    *, next: str, parameter: str, size: Mapping[str, object] | None = None, optional: bool = False
) -> tuple[object, ...]:
    return next, parameter, *sizes(size), optional


def _link(
    *, next: str | None = None, size: Mapping[str, object] | None = None, optional: bool = False
) -> tuple[object, ...]:
    return next, *sizes(size), optional


def _offset(*, parameter: str = "offset", size: Mapping[str, object] | None = None) -> tuple[object, ...]:
    return parameter, sizes(size)[0]


AUTHS: Mapping[str, Callable[..., Auth]] = {"oauth2": oauth2, "bearer": bearer, "basic": basic, "key": key}
PAGINGS: Mapping[str, Callable[..., tuple[object, ...]]] = {"cursor": _cursor, "link": _link, "offset": _offset}


class Blocks:
    """The reading of one connection's blocks; `where` names it in messages."""

    def __init__(self, where: str, site: Site, base: Path) -> None:
        self._where, self._site, self._base = where, site, base

    def auth(self, block: object) -> Auth | None:
        """How one is let in; None: nothing is asked for."""
        if block is None:
            return None
        kind, found = self._kind("auth", block, AUTHS)
        made = AUTHS[kind](**found)
        if isinstance(made, Fixed) and not (sendable(made.value.reveal()) and sendable(made.header)):
            raise self._wrong("auth", "cannot be sent in a header", "visible ASCII, on one line")
        return made

    def endpoint(self, path: str, block: Mapping[str, object], *, inside: str = "") -> Endpoint:
        """How objects are read: the settings of the connection, or of one object (`inside` it)."""

        def declared(
            *,
            path: str = path,
            records: str | None = None,
            count: str | None = None,
            total: str | None = None,
            parameters: Mapping[str, object] | None = None,
            paging: Mapping[str, object] | None = None,
            changes: Mapping[str, object] | None = None,
            tombstones: Mapping[str, object] | None = None,
        ) -> Endpoint:
            return Endpoint(
                path,
                Envelope(records, count, total),
                self._paging(inside, paging),
                tuple(self.texts(f"{inside}parameters", parameters).items()),
                self._changes(inside, changes),
                self._tombstones(inside, tombstones),
            )

        return declared(**cast("dict[str, Any]", self._arguments(declared, inside.rstrip("."), block)))

    def objects(self, block: object, usual: Mapping[str, object]) -> dict[str, Endpoint]:
        """How each object is read that is declared by its name: as usual, but for what it says itself."""
        found: dict[str, Endpoint] = {}
        for name, own in self._mapping("objects", block or {}).items():
            inside = f"objects.{name}"
            different = self._mapping(inside, {} if own is None else own)
            found[str(name)] = self.endpoint(str(name), {**usual, **different}, inside=f"{inside}.")
        return found

    def texts(self, name: str, block: object) -> dict[str, str]:
        """Names and texts, which may be references."""
        found: dict[str, str] = {}
        for key, value in self._mapping(name, block or {}).items():
            text = _text(value)
            if text is None:
                raise self._wrong(f"{name}.{key}", "is no text", "a text, a number, true or false")
            found[str(key)] = resolve(text, self._base, where=self._where)
        return found

    def headers(self, block: object) -> dict[str, str | Secret]:
        """Headers of every request; what a reference names is a secret."""
        raw = self._mapping("headers", block or {})
        found = self.texts("headers", block)
        if not all(sendable(text) and sendable(name) for name, text in found.items()):
            raise self._wrong("headers", "cannot be sent", "visible ASCII, on one line")
        return {name.lower(): Secret(text) if is_reference(raw[name]) else text for name, text in found.items()}

    def _paging(self, inside: str, block: object) -> Paging:
        if block is None:
            return Single()
        kind, found = self._kind(f"{inside}paging", block, PAGINGS)
        self.texts(f"{inside}paging.size", found.get("size"))
        values = cast("tuple[Any, ...]", PAGINGS[kind](**found))
        if kind == "cursor":
            return ByCursor(*values)
        return ByLink(self._site, *values) if kind == "link" else ByOffset(*values)

    def _changes(self, inside: str, block: object) -> Changes | None:
        if block is None:
            return None
        found = cast("dict[str, Any]", self._arguments(changes, f"{inside}changes", block))
        made = changes(**found)
        if made.format not in FORMATS:
            raise self._wrong(f"{inside}changes.format", "is not known", near(made.format, FORMATS), made.format)
        return made

    def _tombstones(self, inside: str, block: object) -> Tombstones | None:
        if block is None:
            return None
        found = cast("dict[str, Any]", self._arguments(tombstones, f"{inside}tombstones", block))
        if not isinstance(found.get("values", []), list):
            raise self._wrong(f"{inside}tombstones.values", "is no list", "[true]")
        return tombstones(**found)

    def _kind(self, name: str, block: object, kinds: Mapping[str, Callable[..., object]]) -> tuple[str, dict[str, Any]]:
        settings = self._mapping(name, block)
        kind = str(settings.get("kind"))
        if kind not in kinds:
            expected = near(kind, list(kinds))
            raise self._wrong(f"{name}.kind", "is missing" if kind == "None" else "is not known", expected, kind)
        rest = {key: value for key, value in settings.items() if key != "kind"}
        return kind, cast("dict[str, Any]", self._arguments(kinds[kind], name, rest))

    def _arguments(self, factory: Callable[..., object], name: str, block: object) -> dict[str, object]:
        where = f"{self._where}, {name}" if name else self._where
        return arguments(factory, self._mapping(name, block), base=self._base, where=where)

    def _mapping(self, name: str, value: object) -> Mapping[str, object]:
        if not isinstance(value, Mapping):
            raise self._wrong(name, "is no block of settings", "{…}", type(value).__name__)
        return cast("Mapping[str, object]", value)

    def _wrong(self, name: str, what: str, expected: str, got: str = "") -> DeclarationError:
        return DeclarationError(f"{name} {what}", where=self._where, expected=expected, got=got)


def _text(value: object) -> str | None:
    """A scalar as JSON writes it."""
    if isinstance(value, bool) or value is None:
        return text_of(value)
    return str(value) if isinstance(value, str | int | float) else None
