"""What Word, browsers and mail programs show is what is read, as far as formats have ways of their own to hide it."""

from __future__ import annotations

import os
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from papers import mail, word

from tilth.assets.documents.decoding import Undecodable, decode
from tilth.assets.documents.kinds import claimed_kind
from tilth.assets.documents.standardise import lines_of, text_of_line
from tilth.assets.documents.values import Parsed, Raw, Settings
from tilth.errors import TilthError

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


@pytest.fixture(scope="module", autouse=True)
def quiet() -> None:
    """Read in this process: what is tested here is no matter of processes."""
    os.environ["DO_NOT_TRACK"] = os.environ["UNSTRUCTURED_DISABLE_NOTICE"] = "1"


def read(name: str, content: bytes | str) -> Parsed:
    from tilth.assets.documents.reading import read

    return read(Raw(name, content if isinstance(content, bytes) else content.encode()), Settings())


def shown(parsed: Parsed) -> list[str]:
    return [one.text for one in parsed.elements]


def hidden(parsed: Parsed) -> list[str | None]:
    return [one.value for one in parsed.findings if one.rule == "hidden_text"]


def with_xml(*blocks: str) -> bytes:
    """A Word document whose body holds this."""
    from docx.oxml import parse_xml

    def write(document: Any) -> None:
        body = document.element.body
        for block in blocks:
            body.insert(len(body) - 1, parse_xml(block.replace(">", f" {W}>", 1)))

    return word(write)


def test_tracked_changes_are_read_as_they_are_shown() -> None:
    content = with_xml(
        "<w:p><w:r><w:t xml:space='preserve'>Frist: </w:t></w:r>"
        "<w:del w:id='1' w:author='a'><w:r><w:delText>30</w:delText></w:r></w:del>"
        "<w:ins w:id='2' w:author='a'><w:r><w:t>14</w:t></w:r></w:ins>"
        "<w:r><w:t xml:space='preserve'> Tage</w:t></w:r></w:p>"
    )
    assert shown(read("a.docx", content)) == ["Frist: 14 Tage"]


def test_content_controls_and_text_boxes_are_read() -> None:
    box = (
        "<w:p><w:r><w:t>Davor</w:t></w:r><w:r><w:pict><v:textbox xmlns:v='urn:schemas-microsoft-com:vml'>"
        "<w:txbxContent><w:p><w:r><w:t>Im Kasten</w:t></w:r></w:p></w:txbxContent></v:textbox></w:pict></w:r></w:p>"
    )
    control = "<w:sdt><w:sdtContent><w:p><w:r><w:t>Im Steuerelement</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    assert shown(read("a.docx", with_xml(control, box))) == ["Im Steuerelement", "Davor", "Im Kasten"]


def test_white_in_a_dark_cell_is_seen_and_a_style_can_hide() -> None:
    def run(properties: str, text: str) -> str:
        return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"

    white = run("<w:color w:val='FFFFFF'/>", "hell")
    cell = f"<w:tc><w:tcPr><w:shd w:fill='1F3864'/></w:tcPr><w:p>{white}</w:p></w:tc>"
    table = f"<w:tbl><w:tblPr/><w:tblGrid><w:gridCol/></w:tblGrid><w:tr>{cell}</w:tr></w:tbl>"
    assert shown(read("a.docx", with_xml(table))) == ["hell"]
    one = read(
        "a.docx",
        with_xml(f"<w:p>{run('', 'zu sehen')}{run('<w:sz w:val=' + chr(39) + '2' + chr(39) + '/>', 'winzig')}</w:p>"),
    )
    assert (shown(one), hidden(one)) == (["zu sehen"], ["winzig"])

    def styled(document: Any) -> None:
        style = document.styles.add_style("Geheim", 1)
        style.font.hidden = True
        document.styles.add_style("Erbe", 1).base_style = style
        document.add_paragraph("zu sehen")
        document.add_paragraph("geheim", "Erbe")

    one = read("a.docx", word(styled))
    assert (shown(one), hidden(one)) == (["zu sehen"], ["geheim"])


def test_the_title_of_a_document_stands_above_its_headings() -> None:
    def write(document: Any) -> None:
        document.add_heading("Handbuch", 0)
        document.add_heading("Versand", 1)
        document.add_paragraph("Kisten wiegen.")

    elements = read("a.docx", word(write)).elements
    assert [(one.text, one.level) for one in elements] == [("Handbuch", 1), ("Versand", 2), ("Kisten wiegen.", None)]


