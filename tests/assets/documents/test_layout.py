"""What a PDF shows is what is read: columns, tables, headers, hyphens, turned pages, all made by a real library."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from papers import paper

from tilth.assets.documents import Element

if TYPE_CHECKING:
    from fpdf import FPDF

GERMAN = (
    "Die Lieferbedingungen gelten für alle Großhandelskunden und Wiederverkäufer im In- und Ausland, soweit nichts "
    "anderes vereinbart ist. Für Balken, z. B. Eiche, gilt Nr. 7 der Preisliste; sie liegt jeder Sendung bei."
)


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """Read in this process: what is tested here is no matter of processes."""
    os.environ["DO_NOT_TRACK"] = os.environ["UNSTRUCTURED_DISABLE_NOTICE"] = "1"


def read(write: Callable[[FPDF], object]) -> list[Element]:
    from tilth.assets.documents.pdf.partition import read_pdf
    from tilth.assets.documents.words import stand_in

    stand_in()
    page = paper()
    write(page)
    found = read_pdf(bytes(page.output()))
    assert found.findings == ()
    return list(found.elements)


def told(elements: list[Element]) -> list[tuple[str, str]]:
    return [(one.kind, one.text) for one in elements]


def lines(page: FPDF, *texts: str, at: float = 10, top: float = 40, pitch: float = 6) -> None:
    for number, text in enumerate(texts):
        page.text(at, top + number * pitch, text)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines, words broken by hyphens where the line is full."""
    rows, row = list[str](), ""
    for word in text.split(" "):
        row = f"{row} {word}".strip()
        while len(row) > width:
            cut = width - 1
            if not (row[cut - 1].isalpha() and row[cut].isalpha() and row[cut].islower()):
                cut = row.rfind(" ", 0, width)
                rows.append(row[:cut])
                row = row[cut + 1 :]
                continue
            rows.append(f"{row[:cut]}-")
            row = row[cut:]
    return [*rows, row]


def test_a_word_that_a_line_broke_is_whole() -> None:
    assert told(read(lambda page: lines(page, *wrapped(GERMAN, 60)))) == [("text", GERMAN)]


def test_a_hyphen_that_belongs_there_stays() -> None:
    broken = ("Waren für den In-", "und Export, siehe AGB-", "Anhang, und E-Mail-", "Adresse des Käu-", "fers.")
    whole = "Waren für den In- und Export, siehe AGB-Anhang, und E-Mail-Adresse des Käufers."
    assert told(read(lambda page: lines(page, *broken))) == [("text", whole)]


def test_columns_are_read_one_after_the_other() -> None:
    """Even when they were written line by line, across both."""
    left, right = wrapped(GERMAN, 44), wrapped(GERMAN[::-1].replace("-", "")[::-1].replace("Die", "Alle"), 44)

    def write(page: FPDF) -> None:
        page.text(10, 30, "Ein Satz über beide Spalten hinweg, der vor ihnen zu lesen ist, wie breit sie auch sind.")
        for number in range(max(len(left), len(right))):
            for at, column in ((10, left), (110, right)):
                if number < len(column):
                    page.text(at, 50 + 6 * number, column[number])

    found = told(read(write))
    assert [text[:12] for _, text in found] == ["Ein Satz übe", GERMAN[:12], "Alle Lieferb"]
    assert found[1] == ("text", GERMAN)


def test_lines_written_from_the_bottom_are_read_from_the_top() -> None:
    texts = wrapped(GERMAN, 60)

    def write(page: FPDF) -> None:
        for number in reversed(range(len(texts))):
            page.text(10, 40 + 6 * number, texts[number])

    assert told(read(write)) == [("text", GERMAN)]


ROWS = (("Merkmal", "Wert", "Einheit"), ("Leistung", "1.200", "W"), ("Tiefe", "120", "mm"), ("Gewicht", "4,5", "kg"))
TABLE = "\n".join(" | ".join(row) for row in ROWS)


