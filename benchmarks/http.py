"""An HTTP API → Arrow text, through the connector `rest`, against the shortest correct loop over httpx2.

`python -m benchmarks.http [--rows N]` prints one JSON object. CPU seconds are those of the reading process, without its
imports; the server is a process of its own on loopback. Both read the same pages with a token and a cursor, look at
each page's count, and make the same table, which is compared; the loop does not ask again, resume, or look further.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["main"]

_SIZE = 500
_COLUMNS = ("id", "name", "email", "amount", "active", "address", "note", "updated_at")
_SECRET = "bench-secret"


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark, or one child of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "WHERE"))
    asked = parser.parse_args(argv)
    if asked.child and asked.child[0] == "serve":
        _serve(int(asked.child[1]))
    elif asked.child:
        _measured(*asked.child)
    else:
        print(json.dumps(_compared(asked.rows, asked.rounds)), flush=True)


def _compared(rows: int, rounds: int) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {"ours": [], "loop": []}
    with _server(rows) as url:
        for _ in range(rounds):
            for what, runs in found.items():
                runs.append(_child(what, url))
    [_] = {(run["rows"], run["print"]) for runs in found.values() for run in runs}  # the same table each time
    middle = {
        what: {name: sorted(run[name] for run in runs)[len(runs) // 2] for name in ("cpu_s", "rss_mb")}
        for what, runs in found.items()
    }
    ours, loop = middle["ours"], middle["loop"]
    told = {"bench": "http", "case": "pages of 500 to Arrow", "rows": rows, "peer": "httpx2 loop"}
    told |= {"ours_cpu_s": round(ours["cpu_s"], 3), "peer_cpu_s": round(loop["cpu_s"], 3)}
    told |= {"ratio": round(ours["cpu_s"] / loop["cpu_s"], 2)}
    return told | {"ours_rss_mb": round(ours["rss_mb"]), "peer_rss_mb": round(loop["rss_mb"])}


def _command(what: str, where: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.http", "--child", what, where]


def _child(what: str, url: str) -> dict[str, Any]:
    home = Path(__file__).parents[1]
    done = subprocess.run(_command(what, url), capture_output=True, text=True, check=False, cwd=home)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _measured(what: str, url: str) -> None:
    """Read everything once in this process."""
    import httpx2
    import pyarrow as pa

    from tilth.connectors.http import pulling

    assert pulling and httpx2  # imported before the clock starts
    before = resource.getrusage(resource.RUSAGE_SELF)
    table: Any = (_ours if what == "ours" else _loop)(url)
    after = resource.getrusage(resource.RUSAGE_SELF)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told = {"rows": table.num_rows, "print": hashlib.sha256(sink.getvalue()).hexdigest(), "cpu_s": cpu}
    print(json.dumps({**told, "rss_mb": after.ru_maxrss / 1024}))


def _ours(url: str) -> Any:
    import pyarrow as pa

    from tilth.connectors.protocol import Pull
    from tilth.connectors.registry import connector

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "secret").write_text(_SECRET)
        settings = {
            "url": url,
            "auth": {"kind": "oauth2", "token": "/token", "client_id": "bench", "client_secret": "file:secret"},
            "records": "data",
            "paging": {"kind": "cursor", "next": "page.next", "parameter": "cursor", "size": {"limit": _SIZE}},
            "count": "page.count",
            "total": "page.total",
            "changes": {"parameter": "updated_after"},
        }
        made = connector("rest", "crm", settings, base=Path(folder))
        pull = Pull("records", ("id",), _COLUMNS, "updated_at")
        return pa.concat_tables(pa.table(batch.rows) for batch in made.pull(pull))


def _loop(url: str) -> Any:
    """The shortest correct loop."""
    import httpx2
    import pyarrow as pa

    schema, tables, cursor = pa.schema([(name, pa.string()) for name in _COLUMNS]), list[Any](), None
    with httpx2.Client(base_url=url) as client:
        form = {"grant_type": "client_credentials"}
        granted = client.post("/token", data=form, auth=("bench", _SECRET)).raise_for_status().json()
        client.headers["authorization"] = f"Bearer {granted['access_token']}"
        while True:
            query = {"limit": _SIZE, **({"cursor": cursor} if cursor else {})}
            answer = client.get("/records", params=query).raise_for_status()
            body = json.loads(answer.content, parse_float=str, parse_int=str)
            assert len(body["data"]) == int(body["page"]["count"])
            for row in body["data"]:
                row["active"] = json.dumps(row["active"])
                row["address"] = json.dumps(row["address"], ensure_ascii=False, separators=(",", ":"))
            tables.append(pa.Table.from_pylist(body["data"], schema))
            cursor = body["page"]["next"]
            if cursor is None:
                return pa.concat_tables(tables)


@contextmanager
def _server(rows: int) -> Generator[str]:
    home = Path(__file__).parents[1]
    with subprocess.Popen(_command("serve", str(rows)), stdout=subprocess.PIPE, text=True, cwd=home) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _serve(rows: int) -> None:
    """All pages, made beforehand."""
    pages = [_page(start, rows) for start in range(0, rows, _SIZE)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self._send(b'{"access_token": "bench-token", "expires_in": 3600}')

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            self._send(pages[int(query.get("cursor", ["0"])[0]) // _SIZE])

        def _send(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


def _page(start: int, rows: int) -> bytes:
    records = [_record(number) for number in range(start, min(start + _SIZE, rows))]
    following = str(start + _SIZE) if start + _SIZE < rows else None
    page = {"next": following, "count": len(records), "total": rows}
    return json.dumps({"data": records, "page": page}, ensure_ascii=False).encode()


def _record(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"Müller & Söhne {number}",
        "email": f"info@kunde{number}.example.com",
        "amount": number / 8,
        "active": number % 3 == 0,
        "address": {"city": "Köln", "street": f"Am Mühlgraben {number % 90}"},
        "note": None if number % 4 else f"Rückruf {number}",
        "updated_at": f"2026-01-01T{number % 24:02}:{number % 60:02}:00Z",
    }


if __name__ == "__main__":
    main()
