"""What a declaration's `format:` block says, as values, and every mistake in it.

Holds the formats and the reading of their options. No file is opened here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tilth.connectors.files.options import Options
from tilth.connectors.files.text import encoding_problem

__all__ = ["Delimited", "Documents", "Excel", "Field", "FixedWidth", "Form", "Mark", "Tombstones", "form_of"]

_KINDS = ("fixed_width", "delimited", "excel", "documents")
_MOST_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a fixed-width record; `start` counts characters from 0."""

    name: str
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Mark:
    """How lines of one type begin, and where such a line says how many detail records there are."""

    match: str
    count: Field | None = None


@dataclass(frozen=True, slots=True)
class FixedWidth:
    """Records of one length, a line each."""

    encoding: str
    fields: tuple[Field, ...]
    length: int | None = None  # characters of a detail record; None: as the first one, at least to the last field's end
    trim: bool = True  # the padding is the format's, not the value's
    header: Mark | None = None
    record: Mark | None = None
    trailer: Mark | None = None


@dataclass(frozen=True, slots=True)
class Delimited:
    """Cells between delimiters, in a declared dialect."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    lenient: bool = False  # read stray quotes as well as can be, instead of refusing the file
    header: bool = True
    columns: tuple[str, ...] = ()
    keep_ragged: bool = False


@dataclass(frozen=True, slots=True)
class Excel:
    """One sheet of an XLSX workbook."""

    sheet: str | int | None = None  # name or position from 1; None: the only visible one
    header: int = 1  # row of the names, from 1; 0: none
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Documents:
    """Each file is one record: its name and its bytes."""

    max_bytes: int = _MOST_BYTES  # the content of a larger file is not taken, only told of


@dataclass(frozen=True, slots=True)
class Tombstones:
    """Which records tell of a deletion."""

    column: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Form:
    """A whole `format:` block."""

    reader: FixedWidth | Delimited | Excel | Documents
    picture: bool = False  # each file is a full picture of the object
    tombstones: Tombstones | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns as declared; empty when only the files know them."""
        if isinstance(self.reader, FixedWidth):
            return tuple(field.name for field in self.reader.fields)
        return () if isinstance(self.reader, Documents) else self.reader.columns


def form_of(raw: Mapping[str, object], *, replaces: bool = False) -> tuple[Form | None, list[str]]:
    """The format that `raw` declares, and all mistakes in it; None when there are any.

    Of a table that each pull `replaces`, a file is a full picture where nothing else is declared.
    """
    options = Options(raw, "format")
    kind = options.choice("kind", _KINDS, default=None)
    if kind is None:
        return None, options.problems
    if kind == "documents":
        documents = Documents(options.number("max_bytes", least=1) or _MOST_BYTES)
        options.leftover()
        return (None if options.problems else Form(documents)), options.problems
    picture = options.choice("picture", ("changes", "full"), default="full" if replaces else "changes") == "full"
    tombstones = _tombstones(options.block("tombstones"))
    reader = {"fixed_width": _fixed_width, "delimited": _delimited, "excel": _excel}[kind](options)
    form = Form(reader, picture, tombstones)
    options.leftover()
    if tombstones and form.columns and tombstones.column:
        options.known("tombstones.column", tombstones.column, form.columns)
    return (None if options.problems else form), options.problems


def _tombstones(block: Options | None) -> Tombstones | None:
    if block is None:
        return None
    column = block.text("column", required=True)
    values = block.texts("values")
    if not values:
        block.problem("values", "a list of texts that mean deleted, for example [D]")
    block.leftover()
    return Tombstones(column or "", frozenset(values))


def _fixed_width(options: Options) -> FixedWidth:
    fields = tuple(field for block in options.blocks("fields") if (field := _field(block, named=True)))
    options.unique("fields", [field.name for field in fields])
    length = options.number("length", least=1)
    end = max((field.start + field.width for field in fields), default=0)
    if length is not None and length < end:
        options.problem("length", f"at least {end}, where the last field ends", length)
    trim = options.flag("trim", default=True)
    header, record, trailer = (_mark(options, name) for name in ("header", "record", "trailer"))
    return FixedWidth(_encoding(options), fields, length, trim, header, record, trailer)


def _field(block: Options, *, named: bool) -> Field | None:
    name = block.text("name", required=True) if named else "count"
    if "from" in block.raw or "to" in block.raw:
        start, end = block.number("from", least=1, required=True), block.number("to", least=1, required=True)
        width = end - start + 1 if start and end else None
        if width is not None and width < 1:
            block.problem("to", "not before `from`", end)
    else:
        start, width = block.number("start", least=1, required=True), block.number("width", least=1, required=True)
    block.leftover()
    return Field(name, start - 1, width) if name and start and width and width > 0 else None


def _mark(options: Options, name: str) -> Mark | None:
    if not isinstance(options.raw.get(name), Mapping):
        match = options.text(name)
        return Mark(match) if match else None
    block = options.block(name)
    if block is None:
        return None
    match = block.text("match", required=True)
    count = block.block("count") if name == "trailer" else None
    span = _field(count, named=False) if count else None
    block.leftover()
    return Mark(match or "", span)


def _delimited(options: Options) -> Delimited:
    header = options.flag("header", default=True)
    columns = options.texts("columns")
    options.unique("columns", columns)
    if not header and not columns:
        options.problem("columns", "the names of the columns, when there is no header")
    delimiter = options.character("delimiter", default=",")
    quote, escape = options.character("quote", default='"'), options.character("escape", default=None)
    if len({delimiter, quote, escape} - {None}) < 3 - (quote is None) - (escape is None):
        options.problem("delimiter", "another character than quote and escape", delimiter)
    return Delimited(
        encoding=_encoding(options),
        delimiter=delimiter or ",",
        quote=quote,
        escape=escape,
        lenient=options.choice("quotes", ("strict", "lenient"), default="strict") == "lenient",
        header=header,
        columns=columns,
        keep_ragged=options.choice("ragged", ("refuse_file", "keep"), default="refuse_file") == "keep",
    )


def _excel(options: Options) -> Excel:
    sheet = options.raw.get("sheet")
    options.seen.add("sheet")
    if isinstance(sheet, bool) or not (sheet is None or isinstance(sheet, (str, int))) or sheet in (0, ""):
        options.problem("sheet", "a sheet's name or its position from 1", sheet)
        sheet = None
    absent = options.raw.get("header") is False
    header = 0 if absent else options.number("header", least=1) or 1
    options.seen.add("header")
    columns = options.texts("columns")
    options.unique("columns", columns)
    if absent and not columns:
        options.problem("columns", "the names of the columns, when there is no header")
    return Excel(sheet if isinstance(sheet, (str, int)) else None, header, columns)


def _encoding(options: Options) -> str:
    name = options.text("encoding") or "utf-8"
    problem = encoding_problem(name)
    if problem:
        options.problems.append(f"{options.path}.{problem}")
    return name
