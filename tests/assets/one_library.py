"""One night over a document set, in a process of its own, that may be killed at a point: see `one_night.py`."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

from company import lake_in, run_of
from one_night import kill_at

from tilth.assets.declaration import documents_from
from tilth.assets.lease import lease
from tilth.assets.night import Publishable, ingest_table, publish_night, set_right
from tilth.connectors.files.connector import FilesConnector
from tilth.schemas.documents import Chunk, Document

PAGE = "# Kapitel {0}\n\n## Erstens\n\nAbsatz eins von {0}.\n\n## Zweitens\n\nAbsatz zwei von {0}.\n"
FILES = {
    1: {f"seite-{number}.md": PAGE.format(number) for number in range(6)} | {"leer.txt": "", "zu.txt": "x"},
    2: {f"seite-{number}.md": PAGE.format(number) for number in range(1, 8)} | {"leer.txt": "Nun mehr.", "zu.txt": ""},
}
FILES[1]["kopie.md"] = FILES[1]["seite-0.md"]
FILES[2]["kopie.md"] = FILES[1]["seite-0.md"]  # what it is a copy of is gone
FILES[2]["seite-3.md"] = PAGE.format(3).replace("zwei", "zwei, neu gefasst,")


def shown(folder: Path, number: int) -> None:
    """The share as it is in that night."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in FILES[number]:
            path.unlink()
    for name, text in FILES[number].items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))


def night(folder: Path, number: int) -> None:
    """Set right, pull and read the documents, publish them and their chunks."""
    shown(folder / "library", number)
    lake, run = lake_in(folder), run_of(number)
    given = {"name": "documents", "source": "library", "object": "*", "chunks": {"table": "chunks"}}
    documents, chunks = documents_from(given, where="defs.yaml")
    connector = FilesConnector("library", folder / "library", timedelta(0))
    with lease(lake.state, holder="a test"):
        set_right(lake)
        ingest_table(documents, Document, lambda: connector, lake, run)
        publish_night([Publishable(documents, Document), Publishable(chunks, Chunk)], lake, run)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        kill_at(sys.argv[3], int(sys.argv[4]))
    night(Path(sys.argv[1]), int(sys.argv[2]))
