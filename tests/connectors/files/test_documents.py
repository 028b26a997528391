"""Documents as records: what is published by whoever follows the batches is what is in the folder, once each."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.connectors.files.conftest import Folder, Taken, examples
from tilth.connectors.protocol import Batch
from tilth.errors import SourceError

DOCUMENTS = {"kind": "documents"}
NAMES = ("a.txt", "b.txt", "c.txt", "sub/d.txt", "é.txt")

worlds = st.lists(st.dictionaries(st.sampled_from(NAMES), st.sampled_from("xyz"), min_size=1), min_size=1, max_size=6)


class Reader:
    """Follows batches as publishing does: originals replace, tombstones remove, copies stand aside."""

    def __init__(self, root: Path) -> None:
        self.folder = Folder(root, DOCUMENTS, "**/*", batch_rows=2)
        self.published: dict[str, bytes] = {}
        self.records = 0

    def show(self, world: dict[str, str]) -> None:
        for name in NAMES:
            path = self.folder.root / name
            if name not in world:
                path.unlink(missing_ok=True)
            elif not path.exists() or path.read_text() != world[name]:
                self.folder.put(name, world[name])

    def pull(self, stop: int | None = None, **changes: Any) -> int:
        """Follow one pull, interrupted once after `stop` batches; how many records it brought."""
        before, resume = self.records, None
        if stop is not None:
            batches = self.folder.batches(**changes)
            for _ in range(stop):
                batch = next(batches, None)
                if batch is None or batch.complete:
                    break
                self.follow(batch)
                resume = json.loads(json.dumps(batch.resume))
        for batch in self.folder.pull(resume=resume, **changes).batches:
            self.follow(batch)
        return self.records - before

    def follow(self, batch: Batch) -> None:
        rows = batch.rows.to_pylist()
        gone = [] if batch.deleted is None else batch.deleted.column("document").to_pylist()
        self.records += len(rows) + len(gone)
        for row in rows:
            if row["copy_of"] is None:
                assert len(row["content"]) == row["bytes"]
                self.published[row["document"]] = row["content"]
            else:
                assert row["content"] is None
        for name in gone:
            self.published.pop(name, None)

    def check(self, world: dict[str, str]) -> None:
        assert sorted(self.published.values()) == sorted({text.encode() for text in world.values()})
        assert all(world[name].encode() == content for name, content in self.published.items())


@examples(150)
@given(worlds, st.lists(st.integers(0, 3), min_size=6, max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_what_is_there_is_published_once(worlds: list[dict[str, str]], stops: list[int], whole: list[bool]) -> None:
    with TemporaryDirectory() as root:
        reader = Reader(Path(root))
        for world, stop, full in zip(worlds, stops, whole, strict=False):
            reader.show(world)
            reader.pull(stop, whole=full)
            reader.check(world)
            assert reader.pull() == 0, "nothing changed"


def test_a_change_between_two_goes_of_one_pull_is_not_missed(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    world = dict.fromkeys(NAMES, "x") | {"b.txt": "y", "c.txt": "z"}
    reader.show(world)
    first = next(reader.folder.batches())
    reader.follow(first)
    world |= {"a.txt": "new"}
    del world["b.txt"]
    reader.show(world)
    for batch in reader.folder.pull(resume=json.loads(json.dumps(first.resume))).batches:
        reader.follow(batch)
    reader.check(world)


def test_a_copy_takes_the_place_of_what_it_was_copied_from(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    reader.show({"a.txt": "x", "b.txt": "x"})
    assert (reader.pull(), reader.published) == (2, {"a.txt": b"x"})
    reader.show({"b.txt": "x"})
    assert (reader.pull(), reader.published) == (2, {"b.txt": b"x"})


def test_a_file_that_is_touched_is_not_taken_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path, DOCUMENTS)
    folder.put("a.txt", "x")
    row = folder.pull().rows[0]
    modified = datetime.fromtimestamp((tmp_path / "a.txt").stat().st_mtime, UTC)
    assert abs(row["modified_at"] - modified) < timedelta(milliseconds=1)  # type: ignore[operator]
    folder.put("a.txt", "x", age_s=60)
    assert folder.pull().rows == []
    assert folder.pull(whole=True).rows != []


def test_a_file_that_is_still_written_to_stays_what_it_was(tmp_path: Path) -> None:
    folder = Folder(tmp_path, DOCUMENTS, settle=timedelta(minutes=10))
    folder.put("a.txt", "x")
    assert len(folder.pull().rows) == 1
    folder.put("a.txt", "half", age_s=0)
    folder.put("b.txt", "half too", age_s=0)
    pulled = folder.pull()
    assert (pulled.rows, pulled.deleted) == ([], [])
    folder.put("a.txt", "whole")
    assert [row["document"] for row in folder.pull().rows] == ["a.txt"]


def test_a_file_that_is_too_large_is_told_of_without_its_content(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {**DOCUMENTS, "max_bytes": 5})
    folder.put("a.txt", "123456")
    folder.put("b.txt", "12345")
    assert [(row["bytes"], row["content"]) for row in folder.pull().rows] == [(6, None), (5, b"12345")]


def test_an_empty_share_is_trouble_unless_it_is_meant(tmp_path: Path) -> None:
    folder = Folder(tmp_path, DOCUMENTS, "*.txt")
    assert folder.pull().rows == []
    folder.put("a.txt", "x").rename(tmp_path / "b.txt")
    folder.pull()
    (tmp_path / "b.txt").unlink()
    with pytest.raises(SourceError, match="there is no document any more") as caught:
        folder.pull()
    assert "--full" in caught.value.next
    assert [row["document"] for row in folder.pull(whole=True).deleted] == ["b.txt"]


def test_mistakes_in_the_format_are_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {"kind": "documents", "max_byte": 5})
    assert any("did you mean 'max_bytes'" in problem for problem in folder.connector.inspect(folder.request()))
    assert Taken(list(Folder(tmp_path, DOCUMENTS).batches())).complete.whole is False
