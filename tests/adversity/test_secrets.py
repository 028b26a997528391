"""Planted credentials stand nowhere after nights with good and failing sources: every byte below data/ is looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from adversity.shop import PASSWORD, Said, Shop

WRONG = 'n0t/th@t "öne" 50%'
GONE = "k:9'x/ä pass&?word"
SECRETS = {"right": PASSWORD, "wrong": WRONG, "away": GONE}


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it is, and as addresses, JSON, SQL and reprs write it."""
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
    texts |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], secret.replace("'", "\\'")}
    yield from {text.encode(encoding) for text in texts for encoding in ("utf-8", "latin-1", "utf-16-le")}


def found_in(data: bytes) -> list[str]:
    return [name for name, secret in SECRETS.items() if any(form in data for form in forms(secret))]


def leaks(folder: Path) -> dict[str, list[str]]:
    """The files below `folder` that hold a secret."""
    files = {str(path): found_in(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    assert len(files) > 20
    return {name: found for name, found in files.items() if found}


@pytest.mark.long
def test_no_secret_is_written_or_said(shop: Shop) -> None:
    shop.write("wrong.txt", WRONG + "\n")
    address = f"postgresql+psycopg://{shop.server.user}:{quote(GONE, safe='')}@127.0.0.1:1/nowhere"
    shop.connect(south={"password": "env:SHOP_WRONG"}, east={"password": "env:SHOP_RIGHT"})
    text = (shop.folder / "connections.yaml").read_text().replace("west:", "unused:")
    shop.write("connections.yaml", text + 'west: {kind: sql, url: "env:SHOP_URL"}\n')
    environment = {"SHOP_WRONG": WRONG, "SHOP_RIGHT": PASSWORD, "SHOP_URL": address}
    shop.sql("insert into customers values (3, 'Cy')", "alter table items rename column weight to wait")
    commands = (["run"], ["run", "--json", "--debug", "--full"], ["check"], ["sources", "check"], ["status", "--json"])
    said: list[Said] = [shop.tilth(*command, **environment) for command in commands]
    assert [one.code for one in said] == [3, 3, 1, 1, 0], said[0].err + said[1].err
    assert len(said[0].errors) == 3
    for one in said:
        assert found_in((one.out + one.err).encode()) == []
    assert found_in(PASSWORD.encode() + b"\0" + quote(GONE).encode()) == ["right", "away"]  # it would be found
    assert leaks(shop.folder / "data") == {}
    assert [path for path in shop.folder.rglob("*.pyc") if found_in(path.read_bytes())] == []
