"""What is inside an XLSX file besides its cells: whether it is one, and the cells that look empty and are not.

The reader of cells gives an error such as #DIV/0! as an empty cell, and so a formula that has no value yet, because the
program that wrote it works nothing out. Both are looked up here.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from typing import IO, BinaryIO
from xml.etree import ElementTree

from tilth.connectors.files.refused import Refused, content_of

__all__ = ["errors_in", "require_workbook"]

_UNPACKED = 4 << 30
_READ = 1 << 20
_MAIN = "xl/workbook.xml"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_LINK_STRICT = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


def require_workbook(file: BinaryIO) -> None:
    """Refuse what is no XLSX workbook, is damaged, or would unpack to more than a machine can hold."""
    found = content_of(file)
    expected = "an XLSX workbook"
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except Exception as error:  # a damaged archive makes zipfile raise nearly anything
        told = (
            found if found and not found.startswith("a ZIP") else f"a damaged ZIP archive ({error})" if found else None
        )
        raise Refused("not_readable", expected, value=told or "neither a ZIP archive nor an Office file") from None
    if _MAIN not in {entry.filename for entry in entries}:
        raise Refused("not_readable", expected, value="a ZIP archive without a workbook")
    size = sum(entry.file_size for entry in entries)
    if size > _UNPACKED:
        raise Refused("too_large", f"a workbook that unpacks to at most {_UNPACKED} bytes", value=f"{size} bytes")
    file.seek(0)


def errors_in(file: BinaryIO, sheet: str, *, unvalued: str | None = None) -> dict[tuple[int, int], str]:
    """The error cells of a sheet: (row, column), both from 0, to the error's text.

    `unvalued`: so are formulas without a value; this and the cell's name are their text.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            name = _part_of(archive, sheet)
            if name is None or (unvalued is None and not _has_errors(archive, name)):
                return {}
            with archive.open(name) as xml:
                return dict(_errors(xml, unvalued))
    except Exception as error:  # as above, and the XML in it
        raise Refused("not_readable", "an XLSX workbook", value=f"a damaged one ({error})") from None


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    book = ElementTree.fromstring(archive.read(_MAIN))
    links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    for entry in book.iter():
        if entry.tag.endswith("}sheet") and entry.get("name") == sheet:
            target = targets.get(entry.get(_LINK) or entry.get(_LINK_STRICT))
            return posixpath.normpath(posixpath.join("/xl", target))[1:] if target else None
    return None


def _has_errors(archive: zipfile.ZipFile, name: str) -> bool:
    before = b""
    with archive.open(name) as xml:
        while data := xml.read(_READ):
            if b't="e"' in before + data or b"t='e'" in before + data:
                return True
            before = data[-5:]
    return False


def _errors(xml: IO[bytes], unvalued: str | None) -> Iterator[tuple[tuple[int, int], str]]:
    for _, cell in ElementTree.iterparse(xml):
        if cell.tag.endswith("}c") and cell.get("t") == "e":
            text = next((part.text for part in cell if part.tag.endswith("}v")), None)
            yield _place(cell.get("r", "")), text or "#ERROR"
        elif unvalued is not None and cell.tag.endswith("}c") and _unvalued(cell):
            yield _place(cell.get("r", "")), unvalued + cell.get("r", "")
        elif cell.tag.endswith("}row"):
            cell.clear()


def _unvalued(cell: ElementTree.Element) -> bool:
    """Whether a cell holds a formula that nobody worked out: a text of no letters (`str`) is a value."""
    parts = {part.tag.rpartition("}")[2]: part for part in cell}
    return "f" in parts and ("v" not in parts or (cell.get("t") != "str" and not parts["v"].text))


def _place(reference: str) -> tuple[int, int]:
    letters = reference.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return int(reference[len(letters) :]) - 1, column - 1
