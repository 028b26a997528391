"""`kill -9` at any point of a pull over HTTP, then a re-run: every record has landed once, and no page was lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
from company import lake_in

from tilth.assets import parquet
from tilth.assets.pulls import batches_of, landed_pulls

DRIVER = Path(__file__).with_name("one_pull.py")
SIZE, PAGES = 20_000, 12  # a batch is worth a file when it has 100,000 records

POINTS = [
    ("tilth.connectors.http.pulling:_keep:return", 3, 1),  # pages were read, nothing has landed
    ("tilth.assets.landing:_write:return", 1, 1),  # Parquet is there, the state does not know
    ("tilth.assets.landing:keep:return", 1, 6),  # the first batch has landed
    ("tilth.connectors.http.wire:_body:return", 8, 6),  # in the middle of the second
    ("tilth.assets.landing:_write:return", 3, 11),  # the last one, before the pull is complete
]
"""Where, at which time, and the page at which the next run must begin."""


class Api(BaseHTTPRequestHandler):
    """Pages of records, told apart by a number."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        number = int(parse_qs(urlsplit(self.path).query).get("cursor", ["0"])[0])
        self.asked.append(number + 1)
        records = [{"id": f"{n:07}", "updated_at": "2026-01-01"} for n in range(number * SIZE, (number + 1) * SIZE)]
        following = str(number + 1) if number + 1 < PAGES else None
        body = json.dumps({"data": records, "next": following, "total": SIZE * PAGES}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        del format, args


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def run(folder: Path, url: str, *point: str) -> int:
    return subprocess.run([sys.executable, str(DRIVER), str(folder), url, *point], check=False).returncode


@pytest.mark.parametrize(
    ("point", "hit", "page"),
    [pytest.param(*at, marks=pytest.mark.long) for at in POINTS],
)
def test_a_killed_pull_goes_on(point: str, hit: int, page: int, url: str, tmp_path: Path) -> None:
    assert run(tmp_path, url, point, str(hit)) == -signal.SIGKILL
    Api.asked.clear()
    assert run(tmp_path, url) == 0
    assert Api.asked == list(range(page, PAGES + 1))
    lake = lake_in(tmp_path)
    with lake.state.read() as connection:
        [pull] = landed_pulls(connection, "contacts")
        batches = batches_of(connection, pull.id)
    landed = pl.concat([parquet.read(lake.storage, batch.path) for batch in batches])["id"]
    assert landed.to_list() == [f"{n:07}" for n in range(SIZE * PAGES)]
    assert pull.pulled == SIZE * PAGES and pull.whole and not list(tmp_path.rglob(".tmp-*"))