def test_headers_of_pages_come_last() -> None:
    def write(document: Any) -> None:
        document.sections[0].header.paragraphs[0].text = "Höß GmbH"
        document.add_paragraph("Kisten wiegen.")

    elements = read("a.docx", word(write)).elements
    assert [(one.kind, one.text) for one in elements] == [("text", "Kisten wiegen."), ("margin", "Höß GmbH")]


@pytest.mark.parametrize(
    ("page", "seen", "unseen"),
    [
        ("<details><summary>Mehr</summary><p>dazu</p></details>", ["Mehr", "dazu"], []),
        ("<main><p>Kern</p></main><footer><p>Fuß</p></footer>", ["Kern", "Fuß"], []),
        ("<figure><img src=x alt='nicht zu sehen'><figcaption>Bild 1</figcaption></figure>", ["Bild 1"], []),
        ("<div style='font-size:0'><p style='font-size:12px'>doch</p></div>", ["doch"], []),
        ("<div style='color:white'><p style='background:navy'>hell</p></div>", ["hell"], []),
        ("<body style='color:#fff'><p style='background:url(x.png)'>auf Bild</p></body>", ["auf Bild"], []),
        ("<p>a1<font color=white>weiß</font> b1</p>", ["a1 b1"], ["weiß"]),
        ("<p>a1<span style='opacity: 0'>x</span></p>", ["a1"], ["x"]),
        ("<style>#a .b{display:none} .c{display:none}</style><p class=c>x</p><p class=b>y1</p>", ["y1"], ["x"]),
        ("<style>@media print{p{display:none}}</style><p>auf dem Schirm</p>", ["auf dem Schirm"], []),
        ("<script>var a = 'nie';</script><noscript>ohne</noscript><p>mit</p>", ["mit"], []),
        ("<table hidden><tr><td>x</td></tr></table><p>y1</p>", ["y1"], ["x"]),
    ],
)
def test_a_page_is_read_as_a_browser_shows_it(page: str, seen: list[str], unseen: list[str]) -> None:
    one = read("a.html", f"<!doctype html>{page}")
    assert (shown(one), hidden(one)) == (seen, unseen)


def test_front_matter_is_facts_and_not_text() -> None:
    one = read("a.md", "---\ntitle: 'Handbuch'\nauthor: Team Lager\ndate: 2025-11-01\n---\n\nKisten wiegen.\n")
    assert (one.title, one.author, one.created_at, shown(one)) == (
        "Handbuch", "Team Lager", "2025-11-01", ["Kisten wiegen."],
    )  # fmt: skip


def test_code_keeps_its_lines() -> None:
    one = read("a.md", "Davor\n\n```\nif a:\n    b\n```\n")
    assert [(element.kind, element.text) for element in one.elements] == [("text", "Davor"), ("code", "if a:\n    b")]


def test_attachments_of_one_name_are_told_apart_and_none_leads_elsewhere() -> None:
    several = [("a.txt", b"eins ist da"), ("a.txt", b"zwei ist da"), ("../../etc/b.txt", b"drei ist da")]
    one = read("m.eml", mail("x", "Text", attached=several))
    parts = [(element.part, element.text) for element in one.elements if element.part]
    assert parts == [("a.txt", "eins ist da"), ("a.txt (2)", "zwei ist da"), ("b.txt", "drei ist da")]


@given(st.text() | st.text(st.sampled_from("aéé\ufb01\u00ad\u200b\u202e \u00a0\t\nﬁẞ\ud800")))
def test_text_is_standardised_once_and_for_all(text: str) -> None:
    for standard in (text_of_line, lines_of):
        kept = standard(text)
        assert standard(kept) == kept
        assert unicodedata.is_normalized("NFC", kept)
        assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in kept if letter != "\n")
    assert "\n" not in text_of_line(text)
    assert "  " not in text_of_line(text)


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_in_unicode_is_read(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), None).text == text.removeprefix("\ufeff" if encoding == "utf-8" else "")


@given(st.binary(), st.sampled_from([None, "cp1252", "latin-1"]))
def test_bytes_are_a_text_or_refused(content: bytes, declared: str | None) -> None:
    try:
        assert isinstance(decode(content, declared).text, str)
    except Undecodable as error:
        assert str(error)
        assert not isinstance(error, TilthError)


def test_names_claim_what_their_ending_says() -> None:
    names = {"a.PDF": "pdf", "b/c.htm": "html", "d.markdown": "md", "e": None, "f.xyz": None, "g.tar.gz": "gz"}
    assert {name: claimed_kind(name) for name in names} == names
