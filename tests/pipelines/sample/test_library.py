"""The library is the same for the same seed, and each document is what the truth says of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tilth.assets.documents import Element, Parsed, Raw, Settings, parsed
from tilth.pipelines.sample.library import COPY, TOXIC, Library, tell, texts
from tilth.pipelines.sample.library_texts import Text
from tilth.pipelines.sample.truth import Book

SEED = 7
Files = Mapping[str, bytes]


def files(night: int) -> Files:
    return {drop.name: drop.content for drop in Library(SEED, night).files()}


@pytest.fixture(scope="module")
def read() -> Mapping[bytes, Parsed]:
    """What is in every document of both nights, by its bytes."""
    first, second = files(1), files(2)
    changed = {name: content for name, content in second.items() if first.get(name) != content}
    documents = [Raw(name, content) for some in (first, changed) for name, content in some.items()]
    return {one.content: told for one, told in zip(documents, parsed(documents, Settings()), strict=True)}


def said(text: Text) -> list[tuple[str, int | None, str]]:
    rows = ("\n".join(" | ".join(row) for row in block.rows) for block in text.blocks)
    return [(block.kind, block.level, block.text or table) for block, table in zip(text.blocks, rows, strict=True)]


def of_itself(elements: tuple[Element, ...], name: str) -> list[tuple[str, int | None, str]]:
    """Without attachments, headers of pages, and the subject of a mail."""
    own = [one for one in elements if one.part is None and one.kind != "margin"]
    return [(one.kind, one.level, one.text) for one in own[name.endswith(".eml") :]]


DIGEST = """
import hashlib
from tilth.pipelines.sample.library import Library
drops = [drop for night in (1, 2, 3) for drop in Library(7, night).files()]
print(hashlib.sha256(repr(drops).encode()).hexdigest())
"""


def test_one_seed_makes_one_library() -> None:
    """Byte for byte, in another process at another time, too."""
    drops = [drop for night in (1, 2, 3) for drop in Library(SEED, night).files()]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    again = subprocess.run([sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True)
    assert again.stdout.strip() == hashlib.sha256(repr(drops).encode()).hexdigest()
    assert files(3) == files(2)
    assert texts(SEED, 1).keys() == texts(SEED + 1, 1).keys()
    assert texts(SEED, 1) != texts(SEED + 1, 1)
    assert 55 <= len(files(1)) <= 70


@pytest.mark.parametrize("night", [1, 2])
def test_sound_documents_are_read_to_the_letter(read: Mapping[bytes, Parsed], night: int) -> None:
    there = files(night)
    wanted = texts(SEED, night)
    assert there.keys() - wanted.keys() == {*TOXIC, COPY[1]} - wanted.keys()
    for name, text in wanted.items():
        one = read[there[name]]
        assert one.findings == (), name
        assert of_itself(one.elements, name) == said(text), name


def test_mails_bring_sheets_with_them(read: Mapping[bytes, Parsed]) -> None:
    mails = {name: read[content] for name, content in files(1).items() if name.startswith("mails/00")}
    parts = {name: {one.part for one in told.elements} - {None} for name, told in mails.items()}
    assert parts["mails/001.eml"] == {"blatt.pdf"}
    assert parts["mails/002.eml"] == {"blatt.docx"}
    assert parts["mails/008.eml"] == {"weitergeleitet.eml", "weitergeleitet.eml/blatt.pdf"}
    assert all(parts.values())


@pytest.mark.parametrize("name", TOXIC)
def test_what_is_toxic_is_so_for_the_reason_given(read: Mapping[bytes, Parsed], name: str) -> None:
    assert [(one.rule, one.part) for one in read[files(1)[name]].findings] == [TOXIC[name][1:]]


def test_the_nights_are_what_the_book_says() -> None:
    book = Book("documents")
    first = files(1)
    tell(1, book, seed=SEED)
    assert (book.counts["inserted"], book.counts["quarantined"], book.counts["duplicate"]) == (len(first) - 9, 8, 1)
    assert book.current == {*first} - {*TOXIC} - {COPY[1]}
    assert first[COPY[0]] == first[COPY[1]]
    before = set(book.current)
    book.begin()
    second = files(2)
    tell(2, book, seed=SEED)
    news = {name for name in second if first.get(name) != second[name]}
    assert (book.counts["inserted"], book.counts["updated"], book.counts["closed"]) == (2, 1, 1)
    assert len(news) == 3
    assert book.current - before == news - before
    assert before - book.current == {*first} - {*second}
    assert book.open == 7
    book.begin()
    tell(3, book, seed=SEED)
    assert files(3) == second
    assert not any(book.counts[state] for state in ("inserted", "updated", "closed", "quarantined", "deleted"))