def test_a_table_with_rules_keeps_its_cells() -> None:
    long = "Eine Bezeichnung, die so lang ist, dass sie in ihrer Zelle auf mehrere Zeilen umgebrochen wird"

    def write(page: FPDF) -> None:
        with page.table() as table:
            for cells in (*ROWS, (long, "", "x")):
                row = table.row()
                for cell in cells:
                    row.cell(cell)

    assert told(read(write)) == [("table", f"{TABLE}\n{long} |  | x")]


def test_rows_without_rules_are_a_table_where_they_stand_in_columns() -> None:
    def write(page: FPDF) -> None:
        page.text(10, 30, "Davor steht ein Satz.")
        for number, row in enumerate(ROWS):
            for cell, at in zip(row, (10, 70, 120), strict=True):
                page.text(at, 40 + 7 * number, cell)
        page.text(10, 80, "Danach steht noch einer.")

    assert told(read(write)) == [
        ("text", "Davor steht ein Satz."),
        ("table", TABLE),
        ("text", "Danach steht noch einer."),
    ]


def test_headers_and_footers_are_told_once_and_page_numbers_not_at_all() -> None:
    sentences = GERMAN.split(" ")

    def write(page: FPDF) -> None:
        for number in range(3):
            if number:
                page.add_page()
            page.text(10, 10, "Höß GmbH - Handbuch")
            page.text(10, 290, f"Seite {number + 1} von 3")
            lines(page, *wrapped(" ".join(sentences[number:]), 70))

    found = read(write)
    assert told(found[-1:]) == [("margin", "Höß GmbH - Handbuch")]
    assert [(one.kind, one.page) for one in found] == [("text", 1), ("text", 2), ("text", 3), ("margin", 1)]


def test_a_sentence_goes_on_over_the_page() -> None:
    texts = wrapped(GERMAN, 70)

    def write(page: FPDF) -> None:
        lines(page, *texts[:2], top=270)
        page.add_page()
        lines(page, *texts[2:], top=30)

    (one,) = read(write)
    assert (one.text, one.page) == (GERMAN, 1)


def test_headings_have_levels_by_size_and_body_in_bold_comes_last() -> None:
    def write(page: FPDF) -> None:
        for size, style, text in (
            (20, "B", "Handbuch"), (11, "", GERMAN[:80]), (15, "B", "Versand"), (11, "B", "Kisten packen"),
            (11, "", GERMAN[:85]), (15, "B", "Retouren"), (11, "", GERMAN[:83]),
        ):  # fmt: skip
            page.set_font("Helvetica", style, size)
            page.cell(0, 10, text, new_x="LMARGIN", new_y="NEXT")

    levels = [(one.text, one.level) for one in read(write) if one.kind == "title"]
    assert levels == [("Handbuch", 1), ("Versand", 2), ("Kisten packen", 3), ("Retouren", 2)]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_page_is_read_as_it_is_shown(turn: int) -> None:
    """Written so that it is upright only when the page is turned."""

    def write(page: FPDF) -> None:
        with page.rotation(turn, page.w / 2, page.h / 2):
            lines(page, *wrapped(GERMAN, 50), at=70, top=140)

    page = paper()
    write(page)
    content = bytes(page.output()).replace(b"/Type /Page\n", b"/Type /Page\n/Rotate %d\n" % turn)
    from tilth.assets.documents.pdf.partition import read_pdf

    assert b"/Rotate" in content
    assert told(list(read_pdf(content).elements)) == [("text", GERMAN)]


def test_what_is_written_upwards_is_not_mixed_into_the_lines() -> None:
    def write(page: FPDF) -> None:
        lines(page, *wrapped(GERMAN, 60), at=30)
        with page.rotation(90, 15, 60):
            page.text(15, 60, "Am Rand")

    assert told(read(write)) == [("text", GERMAN), ("text", "Am Rand")]


def test_white_on_dark_is_seen() -> None:
    def write(page: FPDF) -> None:
        page.set_fill_color(0, 0, 120)
        page.set_text_color(255, 255, 255)
        page.cell(0, 8, "Hell auf dunkel", fill=True)

    assert told(read(write)) == [("text", "Hell auf dunkel")]
