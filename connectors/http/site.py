"""Where an API stands: one origin, and the path below which its objects are. What leads elsewhere is not followed."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

__all__ = ["Site", "site_of"]

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Site:
    """An origin and a path on it, without a slash at its end."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def origin(self) -> str:
        """Scheme, host and port, as they begin an address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def below(self, path: str) -> str:
        """The whole path of something below this site's path."""
        return f"{self.path}/{quote(path.lstrip('/'), safe='/%:@!$&()*+,;=~')}"

    def here(self, link: str, *, seen_at: str) -> str | None:
        """Path and query that `link` leads to when it is followed from the path `seen_at`; None: to another origin."""
        try:
            there = urlsplit(urljoin(f"{self.origin}{seen_at}", link))
            port = there.port or _PORTS.get(there.scheme)
        except ValueError:
            return None
        mine = (self.scheme, self.host, self.port, None)
        if (there.scheme, there.hostname, port, there.username) != mine:
            return None
        path = there.path if there.path.startswith("/") else "/"
        return f"{path}?{there.query}" if there.query else path


def site_of(url: str) -> Site | None:
    """The site that an address names; None when it is no plain http or https address of a path."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if port is None or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return Site(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))
