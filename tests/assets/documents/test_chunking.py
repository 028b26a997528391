"""Chunks: exact spans, every letter in exactly one, ids that stay when other sections change."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.assets.documents import Chunk, Element, chunked, text_of
from tilth.assets.documents.sentences import sentence_starts

KINDS = ("text", "text", "list_item", "table", "code", "margin")
words = st.text(st.sampled_from("aäßZ9.,! "), max_size=30) | st.sampled_from(
    ["z. B. so.", "Ende. Neu", "  ", "a\nb\nc"]
)
texts = st.lists(words, min_size=1, max_size=12).map(" ".join)
titles = st.builds(
    Element,
    st.just("title"),
    st.text(st.sampled_from("ABC "), min_size=1, max_size=3),
    st.sampled_from([1, 2, 3, None]),
)
bodies = st.builds(Element, st.sampled_from(KINDS), texts, st.none(), st.integers(1, 3) | st.none())
parts = st.lists(titles | bodies, max_size=8)
documents = st.lists(st.tuples(st.sampled_from([None, "a.pdf", "b.docx"]), parts), max_size=3).map(
    lambda several: [replace(one, part=part) for part, elements in several for one in elements]
)
sizes = st.integers(10, 200)


@given(documents, sizes)
def test_spans_are_exact_and_cover_every_letter_once(elements: list[Element], most: int) -> None:
    text, chunks = text_of(elements), chunked("a", elements, max_characters=most)
    covered = [0] * len(text)
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text != ""
        assert not chunk.text[0].isspace()
        assert not chunk.text[-1].isspace()
        for at in range(chunk.start, chunk.end):
            covered[at] += 1
    assert all(times == 1 for times, letter in zip(covered, text, strict=True) if not letter.isspace())
    assert max(covered, default=0) <= 1
    assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
    assert sorted(chunks, key=lambda chunk: chunk.start) == chunks


@given(documents, sizes)
def test_no_chunk_is_longer_than_asked_but_for_one_word(elements: list[Element], most: int) -> None:
    for chunk in chunked("a", elements, max_characters=most):
        assert len(chunk.text) <= most or len(chunk.text.split()) == 1


@given(documents, sizes)
def test_ids_are_unique_and_chunks_the_same_each_time(elements: list[Element], most: int) -> None:
    chunks = chunked("a", elements, max_characters=most)
    assert chunked("a", list(elements), max_characters=most) == chunks
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    assert not {chunk.id for chunk in chunks} & {one.id for one in chunked("b", elements, max_characters=most)}
    assert all(len(chunk.id) == 32 and int(chunk.id, 16) >= 0 for chunk in chunks)


@given(documents, sizes)
def test_a_chunk_is_of_one_part_and_knows_its_pages(elements: list[Element], most: int) -> None:
    at = 0
    places: list[tuple[int, int, Element]] = []
    for one in elements:
        at = text_of(elements).index(one.text, at) if one.text else at
        places.append((at, at + len(one.text), one))
        at += len(one.text)
    for chunk in chunked("a", elements, max_characters=most):
        inside = [one for start, end, one in places if start < chunk.end and end > chunk.start and one.text.strip()]
        assert {one.part for one in inside} == {chunk.part}
        pages = [one.page for one in inside if one.page is not None]
        assert (chunk.page_from, chunk.page_to) == ((min(pages), max(pages)) if pages else (None, None))


sections = st.lists(st.lists(texts.filter(str.strip), min_size=1, max_size=4), min_size=2, max_size=6)


def under_headings(sections: list[list[str]]) -> list[Element]:
    """Sections that have headings of their own, by number."""
    return [
        one
        for number, paragraphs in enumerate(sections)
        for one in (Element("title", f"Abschnitt {number}", 1), *(Element("text", text) for text in paragraphs))
    ]


def by_section(chunks: list[Chunk]) -> dict[tuple[str, ...], list[tuple[str, str]]]:
    found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for chunk in chunks:
        found.setdefault(chunk.heading_path, []).append((chunk.id, chunk.text))
    return found


@given(sections, texts, sizes, st.data())
def test_an_edit_changes_no_chunk_of_another_section(
    sections: list[list[str]], edit: str, most: int, data: st.DataObject
) -> None:
    edited = data.draw(st.integers(0, len(sections) - 1))
    other = [[*paragraphs, edit] if at == edited else paragraphs for at, paragraphs in enumerate(sections)]
    before = by_section(chunked("a", under_headings(sections), max_characters=most))
    after = by_section(chunked("a", under_headings(other), max_characters=most))
    assert before.keys() == after.keys()
    for path in before:
        if path != (f"Abschnitt {edited}",):
            assert before[path] == after[path]


def test_chunks_begin_at_headings_and_keep_what_fits_together() -> None:
    elements = [
        Element("title", "Handbuch", 1, 1),
        Element("title", "Versand", 2, 1),
        Element("text", "Vorab ein Satz.", None, 1),
        Element("list_item", "wiegen", None, 1),
        Element("list_item", "kleben", None, 2),
        Element("title", "Retouren", 2, 2),
        Element("text", "Ware getrennt lagern. " * 20, None, 3),
        Element("margin", "Höß GmbH", None, 1),
    ]
    chunks = chunked("a", elements, max_characters=200)
    assert chunks[0].text == "Handbuch\n\nVersand\n\nVorab ein Satz.\n\nwiegen\nkleben"
    assert (chunks[0].heading_path, chunks[0].page_from, chunks[0].page_to) == (("Handbuch", "Versand"), 1, 2)
    assert chunks[1].text.startswith("Retouren\n\nWare getrennt lagern.")
    assert all(chunk.text.endswith("lagern.") for chunk in chunks[1:-1])
    assert {chunk.heading_path for chunk in chunks[1:-1]} == {("Handbuch", "Retouren")}
    assert (chunks[-1].text, chunks[-1].heading_path) == ("Höß GmbH", ())


def test_a_heading_alone_changes_no_id_when_it_gets_a_text() -> None:
    below = [Element("title", "Versand", 2), Element("text", "Vorab ein Satz.")]
    bare = chunked("a", [Element("title", "Handbuch", 1), *below])
    full = chunked("a", [Element("title", "Handbuch", 1), Element("text", "Zum Lesen."), *below])
    assert [chunk.text for chunk in full] == ["Handbuch\n\nZum Lesen.", "Versand\n\nVorab ein Satz."]
    assert bare[0].id == full[1].id


def test_a_table_is_split_between_rows() -> None:
    rows = [f"Artikel {number} | {number} EUR" for number in range(40)]
    chunks = chunked("a", [Element("table", "\n".join(rows))], max_characters=100)
    assert [row for chunk in chunks for row in chunk.text.split("\n")] == rows


@pytest.mark.parametrize(
    "sentences",
    [
        ["Das wiegt 4,5 kg.", "Für Balken, z. B. Eiche, gilt Nr. 7 bzw. Abs. 3 AGB.", "Ende!"],
        ["Am 3. März kam Dr. Müller.", "Im Jahr 2025.", "„Gut so.“", "Wirklich?", "Ja."],
        [
            "Siehe www.example.com.",
            "The U.S. Army came, e.g. by train.",
            "Mr. Smith left at 5.30 p.m. with 1.200,50 EUR.",
        ],
        ["Schrauben, Nägel usw. gibt es hier.", "Kisten usw.", "Danach Schluss."],
    ],
)
def test_sentences_end_where_readers_see_it(sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert [text[a:b].strip() for a, b in pairwise([0, *sentence_starts(text), len(text)])] == sentences
