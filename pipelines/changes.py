"""What a line of a file that came back changes of its record: a cell that says what was exported is no correction."""

from __future__ import annotations

from collections.abc import Mapping

from tilth.pipelines.corrections import CELL, Cell, Line, safe, trouble
from tilth.schemas.near import near
from tilth.schemas.spec import Column, Spec

__all__ = ["Changed", "changes_of", "touched"]

Changed = dict[str, tuple[str | None, str | None]]
"""Source column → its value as pulled, and the one in its place."""

_ERRORS = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#SPILL!", "#CALC!", "#ERROR")
"""What spreadsheets write in place of a value that they cannot make."""


def changes_of(line: Line, raw: Mapping[str, str | None], spec: Spec, key: str | None) -> Changed:
    """What a line changes of the record as pulled, which was exported with this key."""
    readers = {column.source: column for column in reversed(spec.columns)}
    unknown = [name for name, cell in line.cells.items() if name not in raw and cell]
    if unknown:
        what, meant = f"this record has no column {unknown[0]}", near(unknown[0], raw)
        raise trouble(what, line.where, expected=meant)
    found: Changed = {
        name: (raw[name], _value(cell, readers.get(name), line.where))
        for name, cell in line.cells.items()
        if name in raw and _changed(cell, raw[name])
    }
    for column, cell in line.fixes.items():
        _fix(found, line, raw, spec, column, cell)
    sources = [column.source for column in spec.columns if column.key]
    if line.key and _changed(line.key, key) and not found.keys() & set(sources):
        what = "the column _key only says which record it is: correct the record's own columns"
        raise trouble(what, line.where, expected=", ".join(sources), got=line.key.text)
    return found


def touched(line: Line, raw: Mapping[str, str | None], key: str | None) -> bool:
    """Whether anybody changed anything of the record, which was exported with this key, in this line."""
    cells = any(_changed(cell, raw.get(name)) for name, cell in line.cells.items())
    return cells or bool(line.fixes) or (line.key is not None and _changed(line.key, key))


def _fix(found: Changed, line: Line, raw: Mapping[str, str | None], spec: Spec, column: str, cell: Cell) -> None:
    """Add to what was `found` in a line what the sheet of reasons corrects of a contract's column."""
    reader = next((one for one in spec.columns if one.name == column), None)
    source = reader.source if reader else column
    if reader is None and source not in raw:
        meant = near(column, [one.name for one in spec.columns])
        raise trouble(f"this record has no column {column}", f"{line.where}, sheet reasons", expected=meant)
    new = _value(cell, reader, line.where)
    if source in found and found[source][1] != new:
        what = f"{source} is corrected in both sheets, and not alike"
        raise trouble(what, line.where, expected=found[source][1] or "no value", got=new or "no value")
    if _changed(cell, raw.get(source)):
        found[source] = (raw.get(source), new)


def _changed(cell: Cell | None, raw: str | None) -> bool:
    """Whether a cell says anything else than what was exported for `raw`."""
    shown = safe(raw)
    return (cell.text if cell else "") not in (shown, shown[:CELL], raw or "")


def _value(cell: Cell | None, column: Column | None, where: str) -> str | None:
    """What a changed cell says: without the apostrophe that makes it safe, and a number in the column's own way."""
    if cell is None:
        return None
    if cell.text in _ERRORS:
        raise trouble("this cell holds an error, and no value", where, got=cell.text)
    if cell.number:
        return cell.text.replace(".", column.decimal) if column else cell.text
    bare = cell.text[1:]
    return bare if cell.text.startswith("'") and safe(bare) == cell.text else cell.text
