"""Document sets through whole nights: real files, real parsing in child processes, real releases."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from company import frame_of, lake_in

from tilth.assets.declaration import documents_from
from tilth.assets.declared import Chunking, DerivedDeclaration, TableDeclaration
from tilth.assets.lake import Lake, Run
from tilth.assets.listing import Entry, listing
from tilth.assets.night import Publishable, ingest_table, publish_night, set_right
from tilth.assets.publishing.history import rollback
from tilth.assets.publishing.manifest import TableRelease
from tilth.assets.publishing.release import Releases
from tilth.assets.publishing.verify import verify
from tilth.assets.status import status
from tilth.connectors.files.connector import FilesConnector
from tilth.schemas.documents import Chunk, Document

HANDBOOK = "# Handbuch\n\n## Lieferung\n\nWir liefern am Montag.\n\n## Rechnung\n\nZahlbar in 14 Tagen.\n"
SPANS = """
SELECT count(*) FROM chunks c JOIN documents d USING (document)
WHERE substr(d.text, c.char_from + 1, c.char_to - c.char_from) <> c.text
"""


@dataclass
class Library:
    """A folder of documents and the project that publishes it."""

    folder: Path
    lake: Lake
    documents: TableDeclaration
    chunks: DerivedDeclaration
    nights: int = 0

    def put(self, **files: str | bytes | None) -> None:
        for name, content in files.items():
            path = self.folder / name.replace("__", ".")
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
                old = time.time() - 3600 + self.nights
                os.utime(path, (old, old))

    def night(self, *, whole: bool = False) -> dict[str, TableRelease]:
        self.nights += 1
        run = Run(f"run-{self.nights}", f"night-{self.nights}", datetime(2026, 1, self.nights, tzinfo=UTC))
        set_right(self.lake)
        connector = FilesConnector("library", self.folder, timedelta(0))
        ingest_table(self.documents, Document, lambda: connector, self.lake, run, whole=whole)
        published = publish_night(
            [Publishable(self.documents, Document), Publishable(self.chunks, Chunk)], self.lake, run
        )
        return dict(published.tables)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return frame_of(self.lake.curated, sql).rows()

    def texts(self) -> dict[str, str]:
        return dict(self.rows("SELECT document, text FROM documents ORDER BY document"))

    def entries(self) -> list[Entry]:
        return listing(self.lake.state, self.lake.storage)

    def ids(self) -> dict[str, str]:
        return dict(self.rows("SELECT document || ': ' || text, chunk_id FROM chunks"))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    declared = {"name": "documents", "source": "library", "object": "*", "chunks": {"table": "chunks"}}
    (tmp_path / "library").mkdir()
    lake = lake_in(tmp_path)
    yield Library(tmp_path / "library", lake, *documents_from(declared, where="defs.yaml"))
    assert verify(lake).problems == ()


def counted(table: TableRelease) -> dict[str, int]:
    return {name: count for name, count in table.counts.items() if count}


@pytest.mark.long
def test_lost_elements_hold_the_chunks_alone_until_they_are_there_again(library: Library) -> None:
    library.put(handbuch__md=HANDBOOK)
    library.night()
    (file,) = (path for path in library.lake.storage.list("ready/documents") if path.endswith(".elements.parquet"))
    path = Path(library.lake.storage.url(file))
    data = path.read_bytes()
    end = len(data) - 8 - int.from_bytes(data[-8:-4], "little")  # of the records: the footer stays
    torn = data[:4] + b"\xff" * (end - 4) + data[end:]
    library.chunks = replace(library.chunks, chunking=Chunking(max_characters=100))
    for number, (left, said) in enumerate([(None, "is missing"), (torn, "cannot be read")]):
        path.unlink() if left is None else path.write_bytes(left)
        library.put(**{f"text{number}__txt": "Es gilt."})
        held = library.night()
        assert (held["documents"].state, held["chunks"].state) == ("published", "held")
        assert (held["chunks"].reason or "").startswith(f"{file}: a file of the lake {said}")
    path.write_bytes(data)
    assert library.night()["chunks"].state == "published"
    assert library.rows("SELECT DISTINCT document FROM chunks ORDER BY 1") == library.rows(
        "SELECT document FROM documents ORDER BY 1"
    )


def test_nights_of_a_library(library: Library) -> None:
    library.put(handbuch__md=HANDBOOK, kopie__md=HANDBOOK, agb__txt="Es gilt deutsches Recht.", leer__txt="")
    first = library.night()
    assert counted(first["documents"]) == {
        "pulled": 4, "inserted": 2, "duplicate": 1, "quarantined": 1, "rows_after": 2, "open_after": 1,
    }  # fmt: skip
    assert counted(first["chunks"]) == {"pulled": 3, "inserted": 3, "rows_after": 3}
    (entry,) = library.entries()
    assert (entry.key, entry.rules, json.loads(str(_raw(library, entry)))["bytes"]) == ("leer.txt", ("empty",), "0")
    before = library.ids()

    library.put(handbuch__md=HANDBOOK.replace("Montag", "Dienstag"), leer__txt="Doch etwas.", agb__txt=None)
    second = library.night()
    assert counted(second["documents"]) == {
        "pulled": 4, "inserted": 2, "updated": 1, "deleted": 1, "closed": 1, "rows_before": 2, "rows_after": 3,
        "open_before": 1, "superseded_open": 1,
    }  # fmt: skip
    assert [*library.texts()] == ["handbuch.md", "kopie.md", "leer.txt"]  # the copy is one no more
    untouched = "handbuch.md: Rechnung\n\nZahlbar in 14 Tagen."
    assert library.ids()[untouched] == before[untouched]
    assert library.rows(SPANS) == [(0,)]
    assert library.rows("SELECT count(*) FROM chunks ANTI JOIN documents USING (document)") == [(0,)]
    stale = library.rows("SELECT count(*) FROM chunks WHERE text LIKE '%Recht.%'")
    assert stale == [(0,)]

    third = library.night()
    assert counted(third["documents"]) == {"rows_before": 3, "rows_after": 3}
    assert counted(third["chunks"]) == {"rows_before": 5, "rows_after": 5}
    lineage = 'SELECT "column", input_column, transformation FROM _catalog.lineage WHERE "table" = \'chunks\''
    assert {("text", "text"), ("text", "content")} <= {(column, source) for column, source, _ in library.rows(lineage)}
    url = str(library.lake.state.engine.url)
    declared = [library.documents, library.chunks]
    (told,) = status(declared, ["library"], library.lake.curated, url, time_zone="UTC", now=datetime.now(UTC)).documents
    assert (told.name, told.documents, told.chunks, told.quarantined) == ("documents", 3, 5, 0)


def _raw(library: Library, entry: Entry) -> object:
    assert entry.path is not None
    frame = frame_of(
        library.lake.curated, f"SELECT id, raw FROM read_parquet('{library.lake.storage.url(entry.path)}')"
    )
    return dict(frame.rows())[entry.id]


@pytest.mark.long
def test_another_way_of_cutting_cuts_every_document_again_without_reading_it(library: Library) -> None:
    long = "\n\n".join(f"Absatz {number}. " + "Ein Satz von einiger Länge steht hier. " * 8 for number in range(6))
    library.put(a__txt=long, b__txt="Kurz.")
    library.night()
    library.chunks = replace(library.chunks, chunking=Chunking(400))
    table = library.night()["chunks"]
    assert table.counts["pulled"] == table.rows > 6
    assert library.rows("SELECT max(length(text)) <= 400 FROM chunks") == [(True,)]
    assert library.rows(SPANS) == [(0,)]
    assert counted(library.night()["chunks"]) == {"rows_before": table.rows, "rows_after": table.rows}


@pytest.mark.long
def test_a_rule_may_be_counted_only(library: Library) -> None:
    assert library.documents.parsing is not None
    page = "<html><body><p>Sichtbar.</p><p style='display:none'>Verborgen.</p></body></html>"
    library.put(seite__html=page)
    assert library.night()["documents"].rows == 0
    library.documents = replace(library.documents, parsing=replace(library.documents.parsing, warn=("hidden_text",)))
    library.put(seite__html=page.replace("Sichtbar", "Zu sehen"))
    table = library.night()["documents"]
    assert (table.rows, table.counts["superseded_open"]) == (1, 1)
    assert library.texts() == {"seite.html": "Zu sehen."}
    quality = "SELECT severity, checked, failed FROM _catalog.quality WHERE rule = 'hidden_text' ORDER BY severity"
    assert library.rows(quality) == [("error", 1, 1), ("warn", 1, 1)]


@pytest.mark.long
def test_a_rollback_takes_chunks_back_with_their_documents(library: Library) -> None:
    library.put(a__txt="Erste Fassung.")
    library.night()
    library.put(a__txt="Zweite Fassung.")
    library.night()
    rollback(library.lake, Releases(library.lake.curated), Run("back", "back", datetime(2026, 1, 9, tzinfo=UTC)))
    assert library.rows("SELECT d.text, c.text FROM documents d JOIN chunks c USING (document)") == [
        ("Erste Fassung.",) * 2
    ]
